"""What is said of drift, on a simulated insurer and on two that change on a day; and what is recommended when."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.labels import Label
from detector.bundles import OLDEST_DAYS
from detector.config import Config
from detector.context import read_context
from detector.drift_report import (
    LEAST_VERDICTS,
    MUCH_DRIFT,
    NEW_VERDICTS,
    SOME_DRIFT,
    Act,
    Change,
    DetectionShift,
    ShardDrift,
    Shift,
    Training,
    drift_of,
    recommended,
    report_of,
)
from detector.report import drift_lines
from detector.shard import SHARD, Shard
from detector.simulation import SimulationConfig, simulate
from streams import Position, Record, Tokens

NOW = 1_800_000_000.0
DAY_S = 86_400.0
CALM = Training(NOW, (), None)


def label(number: int, verdict: str, given: float = NOW - DAY_S, withdrawn: float | None = None) -> Label:
    opened = datetime.fromtimestamp(given, UTC)
    return Label(alert_id=f"a{number}", actor="E-1", incident_id=f"i{number}", verdict=verdict, opened_at=opened,
                 given=given, withdrawn=withdrawn)  # fmt: skip


def drifted(index: float | None, *changes: str) -> ShardDrift:
    shift = None
    if index is not None:
        shift = Shift(index=index, odd=(0.04, 0.01), above=0.001, upto=0.01, there=(0.03, 0.005))
    one = DetectionShift(detection="odd_hours", actor_days=(700, 2_800), shift=shift)
    told = tuple(Change(what=what, share=(0.4, 0.1)) for what in changes)
    return ShardDrift(shard="0", recent=None, reference=None, detections=(one,), changes=told)


@pytest.mark.parametrize(
    ("shard", "training", "act", "says"),
    [
        (drifted(SOME_DRIFT), CALM, Act.NOTHING, "no index is above 0.1"),
        (drifted(None), CALM, Act.NOTHING, "fewer than 500 actor-days"),
        (drifted(MUCH_DRIFT), CALM, Act.LOOK, "index above 0.1: odd_hours"),
        (drifted(MUCH_DRIFT + 0.01), CALM, Act.RETRAIN, "index above 0.25: odd_hours"),
        (drifted(0.4, "events with a stated purpose"), CALM, Act.LOOK, "is that meant to stay?"),
        (drifted(0.0, "events with a stated purpose"), CALM, Act.NOTHING, "no index"),
        (drifted(0.0), Training(NOW, (), NOW - (OLDEST_DAYS + 1) * DAY_S), Act.RETRAIN, "181 days ago"),
        (drifted(0.0), Training(NOW, (), NOW - OLDEST_DAYS * DAY_S), Act.NOTHING, "no index"),
    ],
)
def test_a_recommendation_follows_from_drift_changes_and_age(
    shard: ShardDrift, training: Training, act: Act, says: str
) -> None:
    found, reasons = recommended([shard], training)
    assert found is act
    assert any(says in reason for reason in reasons), reasons


def test_enough_new_verdicts_are_a_reason_once_there_is_a_bundle_that_does_not_know_them() -> None:
    new = [label(number, "benign_positive") for number in range(NEW_VERDICTS)]
    old = [label(number, "benign_positive", NOW - 90 * DAY_S) for number in range(100, 200)]
    trained = NOW - 60 * DAY_S
    assert recommended([drifted(0.0)], Training(NOW, [*old, *new], trained))[0] is Act.RETRAIN
    assert recommended([drifted(0.0)], Training(NOW, [*old, *new[1:]], trained))[0] is Act.NOTHING
    assert recommended([drifted(0.0)], Training(NOW, [*old, *new], None))[0] is Act.NOTHING
    same = [label(1, "benign_positive") for _ in range(NEW_VERDICTS)]
    gone = [label(number, "benign_positive", withdrawn=NOW) for number in range(NEW_VERDICTS)]
    unsure = [label(number, "undetermined") for number in range(NEW_VERDICTS)]
    for labels in (same, gone, unsure):
        assert recommended([drifted(0.0)], Training(NOW, labels, trained))[0] is Act.NOTHING


def test_many_false_positives_of_late_are_worth_a_look() -> None:
    false = [label(number, "false_positive") for number in range(LEAST_VERDICTS)]
    act, (reason,) = recommended([drifted(0.0)], Training(NOW, false, None))
    assert (act, reason) == (Act.LOOK, "10 of the 10 verdicts of the last 30 days are false positives")
    mixed = [*false, *(label(number, "true_positive") for number in range(50, 53))]
    assert recommended([drifted(0.0)], Training(NOW, mixed, None))[0] is Act.NOTHING
    assert recommended([drifted(0.0)], Training(NOW, false[1:], None))[0] is Act.NOTHING
    long_ago = [label(number, "false_positive", NOW - 31 * DAY_S) for number in range(LEAST_VERDICTS)]
    assert recommended([drifted(0.0)], Training(NOW, long_ago, None))[0] is Act.NOTHING


INSURER = SimulationConfig(staff=130, days=39, seed=11, start="2026-05-11", warm_up_days=20)
CHANGES_ON = "2026-06-12"
"""A Friday, seven days before the end; weekends have events as well, so these are what is compared."""


@dataclass(frozen=True)
class Insurer:
    """An insurer up to the day of the change: a shard's state, and what the log has after it."""

    config: Config
    before: Shard
    after: tuple[dict[str, object], ...]

    def went_on(self, events: Sequence[dict[str, object]]) -> Shard:
        """A shard that knew the past and has seen these events."""
        shard = empty(self.config)
        shard.restore(self.before.snapshot())
        feed(shard, [json.dumps(event).encode() for event in events], first=10_000_000)
        shard.conclude(None)
        return shard


def empty(config: Config) -> Shard:
    tokens = Tokens(b"0123456789abcdef")
    return Shard(SHARD, config, read_context(config, tokens), tokens, lambda _: None)


def feed(shard: Shard, lines: Sequence[bytes], first: int) -> None:
    for start in range(0, len(lines), 4_096):
        piece = lines[start : start + 4_096]
        shard.process([Record(line, Position("log", first + start + at)) for at, line in enumerate(piece)])


@pytest.fixture(scope="module")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Insurer:
    folder: Path = tmp_path_factory.mktemp("insurer")
    simulate(INSURER, folder)
    config = Config.model_validate({"context": {"roster": str(folder / "roster.csv")}, "risk": {"warm_up_days": 10}})
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    cut = next(at for at, line in enumerate(lines) if json.loads(line)["time"] >= CHANGES_ON)
    before = empty(config)
    feed(before, lines[:cut], first=0)
    return Insurer(config, before, tuple(json.loads(line) for line in lines[cut:]))


def moved(shard: Shard) -> dict[str, list[str]]:
    """The measures that drifted by detection that did."""
    return {
        one.detection: [part.measure for part in one.measures]
        for one in drift_of(shard).detections
        if one.index > SOME_DRIFT
    }


@pytest.mark.slow
def test_a_quiet_insurer_needs_nothing(insurer: Insurer) -> None:
    shard = insurer.went_on(insurer.after)
    found = report_of([shard], CALM)
    assert found.recommendation is Act.NOTHING, drift_lines(found)
    assert all(one.shift is not None for one in found.shards[0].detections), "there is enough to compare"
    assert moved(shard) == {}


@pytest.mark.slow
def test_a_system_that_reads_everything_twice_is_found_by_detection_and_measure(insurer: Insurer) -> None:
    twice = [
        again
        for event in insurer.after
        for again in (
            [event, {**event, "event_id": f"{event['event_id']}-2"}] if event["action"] == "read" else [event]
        )
    ]
    shard = insurer.went_on(twice)
    found = moved(shard)
    assert found["automation"][0] == "bursts_share", "the same twice at one time"
    assert "touches_hour" in found["customer_breadth"]
    assert not found.keys() & {"odd_hours", "new_place", "bulk_export"}
    said = report_of([shard], CALM)
    assert said.recommendation is Act.RETRAIN
    (line,) = [line for line in drift_lines(said) if "automation has moved" in line]
    assert re.search(r"index \d\.\d\d, \d\.\d% of days are at p <= 0.01, \d\.\d% before; most of it at p of", line)


@pytest.mark.slow
def test_clocks_that_run_hours_ahead_are_found_by_detection_and_measure(insurer: Insurer) -> None:
    later = [
        {**event, "time": (datetime.fromisoformat(str(event["time"])) + timedelta(hours=4)).isoformat()}
        for event in insurer.after
    ]
    shard = insurer.went_on(later)
    found = moved(shard)
    assert found.keys() == {"odd_hours"}
    assert found["odd_hours"][:2] == ["off_hours_share", "off_hours"]
    assert report_of([shard], CALM).recommendation is Act.RETRAIN
