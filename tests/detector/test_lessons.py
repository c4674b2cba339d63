"""What analysts' verdicts change of the judgement, and that all of it can be taken back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.feedback import EXPECTED
from detector.detections import DETECTIONS
from detector.engine import Engine
from detector.lessons import FALSE, PROBATION_DAYS, TRUE, WATCH_NATS, Lesson
from detector.telling import Told
from streams import AccessEvent
from tests.detector.office import HONEY, admit, at, engine, event, ordinary_day, saved, working_days

ODD, NAME = "E05", "E-05"
EVERYTHING = tuple(DETECTIONS)
FOREVER = at(10_000, 0.0)
PAST = working_days(0, 14)
LATER = working_days(0, 60)[14:]


def exports(count: int, acts: int = 5) -> Callable[[int], list[AccessEvent]]:
    """Exports of so many records in the middle of a day."""
    return lambda day: [
        event(ODD, at(day, 11.0 + step / 4), f"C-{5_000 * day + step}", action="export", count=count)
        for step in range(acts)
    ]


def play(watch: Engine, days: Sequence[int], acts: Callable[[int], list[AccessEvent]] | None = None) -> list[Told]:
    told = []
    for day in days:
        events = ordinary_day(np.random.default_rng(day), day) + (acts(day) if acts else [])
        told += watch.process(admit(sorted(events, key=lambda one: (one.time, one.event_id))))
    return [one for one in told if one.actor == ODD]


def lesson(
    verdict: str, number: int = 1, detections: Sequence[str] = EVERYTHING, until: float = FOREVER, risk: float = 99.0
) -> Lesson:
    return Lesson(number, NAME, verdict, tuple(detections), risk, until)


def adopt(watch: Engine, *lessons: Lesson) -> None:
    watch.adopt(replace(watch.context, lessons=lessons), {NAME: ODD})


@cache
def told_before() -> dict[str, Any]:
    """The state of an engine that has told of some exports, which then have stopped."""
    watch = engine()
    play(watch, PAST)
    assert play(watch, LATER[:1], exports(60))
    return saved(watch.snapshot())


def told_of() -> Engine:
    watch = engine()
    watch.restore(told_before())
    return watch


def level(watch: Engine) -> float:
    row = watch.people.find(ODD)
    assert row is not None
    return float(watch.levels[row, 1])


@pytest.mark.parametrize("verdict", FALSE)
def test_the_same_again_is_not_told_and_what_is_stronger_or_other_is(verdict: str) -> None:
    day = LATER[12:13]
    untaught = told_of()
    (*_, last) = play(untaught, day, exports(8))
    found, risk = {finding.detection for one in [last] for finding in one.findings}, last.risk
    for detections, before, is_told in (
        (EVERYTHING, risk, False),
        (found, risk, False),
        (found - {"bulk_export"}, risk, True),
        (EVERYTHING, 10.0, True),
    ):
        watch = told_of()
        adopt(watch, lesson(verdict, detections=sorted(detections), risk=before))
        assert bool(play(watch, day, exports(8))) is is_told


def test_what_is_expected_is_not_told_up_to_the_risk_that_was_named() -> None:
    day = LATER[12:13]
    (*_, last) = play(told_of(), day, exports(8))
    found = {finding.detection for finding in last.findings}
    for detections, most, is_told in (
        (EVERYTHING, 99.0, False),
        (found, 99.0, False),
        (EVERYTHING, last.risk - 0.01, True),
        (found - {"bulk_export"}, 99.0, True),
    ):
        watch = told_of()
        adopt(watch, lesson(EXPECTED, detections=sorted(detections), risk=most))
        assert bool(play(watch, day, exports(8))) is is_told


def test_what_is_expected_is_never_learned_and_told_when_the_exception_has_ended() -> None:
    days = LATER[: PROBATION_DAYS + 5]
    watch = told_of()
    adopt(watch, lesson(EXPECTED, until=at(days[-1] + 1, 0.0)))
    assert not play(watch, days, exports(60))
    assert watch.lessons.accepted(watch.people.active_days) == []
    assert play(watch, LATER[PROBATION_DAYS + 5 : PROBATION_DAYS + 6], exports(60))


def test_a_planted_record_is_told_whatever_was_said() -> None:
    watch = told_of()
    adopt(watch, lesson("false_positive", number=1), lesson(EXPECTED, number=2))
    assert play(watch, LATER[1:2], lambda day: [event(ODD, at(day, 11.0), HONEY)])


@pytest.mark.parametrize("verdict", [*FALSE, EXPECTED, TRUE])
def test_a_verdict_that_is_taken_back_in_time_leaves_nothing_behind_but_what_was_not_told(verdict: str) -> None:
    watch, untaught = told_of(), told_of()
    adopt(watch, lesson(verdict))
    play(watch, LATER[1:2])
    adopt(watch)
    play(untaught, LATER[1:2])
    left, right = ({k: v for k, v in one.snapshot().items() if k != "teller/last"} for one in (watch, untaught))
    assert same(left, right)


def test_what_was_kept_quiet_is_told_when_the_verdict_is_taken_back() -> None:
    watch = told_of()
    adopt(watch, lesson("false_positive"))
    assert not play(watch, LATER[1:3], exports(60))
    adopt(watch)
    assert play(watch, LATER[3:4], exports(60))


def test_a_verdict_ends_by_the_time_of_the_log() -> None:
    watch = told_of()
    adopt(watch, lesson(TRUE, until=at(LATER[10], 0.0)))
    row = np.array([watch.people.find(ODD)])
    play(watch, LATER[1:9])
    assert watch.lessons.watched(row).all()
    play(watch, LATER[9:13])
    assert not watch.lessons.watched(row).any()
    adopt(watch, lesson(TRUE, until=at(LATER[10], 0.0)))
    assert watch.lessons.held == []


def normal_days(watch: Engine) -> int:
    row = watch.people.find(ODD)
    assert row is not None
    index = [measure.name for measure in watch.baselines.measures].index("exported")
    return watch.baselines.normal(index, row, int(watch.people.groups[row])).days


def test_who_was_found_out_teaches_no_baseline_and_has_a_lower_bar() -> None:
    watched, untaught = told_of(), told_of()
    adopt(watched, lesson(TRUE))
    before = normal_days(watched)
    for one in (watched, untaught):
        play(one, LATER[1:14])
    assert normal_days(watched) <= before
    assert normal_days(untaught) > before
    rows = np.array([watched.people.find(ODD), watched.people.find("E06")])
    assert watched.lessons.lowered(rows).tolist() == [WATCH_NATS, 0.0]


def test_who_has_a_lower_bar_is_told_of_earlier_and_that_is_counted() -> None:
    first, found = [], []
    for lessons in ([], [lesson(TRUE, number=7)]):
        watch = told_of()
        adopt(watch, *lessons)
        told = [play(watch, [day], exports(1, acts=1 + step % 3)) for step, day in enumerate(LATER[12:27])]
        first.append([one[0].time for one in told if one])
        found.append(watch.lessons.differences())
    assert any(there < here for here, there in zip(*first, strict=False))
    assert found[0] == {}
    assert found[1][7] > 0


def test_what_stays_benign_for_long_becomes_normal() -> None:
    watch, untaught = engine(risk={"warm_up_days": 1_000}), engine(risk={"warm_up_days": 1_000})
    for one in (watch, untaught):
        play(one, PAST)
    adopt(watch, lesson("benign_positive"))
    known = normal_days(watch)
    for one in (watch, untaught):
        play(one, LATER[:PROBATION_DAYS], exports(60))
    assert normal_days(watch) <= known + 2
    for one in (watch, untaught):
        play(one, LATER[PROBATION_DAYS : PROBATION_DAYS + 5], exports(60))
    assert normal_days(watch) >= normal_days(untaught) + 3


def test_what_a_verdict_keeps_quiet_lowers_the_bar_for_nobody_else() -> None:
    watch, untaught = told_of(), told_of()
    adopt(watch, lesson("false_positive"))
    for one in (watch, untaught):
        play(one, LATER[12:16], exports(60))
    assert watch.budget.threshold == untaught.budget.threshold
    assert watch.budget.told < untaught.budget.told


def test_days_on_which_a_lesson_decided_are_counted_once() -> None:
    watch = told_of()
    adopt(watch, lesson("false_positive", number=7))
    assert not play(watch, LATER[1:3], exports(60))
    assert watch.lessons.differences() == {7: 2}
    assert watch.lessons.differences() == {}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


@settings(max_examples=5)
@given(data=st.data())
def test_however_the_log_is_cut_and_resumed_around_a_verdict_the_outcome_is_the_same(data: st.DataObject) -> None:
    log = [
        admit(sorted(ordinary_day(np.random.default_rng(day), day) + exports(60)(day), key=lambda one: one.time))
        for day in LATER[1:4]
    ]
    whole, cut = told_of(), told_of()
    told: list[list[Told]] = [[], []]
    for turn, day in enumerate(log):
        for place, watch in enumerate((whole, cut)):
            if turn == 1:
                adopt(watch, lesson("false_positive"), lesson(TRUE, 2))
            stop = data.draw(st.integers(1, len(day) - 1)) if place else len(day)
            told[place] += [replace(one, index=0) for one in watch.process(day[:stop])]
            if place:
                state = saved(watch.snapshot())
                context = watch.context
                cut = engine()
                cut.restore(state)
                cut.context = context
                told[place] += [replace(one, index=0) for one in cut.process(day[stop:])]
    assert told[0] == told[1]
    assert same(whole.snapshot(), cut.snapshot())


def test_a_snapshot_from_before_there_were_lessons_is_taken() -> None:
    watch = told_of()
    state = {name: array for name, array in watch.snapshot().items() if not name.startswith("lessons")}
    del state["teller/quiet"]
    old = engine()
    old.restore(state)
    assert old.lessons.held == []
    assert play(old, LATER[12:13], exports(60))


def test_a_lesson_about_somebody_elsewhere_is_nothing_here() -> None:
    watch = told_of()
    watch.adopt(replace(watch.context, lessons=(lesson(TRUE),)), {})
    assert watch.lessons.held == []
