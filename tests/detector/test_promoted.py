"""A promotion in the middle of a live run, at a position that is recorded, where a replay meets it; likewise back."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.bundles import Deed
from alerts.lines import alert_line
from alerts.registry import Registry
from alerts.store import Store
from detector.app import replay
from detector.config import Config, StateConfig
from detector.context import Context, present_context
from detector.feed import Feed
from detector.home import Home, database_of
from detector.keeper import Keeper, Setting
from detector.lookout import Lookout
from detector.lookup import shadowed_in_state
from detector.shard import SHARD
from streams import Tokens
from tests.detector.bundling import Signer, act, add, signer_in
from tests.detector.small import KEY, SmallLog

TOKENS = Tokens(KEY)
HALF = 3_000

pytestmark = pytest.mark.slow


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signer_in(tmp_path)


@pytest.fixture
def config(small_log: SmallLog, signer: Signer, tmp_path: Path) -> Config:
    state = {"folder": str(tmp_path / "state"), "checkpoint_events": 700}
    return small_log.config(state=state, bundles=signer.trusted.model_dump())


@pytest.fixture
def home(config: Config) -> Iterator[Home]:
    with closing(Home(config.state)) as home:
        yield home


@pytest.fixture
def registry(config: Config, home: Home) -> Iterator[Registry]:
    with closing(Registry(database_of(config.state, must_exist=True))) as registry:
        yield registry


class Run:
    """A live run over a file, whose clock moves when it is told to."""

    def __init__(self, config: Config, home: Home) -> None:
        self.now = 0.0
        context = present_context(config, TOKENS, home.store)

        def read() -> Context:
            return present_context(config, TOKENS, home.store, self.lookout.context)

        self.lookout = Lookout(read, context, 60.0, lambda: self.now)
        self.keeper = Keeper(Setting(config, TOKENS, context, home), SHARD)
        self.feed = Feed(config, self.keeper, lookout=self.lookout)

    def read(self, records: int) -> None:
        """So many records more, after a look."""
        self.now += 61.0
        end = self.keeper.shard.counts["records"] + records
        while not self.feed.finished and self.keeper.shard.counts["records"] < end:
            self.feed.advance(500)

    def end(self) -> None:
        self.read(10**9)
        self.keeper.conclude(None)
        self.feed.close()


def changes(store: Store) -> list[tuple[int, str, str]]:
    return [(change.number, change.position, change.digest) for change in store.context_changes(SHARD)]


def bodies(store: Store) -> bytes:
    return b"".join(map(alert_line, store.alerts()))


def test_a_promotion_and_a_rollback_are_met_again_where_the_live_run_met_them(
    config: Config, home: Home, registry: Registry, signer: Signer, tmp_path: Path
) -> None:
    run = Run(config, home)
    run.read(HALF)
    spring, summer = (
        add(registry, name, signer.seal_alarmed(name, nats)) for name, nats in (("spring", 3.0), ("summer", 5.0))
    )
    act(registry, Deed.PROMOTE, spring)
    run.read(700)
    assert run.lookout.context.champion is not None
    assert run.lookout.context.champion.digest == spring
    act(registry, Deed.SHADOW, summer)
    run.read(700)
    run.feed.settle()
    (shadowed,) = shadowed_in_state(config.state, summer)
    assert shadowed.shard == SHARD
    assert shadowed.days > 0
    assert shadowed_in_state(config.state, spring) == []
    act(registry, Deed.PROMOTE, summer)
    run.read(700)
    act(registry, Deed.ROLLBACK, summer)
    run.end()
    made = changes(home.store)
    # Without, with spring, beside summer, with summer, with spring again: a change each, and no other.
    assert [number for number, _, _ in made] == [1, 2, 3, 4, 5]
    assert made[4][2] == made[1][2]
    assert len({position for _, position, _ in made}) == 5
    other = StateConfig(folder=tmp_path / "other", checkpoint_events=1_100)
    for _ in range(2):  # the second goes on from the end of the first, whose bundles are in the run's registry alone
        again = replay(config.model_copy(update={"state": other}), TOKENS, tmp_path / "letters", recorded=config.state)
        assert b"".join(map(alert_line, again.alerts)) == bodies(home.store)
        with closing(Home(other, read_only=True)) as repeated:
            assert changes(repeated.store) == made
    # The promotions decide something: without them other alerts are told.
    alone = config.model_copy(update={"state": StateConfig()})
    untouched = replay(alone, TOKENS, tmp_path / "letters")
    assert b"".join(map(alert_line, untouched.alerts)) != bodies(home.store)


def test_a_run_that_was_killed_after_a_promotion_goes_on_with_the_champion_and_records_it_once(
    config: Config, home: Home, registry: Registry, signer: Signer, tmp_path: Path
) -> None:
    run = Run(config, home)
    run.read(HALF)
    act(registry, Deed.PROMOTE, add(registry, "spring", signer.seal_alarmed("spring", 4.0)))
    run.read(500)  # and no more: what was committed is all that is left
    again = Run(config, home)
    assert again.keeper.resumed is not None
    again.end()
    made = changes(home.store)
    assert [bool(position) for _, position, _ in made] == [False, True]
    alone = config.model_copy(update={"state": StateConfig()})
    repeated = replay(alone, TOKENS, tmp_path / "letters", recorded=config.state)
    assert b"".join(map(alert_line, repeated.alerts)) == bodies(home.store)


def test_a_live_run_goes_on_past_a_champion_that_it_cannot_take(
    config: Config, home: Home, registry: Registry, signer: Signer
) -> None:
    run = Run(config, home)
    run.read(HALF)
    bad = add(registry, "bad", signer.seal("bad", versions={"scikit-learn": "0.1"}))
    act(registry, Deed.PROMOTE, bad)
    run.read(700)
    assert len(run.lookout.context.complaints) == 1
    act(registry, Deed.PROMOTE, add(registry, "good", signer.seal("good")))
    run.end()
    assert run.lookout.context.complaints == ()
    assert len(changes(home.store)) == 2
