"""From a verdict at the desk to what a shard tells, and back; a replay meets each where the run did."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.desk import DESK, Desk
from alerts.incident import State, Verdict
from alerts.lines import alert_line
from alerts.store import Store
from alerts.work import By, Close
from detector.app import replay
from detector.config import Config, StateConfig
from detector.context import read_context, with_lessons
from detector.deliver import open_desk
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting, resumed_keeper
from detector.lookout import Lookout
from detector.shard import SHARD
from streams import Tokens
from tests.detector.small import KEY, SmallLog

TOKENS = Tokens(KEY)
HALF = 3_000
NOW = 1_800_000_000.0

pytestmark = pytest.mark.slow


@pytest.fixture
def config(small_log: SmallLog, tmp_path: Path) -> Config:
    return small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 700})


@pytest.fixture
def home(config: Config) -> Iterator[Home]:
    with closing(Home(config.state)) as home:
        yield home


@pytest.fixture
def desk(home: Home, config: Config) -> Iterator[Desk]:
    with closing(open_desk(config)) as desk:
        yield desk


class Run:
    """A live run over a file, whose clock moves when it is told to."""

    def __init__(self, config: Config, home: Home) -> None:
        self.now = 0.0
        context = read_context(config, TOKENS)
        self.keeper = Keeper(Setting(config, TOKENS, context, home, receivers=(DESK,)), SHARD)
        lookout = Lookout(lambda: with_lessons(context, home.store), context, 60.0, lambda: self.now)
        self.feed = Feed(config, self.keeper, lookout=lookout)

    def read(self, most: int = 10**9) -> None:
        while not self.feed.finished and self.keeper.shard.counts["records"] < most:
            self.feed.advance(500)

    def end(self) -> None:
        self.read()
        self.keeper.conclude(None)
        self.feed.close()


def close_all(desk: Desk, verdict: Verdict) -> int:
    while desk.take_in([], [], NOW):
        pass
    found = desk.incidents([State.OPEN])
    for one in found:
        desk.act(one.incident_id, Close(verdict, "read"), By("ana", NOW))
    return len(found)


def bodies(store: Store) -> bytes:
    return b"".join(map(alert_line, store.alerts()))


def taught(config: Config, home: Home, desk: Desk) -> Run:
    """A run that is told in the middle that everything so far was misuse, and goes on."""
    run = Run(config, home)
    run.read(HALF)
    assert close_all(desk, Verdict.TRUE_POSITIVE) > 0
    run.now = 61.0
    run.read(HALF + 1_000)
    assert run.keeper.shard.engine.lessons.held
    return run


def test_a_verdict_takes_effect_at_the_next_look_and_a_replay_meets_it_there(
    config: Config, home: Home, desk: Desk, tmp_path: Path
) -> None:
    taught(config, home, desk).end()
    positions = [change.position for change in home.store.context_changes(SHARD)]
    assert [bool(position) for position in positions] == [False, True]
    alone = config.model_copy(update={"state": StateConfig()})
    again = replay(alone, TOKENS, tmp_path / "letters", recorded=config.state)
    assert b"".join(map(alert_line, again.alerts)) == bodies(home.store)
    untaught = replay(alone, TOKENS, tmp_path / "letters")
    assert b"".join(map(alert_line, untaught.alerts)) != bodies(home.store)


def test_a_verdict_outlives_a_crash_and_one_that_was_taken_back_is_forgotten_at_the_start(
    config: Config, home: Home, desk: Desk, tmp_path: Path
) -> None:
    taught(config, home, desk)  # and no more: what was committed is all that is left
    with resumed_keeper(config, TOKENS, tmp_path / "letters") as keeper:
        assert keeper.shard.engine.lessons.held
    for one, _ in desk.feedback():
        assert desk.withdraw_feedback(one.number, By("bo", NOW))
    with resumed_keeper(config, TOKENS, tmp_path / "letters") as keeper:
        assert not keeper.shard.engine.lessons.held


def test_days_on_which_it_made_a_difference_come_to_the_desk(config: Config, home: Home, desk: Desk) -> None:
    run = taught(config, home, desk)
    held = run.keeper.shard.engine.lessons.held[0]
    held.days += 2
    run.end()
    assert {one.number: days for one, days in desk.feedback()}[held.lesson.number] >= 2
