"""Asks receivers in turn what people did there, and tells the desk."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from alerts.desk import Desk
from alerts.errors import StaleError
from alerts.inbound.poll import Poll
from alerts.inbound.sender import Said
from alerts.receivers.receiver import Outcome, Result

OVERLAP_S: Final = 300.0
"""Before the last time, so that what an index learned of late, or a clock that differs, hides nothing."""
LONGEST_WAIT_S: Final = 3_600.0


class Asked(msgspec.Struct):
    """One receiver that is asked every `poll_s` seconds, and where that stands.

    `due` is when to ask next; `started` and `page` are of the round that is not finished, `failures` in a row.
    """

    poll: Poll
    poll_s: float
    due: float = 0.0
    started: float = 0.0
    page: str = ""
    failures: int = 0


class Poller:
    """Asks receivers in rounds, a call a step, and tells the desk what they say.

    A round begins a little before the last one did, and what was heard before is known by its id. Only a finished round
    moves the cursor, which is in the database, so that after a crash the round is asked again.

    Args:
        desk: acquired by this process.
        asked: by the receivers' names.
        may_call: whether a receiver's limits leave room for a call; counts it.
        told: hears how each call went.
    """

    def __init__(
        self,
        desk: Desk,
        asked: Mapping[str, Asked],
        may_call: Callable[[str, float], bool],
        told: Callable[[str, Outcome], None],
    ) -> None:
        self._desk, self._asked, self._may_call, self._told = desk, asked, may_call, told

    def step(self, now: float) -> int:
        """Ask those whose time has come, each at most once; how many were asked."""
        ripe = [name for name, one in self._asked.items() if now >= one.due and self._may_call(name, now)]
        for name in ripe:
            self._ask(name, self._asked[name], now)
        return len(ripe)

    def wait_s(self, now: float, longest: float) -> float:
        """How long nobody is to be asked, at most `longest` seconds."""
        return min([longest, *[max(one.due - now, 0.0) for one in self._asked.values()]])

    def _ask(self, name: str, one: Asked, now: float) -> None:
        if not one.page:
            one.started = now
        cursor = self._desk.cursor(name)
        since = (one.started if cursor is None else cursor) - OVERLAP_S
        page = one.poll.read(since, one.started, one.page)
        self._told(name, page.outcome)
        if page.outcome.result is not Result.DELIVERED:
            one.failures, one.page = one.failures + 1, ""
            wait = min(one.poll_s * 2.0 ** min(one.failures, 20), LONGEST_WAIT_S)
            one.due = now + max(wait, page.outcome.retry_after_s or 0.0)
            return
        for said in sorted(page.said, key=lambda said: said.time):
            self._hear(name, said, now)
        one.page, one.failures = page.following, 0
        if not one.page:
            self._desk.keep_cursor(name, one.started)
            one.due = one.started + one.poll_s

    def _hear(self, name: str, said: Said, now: float) -> None:
        try:
            self._desk.hear(name, said, now)
        except StaleError:
            return  # it was asked for with what is newer
