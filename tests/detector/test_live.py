"""Rounds of a live run: what operators and probes are told."""

import gc
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import pytest
from prometheus_client import generate_latest

from alerts.alert import Alert
from detector.config import Config, RunConfig
from detector.context import Context, read_context
from detector.live import Live
from detector.lookout import Lookout
from streams import SourceError, Tokens
from tests.detector.heard import Heard


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Name:
    name: str


@dataclass(eq=False)
class Here:
    """Stands for a keeper whose shard has nothing to say."""

    shard: Name
    fresh: int = 0
    position: str = ""
    resumed: None = None
    uncommitted_s: float = 0.0


@dataclass
class Hand:
    keepers: list[Here] = field(default_factory=list)
    finished: bool = False
    unready: str = ""

    events: Counter[str] = field(default_factory=Counter)
    poll_seconds: float = 0.0
    lookout: Lookout | None = None

    def advance(self) -> tuple[int, list[Alert]]:
        return 0, []

    def lag(self) -> dict[str, int]:
        return {here.shard.name: 7 for here in self.keepers}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def live_of(hand: Any, clock: Clock, log: Heard) -> Live:
    return Live(hand, RunConfig(watchdog_s=60, silence_s=300), BytesIO(), log, clock)


def test_it_lives_while_its_rounds_come_round(clock: Clock) -> None:
    live = live_of(Hand(), clock, Heard())
    live.round()
    clock.now += 59
    assert live.alive() == ""
    clock.now += 2
    assert live.alive() == "no round for 61 s"
    live.round()
    assert live.alive() == ""


def test_it_is_ready_when_its_hand_is_and_says_once_why_it_is_not(clock: Clock) -> None:
    hand, log = Hand(unready="the store is away"), Heard()
    live = live_of(hand, clock, log)
    live.round()
    live.round()
    assert live.ready() == "the store is away"
    assert [event for event, _ in log.lines] == ["not ready"]
    hand.unready = ""
    live.round()
    assert live.ready() == ""


def test_a_shard_that_falls_silent_is_reported_once_and_so_is_its_return(clock: Clock) -> None:
    here, log = Here(Name("t-0-of-1"), fresh=3), Heard()
    live = live_of(Hand([here]), clock, log)
    for _ in range(8):
        live.round()
        here.fresh = 0
        clock.now += 60
    assert 'innerwatch_silent_seconds{shard="t-0-of-1"} 420.0' in generate_latest(live.metrics.registry).decode()
    assert [event for event, _ in log.lines] == ["shard is here", "shard is silent"]
    assert log.lines[-1][1] == {"shard": "t-0-of-1", "seconds": 300}
    here.fresh = 1
    live.round()
    assert log.lines[-1] == ("shard is heard again", {"shard": "t-0-of-1"})


def test_what_a_shard_was_measured_by_goes_with_it(clock: Clock) -> None:
    hand, log = Hand([Here(Name("t-0-of-1"))]), Heard()
    live = live_of(hand, clock, log)
    live.round()
    assert 'shard="t-0-of-1"' in generate_latest(live.metrics.registry).decode()
    hand.keepers = []
    live.round()
    text = generate_latest(live.metrics.registry).decode()
    assert 'shard="t-0-of-1"' not in text
    assert "innerwatch_shards 0.0" in text
    assert log.lines[-1] == ("shard is gone", {"shard": "t-0-of-1"})


def test_the_memory_of_a_shard_goes_with_it_though_it_and_its_keeper_know_each_other(clock: Clock) -> None:
    here = Here(Name("t-0-of-1"))
    here.shard.keeper = here  # type: ignore[attr-defined]
    hand, left = Hand([here, Here(Name("t-1-of-1"))]), weakref.ref(here)
    live = live_of(hand, clock, Heard())
    live.round()
    del here
    hand.keepers = hand.keepers[1:]
    gc.disable()
    try:
        live.round()
        assert left() is None
    finally:
        gc.enable()


def test_a_refused_commit_is_said_and_counted(clock: Clock) -> None:
    hand, log = Hand([Here(Name("t-0-of-1"))]), Heard()
    live = live_of(hand, clock, log)
    hand.events["refused"] = 1
    live.round()
    live.round()
    assert [facts for event, facts in log.lines if "refused" in event] == [{"refused": 1}]
    text = generate_latest(live.metrics.registry).decode()
    assert 'innerwatch_shard_events_total{event="refused"} 1.0' in text
    assert 'innerwatch_lag_records{shard="t-0-of-1"} 7.0' in text


def test_a_context_is_said_when_it_changes_and_what_is_wrong_with_it_once(clock: Clock) -> None:
    def read() -> Context:
        if isinstance(seen[-1], SourceError):
            raise seen[-1]
        return seen[-1]

    first = read_context(Config(), Tokens(bytes(16)))
    second = replace(read_context(Config(), Tokens(bytes(17))), complaints=("t-0@1: left out", "t-0@2: left out"))
    seen: list[Any] = [first]
    hand, log = Hand(lookout=Lookout(read, first, 10.0, clock)), Heard()
    live = live_of(hand, clock, log)
    said: list[list[Any]] = []
    for following in (first, second, second, SourceError("away"), SourceError("away"), second):
        seen.append(following)
        clock.now += 10.0
        assert hand.lookout is not None
        hand.lookout.look()
        before = len(log.lines)
        live.round()
        said.append([facts.get("why") or facts["digest"] for event, facts in log.lines[before:] if event == "context"])
    complaints = list(second.complaints)
    assert said[:3] == [[first.digest[:12]], [second.digest[:12], *complaints], []]
    assert said[3:] == [["away", *complaints], [], complaints]
    hand.events["contexts"] = 3
    live.round()
    text = generate_latest(live.metrics.registry).decode()
    assert 'innerwatch_shard_events_total{event="contexts"} 3.0' in text
    assert "innerwatch_context_complaints 2.0" in text
