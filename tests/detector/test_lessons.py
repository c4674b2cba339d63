"""What analysts' verdicts change of the judgement, and that all of it can be taken back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detections import DETECTIONS
from detector.engine import Engine
from detector.lessons import FALSE, LEAST_VERDICTS, MOST_DOUBT, PROBATION_DAYS, TRUE, Lesson, doubts
from detector.telling import Told
from streams import AccessEvent
from tests.detector.office import admit, at, engine, event, ordinary_day, saved, working_days

ODD, NAME = "E05", "E-05"
EVERYTHING = tuple(DETECTIONS)
FOREVER = at(10_000, 0.0)
PAST = working_days(0, 14)
LATER = working_days(0, 60)[14:]


def exports(count: int) -> Callable[[int], list[AccessEvent]]:
    """Five exports of so many records in the middle of a day."""
    return lambda day: [
        event(ODD, at(day, 11.0 + step / 4), f"C-{5_000 * day + step}", action="export", count=count)
        for step in range(5)
    ]


def play(watch: Engine, days: Sequence[int], acts: Callable[[int], list[AccessEvent]] | None = None) -> list[Told]:
    told = []
    for day in days:
        events = ordinary_day(np.random.default_rng(day), day) + (acts(day) if acts else [])
        told += watch.process(admit(sorted(events, key=lambda one: (one.time, one.event_id))))
    return [one for one in told if one.actor == ODD]


def lesson(verdict: str, number: int = 1, detections: Sequence[str] = EVERYTHING, until: float = FOREVER) -> Lesson:
    return Lesson(number, NAME, verdict, tuple(detections), until)


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


def judged(watch: Engine, day: int, acts: Callable[[int], list[AccessEvent]]) -> float:
    """The level of a last day on which this is done."""
    play(watch, [day], acts)
    watch.finish()
    row, closed = watch.people.find(ODD), watch.closed()[-1]
    return float(closed.levels[closed.rows.tolist().index(row)])


def wrong(detection: str, count: int = 30, first: int = 100) -> list[Lesson]:
    """Verdicts on others, elsewhere."""
    return [Lesson(first + n, f"E-{n}", "false_positive", (detection,), FOREVER) for n in range(count)]


def right(detection: str, count: int = 10, first: int = 500) -> list[Lesson]:
    return [Lesson(first + n, f"E-{n}", TRUE, (detection,), FOREVER) for n in range(count)]


def test_a_detection_that_is_often_wrong_counts_for_less_and_others_for_as_much() -> None:
    doubted, other, untaught = told_of(), told_of(), told_of()
    adopt(doubted, *wrong("bulk_export"), *right("odd_hours"))
    adopt(other, *wrong("odd_hours"), *right("bulk_export"))
    levels = [judged(one, LATER[12], exports(8)) for one in (doubted, other, untaught)]
    assert levels[0] < levels[2] - 0.5
    assert levels[1] >= levels[2] - 0.5


@pytest.mark.parametrize("verdict", [*FALSE, TRUE])
def test_a_verdict_that_is_taken_back_leaves_nothing_behind(verdict: str) -> None:
    watch, kept, untaught = told_of(), told_of(), told_of()
    for one in (watch, kept):
        adopt(one, lesson(verdict), *([] if verdict == TRUE else [*wrong("bulk_export"), *right("odd_hours")]))
    for one in (watch, kept, untaught):
        play(one, LATER[1:4], exports(8))
    adopt(watch)
    assert watch.lessons.held == []
    for one in (watch, kept, untaught):
        play(one, LATER[4:8])
    levels = [judged(one, LATER[8], exports(8)) for one in (watch, kept, untaught)]
    assert levels[0] == pytest.approx(levels[2], abs=1.0)
    assert abs(levels[1] - levels[2]) > 1.0


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


def test_who_was_found_out_teaches_no_baseline_and_is_told_of_earlier() -> None:
    watched, untaught = told_of(), told_of()
    adopt(watched, lesson(TRUE))
    before = normal_days(watched)
    for one in (watched, untaught):
        play(one, LATER[1:14])
    assert normal_days(watched) <= before
    assert normal_days(untaught) > before
    for one in (watched, untaught):
        play(one, LATER[14:16], exports(12))
    assert level(watched) > level(untaught)


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
    adopt(watch, *wrong("bulk_export", 300), *right("odd_hours", 100))
    for one in (watch, untaught):
        play(one, LATER[1:14], exports(8))
    assert watch.budget.threshold >= untaught.budget.threshold - 1.0


def test_days_on_which_a_lesson_made_the_difference_are_counted_once() -> None:
    watch = told_of()
    adopt(watch, lesson(TRUE, number=7))
    row = watch.people.find(ODD)
    watch.lessons.count(np.array([row]))
    watch.lessons.count(np.array([0]))
    watch.lessons.count(np.array([row]))
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


def test_a_detection_is_doubted_by_how_much_more_often_it_was_wrong_than_all() -> None:
    lessons = [*wrong("bulk_export"), *right("bulk_export", 1), *wrong("odd_hours", 10), *right("odd_hours", 20)]
    doubted, trusted = doubts(lessons, ["bulk_export", "odd_hours"]).tolist()
    assert doubted > 1.0
    assert trusted == 0.0


def test_few_verdicts_doubt_nothing_and_many_only_so_much() -> None:
    assert not doubts(wrong("bulk_export", LEAST_VERDICTS - 1), ["bulk_export", "odd_hours"]).any()
    many = wrong("bulk_export", 5_000) + right("odd_hours", 5_000)
    assert doubts(many, ["bulk_export"]).max() == MOST_DOUBT


def test_without_verdicts_nothing_is_laid_over() -> None:
    assert told_of().lessons.overlay(np.arange(5)) is None
