"""A live run looks again, not too often, and keeps what it has when it cannot."""

import pytest

from detector.config import Config
from detector.context import Context, read_context
from detector.errors import ContextError
from detector.lookout import Lookout
from streams import SourceError, Tokens

FIRST, SECOND = (read_context(Config(), Tokens(bytes(16) + bytes([n]))) for n in range(2))


def test_it_looks_when_its_time_has_come_and_sooner_for_a_shard_that_comes() -> None:
    now = [100.0]
    lookout = Lookout(lambda: SECOND, FIRST, 300.0, lambda: now[0])
    assert not lookout.look()
    assert lookout.context is FIRST
    now[0] = 399.9
    assert not lookout.look()
    assert lookout.look(5.0)
    assert lookout.context is SECOND
    now[0] += 4.9
    assert not lookout.look(5.0)
    assert lookout.look(0.0)
    now[0] += 300.0
    assert lookout.look()


@pytest.mark.parametrize("error", [SourceError("the broker is away"), ContextError("no such")])
def test_a_look_that_fails_says_why_and_leaves_the_context(error: Exception) -> None:
    now, errors = [0.0], [error]

    def read() -> Context:
        if errors:
            raise errors.pop()
        return SECOND

    lookout = Lookout(read, FIRST, 10.0, lambda: now[0])
    now[0] = 10.0
    assert lookout.look()
    assert (lookout.context, lookout.trouble) == (FIRST, str(error))
    now[0] = 20.0
    assert lookout.look()
    assert (lookout.context, lookout.trouble) == (SECOND, "")
