"""Features are, to the bit, what the engine scored: seen by a spy in a replay that exports nothing."""

import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.calendar import Calendar
from detector.closing import Gate
from detector.daybook import SLOTS
from detector.detections import DETECTIONS
from detector.engine import Engine
from detector.features import Feature, Peak
from detector.risk import Risk
from detector.shard import pseudonym_of
from tests.detector.export.out import TOKENS, rows
from tests.detector.small import SmallLog, close_feed, feed_of

Seen = dict[tuple[str, str], dict[str, float | None]]


class Spy:
    """Notes what the engine knows of each actor's day while it judges it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: Seen = {}
        self.engine: Engine | None = None
        score_many, judge = Risk.score_many, Gate.judge

        def scored(risk: Risk, rows: Any, scores: Any, least: float = 0.0) -> Any:
            self.scores, self.judged = scores.copy(), score_many(risk, rows, scores, least)
            return self.judged

        def judged(gate: Gate, rows: Any, slot: int, levels: Any, told: Any, active: Any) -> None:
            judge(gate, rows, slot, levels, told, active)
            for place, row in enumerate(rows.tolist()):
                self.note(row, slot, place, float(levels[place]))

        monkeypatch.setattr(Risk, "score_many", scored)
        monkeypatch.setattr(Gate, "judge", judged)

    def note(self, row: int, slot: int, place: int, level: float) -> None:
        engine = self.engine
        assert engine is not None
        day = next(day for day in engine.slot_days.tolist() if day % SLOTS == slot)
        sums, peaks = engine.daybook.sums[row, slot], engine.daybook.peaks[row, slot]
        facts: dict[str, Any] = {f"sum_{one.name.lower()}": float(sums[one]) for one in Feature}
        facts |= {f"peak_{one.name.lower()}": float(peaks[one]) for one in Peak}
        group = int(engine.people.groups[row])
        for column, measure in enumerate(m for d in DETECTIONS.values() for m in d.measures):
            normal = engine.baselines.normal(column, row, group)
            facts[f"value_{measure.name}"] = engine.baselines.observed(column, sums.astype(float), peaks.astype(float))
            facts[f"normal_{measure.name}"] = normal.expected
            facts[f"peers_{measure.name}"] = normal.peer_expected
            facts[f"score_{measure.name}"] = float(self.scores[place, column])
            facts[f"today_{measure.name}"] = float(self.judged.today[place, column])
            facts[f"total_{measure.name}"] = float(self.judged.accumulated[place, column])
        facts |= {"level": level, "joint": float(self.judged.joint[place])}
        facts["active_days"] = float(engine.people.active_days[row] - 1)
        actor = pseudonym_of(TOKENS, engine.people.ids[row])
        self.seen[actor, Calendar.date_of(day).isoformat()] = facts


@pytest.fixture
def seen(small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seen:
    spy = Spy(monkeypatch)
    feed = feed_of(small_log.config(), TOKENS, tmp_path / "letters")
    spy.engine = feed.keeper.shard.engine
    assert spy.engine.tap is None
    while not feed.source.finished:
        feed.advance()
    feed.keeper.conclude(None)
    close_feed(feed)
    return spy.seen


def bits(values: Sequence[float | None]) -> list[bytes | None]:
    return [None if value is None else struct.pack("d", value) for value in values]


def test_features_are_to_the_bit_what_was_judged(whole: Path, seen: Seen) -> None:
    found = {(row["actor"], row["day"]): row for row in rows(whole, "features")}
    assert found.keys() == seen.keys()
    assert len(found) > 150
    for key, facts in seen.items():
        names = [name for name in facts if name in found[key]]
        assert bits([facts[name] for name in names]) == bits([found[key][name] for name in names]), key
    told = [name for name in next(iter(seen.values())) if any(facts[name] for facts in seen.values())]
    assert len(told) > 100  # or equality would say little


def test_a_tap_changes_nothing(small_log: SmallLog, whole: Path, tmp_path: Path) -> None:
    feed = feed_of(small_log.config(), TOKENS, tmp_path / "letters")
    while not feed.source.finished:
        feed.advance()
    feed.keeper.conclude(None)
    close_feed(feed)
    alerts = {alert.alert_id: (alert.risk, alert.updated_at, len(alert.findings)) for alert in feed.keeper.alerts()}
    assert {row["alert_id"]: (row["risk"], row["known_at"], row["findings"]) for row in rows(whole, "alerts")} == alerts
    assert sum(len(alert.findings) for alert in feed.keeper.alerts()) == len(rows(whole, "findings"))
    assert feed.keeper.shard.counts["events"] == len(rows(whole, "events"))
    assert feed.keeper.shard.counts["employee_days"] == len(rows(whole, "features"))


def test_what_is_known_before_a_day_does_not_depend_on_the_day(whole: Path) -> None:
    found = rows(whole, "features")
    by_actor = {row["actor"]: [one for one in found if one["actor"] == row["actor"]] for row in found}
    for days in by_actor.values():
        days.sort(key=lambda row: row["day"])
        assert [row["active_days"] for row in days] == list(range(len(days)))
        for before, after in pairwise(days):
            assert after["level_before"] <= max(before["level"], before["level_before"])
            assert before["known_at"] <= after["known_at"]
    first = [days[0] for days in by_actor.values()]
    assert {row["level_before"] for row in first} == {0.0}
    assert {row["normal_exported"] for row in first} == {None}
    assert any(row["normal_exported"] is not None for row in found)
    assert np.isfinite([row["risk"] for row in found]).all()
