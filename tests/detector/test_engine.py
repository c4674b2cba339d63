"""The engine: a pure function of its log, that scores before it learns, and learns behind a gate."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine import Engine
from detector.errors import CheckpointError
from detector.roster import Person
from detector.segments import to_grid
from detector.telling import Told
from streams import AccessEvent, Admitted
from tests.detector.office import (
    HONEY,
    PEOPLE,
    WARM_UP_DAYS,
    admit,
    at,
    engine,
    event,
    names,
    ordinary_day,
    past,
    saved,
    working_days,
)

THIEF = "E05"
DAYS = 9


def loot(day: int, actor: str = THIEF, count: int = 900) -> list[AccessEvent]:
    return [
        event(actor, at(day, 11.0 + step), f"C-{5_000 * day + step}", action="export", count=count) for step in range(5)
    ]


def in_order(events: list[AccessEvent]) -> list[AccessEvent]:
    return sorted(events, key=lambda one: (one.time, one.event_id))


def bare(told: list[Told]) -> list[Told]:
    """Without the place in the piece, which is no part of what is told."""
    return [replace(one, index=0) for one in told]


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        left[name].shape == right[name].shape and left[name].tobytes() == right[name].tobytes() for name in left
    )


@pytest.fixture(scope="module")
def story() -> list[Admitted]:
    """Nine working days with a thief at the end, a honey record, events out of order and late ones."""
    days = working_days(0, DAYS)
    events = in_order(past(DAYS) + loot(days[-2]) + loot(days[-1]))
    events.append(event("E07", at(days[-1], 19.0), HONEY))
    admitted = admit(events)
    rng = np.random.default_rng(2)
    for place in rng.choice(len(admitted) - 40, 60, replace=False).tolist():  # out of order within the hour
        admitted[place], admitted[place + 3] = admitted[place + 3], admitted[place]
    moved = admitted.pop(900)
    admitted.insert(1_800, msgspec.structs.replace(moved, late=True))
    return admitted


@pytest.fixture(scope="module")
def whole(story: list[Admitted]) -> tuple[list[Told], dict[str, Any]]:
    watch = engine()
    return bare(watch.process(story)), watch.snapshot()


@settings(max_examples=8)
@given(data=st.data())
def test_however_the_stream_is_cut_and_resumed_the_same_is_told_and_known(
    story: list[Admitted], whole: tuple[list[Told], dict[str, Any]], data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(story)), max_size=12, unique=True).map(sorted))
    resumed = data.draw(st.sets(st.sampled_from([0, *cuts]), max_size=3))
    watch, told = engine(), []
    for start, stop in zip([0, *cuts], [*cuts, len(story)], strict=True):
        if start in resumed:
            state = saved(watch.snapshot())
            watch = engine()
            watch.restore(state)
        told += watch.process(story[start:stop])
    assert bare(told) == whole[0]
    assert same(watch.snapshot(), whole[1])


def test_one_event_at_a_time_gives_the_same(story: list[Admitted], whole: tuple[list[Told], dict[str, Any]]) -> None:
    few = story[:400]
    at_once, one_by_one = engine(), engine()
    told = bare(at_once.process(few))
    assert bare([one for item in few for one in one_by_one.process([item])]) == told
    assert same(at_once.snapshot(), one_by_one.snapshot())


def test_an_event_out_of_order_alone_in_a_call_gives_the_same() -> None:
    events = [event("E01", at(0, 9.0 + minute / 60), "C-1", action="export", count=5) for minute in (5, 55, 8, 56, 20)]
    log = admit([event(f"E{n}", at(0, 9.0)) for n in range(10, 90)] + events)
    whole, cut = engine(), engine()
    whole.process(log)
    for item in log:
        cut.process([item])
    assert same(whole.snapshot(), cut.snapshot())


def test_the_story_tells_something(whole: tuple[list[Told], dict[str, Any]]) -> None:
    assert {one.actor for one in whole[0]} >= {THIEF, "E07"}


def test_no_events_change_nothing() -> None:
    watch = engine()
    before = watch.snapshot()
    assert watch.process([]) == []
    watch.finish()
    assert same(before, watch.snapshot())


def test_a_snapshot_does_not_follow_what_the_engine_learns_later() -> None:
    watch = engine()
    watch.process(admit(past(3)))
    state = watch.snapshot()
    kept = {name: array.copy() for name, array in state.items()}
    watch.process(admit(in_order(ordinary_day(np.random.default_rng(9), working_days(0, 4)[-1]))))
    assert same(state, kept)


def test_a_snapshot_of_other_detections_is_refused_in_words() -> None:
    state = engine().snapshot()
    with pytest.raises(CheckpointError, match=r"detections\.disabled"):
        engine(detections={"disabled": ("odd_hours",)}).restore(state)


def test_a_cut_between_a_theft_and_a_honey_record_changes_nothing() -> None:
    days = working_days(0, DAYS)
    before, today = admit(past(DAYS - 1)), [*loot(days[-1]), event(THIEF, at(days[-1], 15.5), HONEY)]
    whole, cut = engine(), engine()
    whole.process(before)
    assert len(whole.process(admit(today, len(before)))) > 1
    cut.process(before)
    for item in admit(today, len(before)):
        cut.process([item])
    assert same(whole.snapshot(), cut.snapshot())


def test_the_number_of_peers_does_not_depend_on_who_comes_later_in_the_piece() -> None:
    days = working_days(0, DAYS)
    before = past(DAYS - 1)
    theft, newcomers = loot(days[-1]), [event(f"N{n}", at(days[-1], 16.0)) for n in range(3)]
    whole, cut = engine(), engine()
    told = whole.process(admit(before + theft + newcomers))
    assert told
    assert bare(told) == bare(cut.process(admit(before + theft)))


def test_contributing_events_do_not_depend_on_how_the_stream_is_cut() -> None:
    days = working_days(0, DAYS)
    busy = ordinary_day(np.random.default_rng(3), days[-1], events=40)
    before, today = admit(past(DAYS - 1)), admit(in_order(busy + loot(days[-1])))
    small = {"recent_events": 1_024}
    whole, cut = engine(profiles=small), engine(profiles=small)
    whole.process(before)
    cut.process(before)
    told = bare(whole.process(today))
    assert told
    assert bare([one for start in range(0, len(today), 9) for one in cut.process(today[start : start + 9])]) == told


def test_a_score_survives_being_kept() -> None:
    scores = to_grid(np.linspace(0.0, 300.0, 30_001))
    assert np.array_equal(scores.astype(engine().scores.table.dtype).astype(np.float64), scores)
    assert np.array_equal(to_grid(scores), scores)


# The gate.


def level_of(watch: Engine, actor: str) -> float:
    return next(
        float(level)
        for closed in reversed(watch.closed())
        for row, level in zip(closed.rows, closed.levels, strict=True)
        if watch.people.ids[row] == actor
    )


def normal_of(watch: Engine, actor: str, name: str = "exported") -> tuple[float, int]:
    index = [measure.name for measure in watch.baselines.measures].index(name)
    row = watch.people.find(actor)
    assert row is not None
    normal = watch.baselines.normal(index, row, int(watch.people.groups[row]))
    return normal.expected or 0.0, normal.days


def play(watch: Engine, days: list[int], acts: Any = None, seed: int = 8) -> list[Told]:
    rng, told = np.random.default_rng(seed), []
    for day in days:
        told += watch.process(admit(in_order(ordinary_day(rng, day) + (acts(day) if acts else []))))
    return told


def test_what_is_told_is_not_learned_and_a_thief_does_not_become_normal() -> None:
    watch = engine()
    play(watch, working_days(0, 12))
    before, learned = normal_of(watch, THIEF)
    told = play(watch, working_days(0, 20)[12:], loot)
    watch.finish()
    assert THIEF in {one.actor for one in told}
    assert {one.time.date() for one in told if one.actor == THIEF} >= {told[-1].time.date()}
    after, days = normal_of(watch, THIEF)
    assert days <= learned + 2  # the days that still waited when the theft began
    assert after < 4.0 * before + 10.0
    assert level_of(watch, THIEF) > watch.budget.threshold


def test_an_ordinary_colleague_is_learned_every_day() -> None:
    watch = engine()
    play(watch, working_days(0, 12))
    quiet = [normal_of(watch, actor)[1] for actor in PEOPLE]
    assert np.median(quiet) >= 8


def gate_only(**learning: float) -> Engine:
    """An engine whose budget tells nothing statistical, so that the gate alone decides."""
    return engine(risk={"warm_up_days": 1_000}, learning=learning)


def test_a_remarkable_day_is_not_learned_although_nobody_was_told() -> None:
    days = working_days(0, 16)
    watch = gate_only()
    play(watch, days[:12])
    before = normal_of(watch, THIEF)
    assert not play(watch, days[12:], loot)
    assert normal_of(watch, THIEF)[1] <= before[1] + 2
    assert normal_of(watch, THIEF)[0] < 50.0


def test_without_the_gate_the_same_days_are_learned() -> None:
    days = working_days(0, 16)
    watch = gate_only(gate_level=1e6)
    play(watch, days[:12])
    before = normal_of(watch, THIEF)
    play(watch, days[12:], loot)
    assert normal_of(watch, THIEF)[1] >= before[1] + 3
    assert normal_of(watch, THIEF)[0] > 2.0 * before[0]


def test_a_change_that_persists_untold_becomes_normal() -> None:
    days = working_days(0, 24)
    watch = gate_only(accept_days=5)
    play(watch, days[:12])
    play(watch, days[12:16], loot)
    refused = normal_of(watch, THIEF)
    play(watch, days[16:], loot, seed=9)
    assert normal_of(watch, THIEF)[1] >= refused[1] + 3
    assert normal_of(watch, THIEF)[0] > 2.0 * refused[0]


def test_a_young_actor_is_learned_from() -> None:
    days = working_days(0, 16)
    watch = gate_only()
    play(watch, days[:12])
    play(watch, days[12:], lambda day: loot(day, "NEW"))
    assert normal_of(watch, "NEW")[1] >= 2
    assert normal_of(watch, "NEW")[0] > 5.0


def test_a_late_event_is_scored_but_its_day_is_not_learned() -> None:
    days = working_days(0, 4)
    on_time, late = engine(), engine()
    for watch, flag in ((on_time, False), (late, True)):
        log = admit(in_order(past(3)))
        log += [Admitted(one.event, one.record, one.time, flag) for one in admit(loot(days[-1], "E01"))]
        watch.process(log)
        row = watch.people.find("E01")
        assert row is not None
        assert watch.scores.table[row].max() > 5.0  # scored either way
        watch.process(admit([event("E02", at(days[-1] + 4, 9.0)), event("E02", at(days[-1] + 5, 9.0))]))
    assert normal_of(on_time, "E01")[1] == normal_of(late, "E01")[1] + 1
    assert normal_of(on_time, "E01")[0] > normal_of(late, "E01")[0]


# What is told.


def test_nothing_statistical_is_told_during_the_warm_up_and_something_after_it() -> None:
    days = working_days(0, WARM_UP_DAYS + 4)
    early, grown = engine(), engine()
    assert not play(early, days[: WARM_UP_DAYS - 1], loot)
    assert not early.ready
    play(grown, days[:-1])
    assert grown.ready
    assert THIEF in {one.actor for one in play(grown, days[-1:], loot)}


@pytest.mark.parametrize(("busy", "ready"), [(2, False), (4, True)])
def test_quiet_days_count_in_the_warm_up_if_as_many_had_events(busy: int, ready: bool) -> None:
    watch = engine(risk={"warm_up_days": 10})
    play(watch, list(range(busy)))
    assert not watch.ready
    for day in (busy + 9, busy + 10):
        watch.process(admit([event("E01", at(day, 9.0))]))
    assert watch.age >= 10
    assert watch.ready is ready


def test_a_honey_record_is_certain_and_needs_no_warm_up() -> None:
    told = engine().process(admit([event("E01", at(0, 9.0), "C-1"), event("E01", at(0, 9.1), "C-2", HONEY)]))
    assert [one.findings[0].certain for one in told] == [True]
    assert str(told[0].position) == "log@1"
    assert told[0].findings[0].event_ids == (event("E01", at(0, 9.1)).event_id,)


def test_a_service_account_may_touch_a_honey_record() -> None:
    assert not engine().process(admit([event("BATCH", at(0, 9.0), HONEY, type="service")]))


def test_an_ordinary_customer_is_no_honey_record() -> None:
    assert not engine().process(admit([event("E01", at(0, 9.0), "H-2")]))


def test_a_honey_record_deep_in_a_large_export_is_found() -> None:
    customers = [f"C-{number}" for number in range(2_000)]
    told = engine().process(admit([event("E01", at(0, 9.0), *customers, HONEY, action="export")]))
    assert names(told, "E01") == {"honey_record"}


def test_a_honey_record_names_its_actor_even_in_the_crowd() -> None:
    watch = engine(profiles={"max_actors": 16})
    watch.process(admit([event(f"E{number}", at(0, 9.0 + number / 100)) for number in range(20)]))
    told = watch.process(admit([event("E19", at(0, 10.0), HONEY)]))
    assert [one.actor for one in told] == ["E19"]


def test_one_actor_is_told_again_within_a_day_only_when_it_got_worse() -> None:
    days = working_days(0, 12)
    watch = engine()
    play(watch, days[:-1])
    told = [one for one in play(watch, days[-1:], loot) if one.actor == THIEF]
    assert 1 <= len(told) <= 5
    quiet = watch.process(
        admit([event(THIEF, at(days[-1], 20.0 + step / 60), purpose="claim:1") for step in range(30)])
    )
    assert len([one for one in quiet if one.actor == THIEF]) <= 2


# Memory.


def flood(day: int, hour: float, n: int = 300) -> list[AccessEvent]:
    return [event(f"Z{day}-{i}", at(day, hour) + i, role=f"role {day}-{i}") for i in range(n)]


def test_inventing_actors_takes_no_more_rows_than_there_are_and_keeps_who_is_on_the_roster() -> None:
    small = {"max_actors": 64, "recent_events": 1_024}
    roster = [Person(actor, role="clerk") for actor in PEOPLE]
    watch, spared = engine(roster, profiles=small), engine(roster, profiles=small)
    rng = np.random.default_rng(4)
    for day in working_days(0, 8):
        people = ordinary_day(rng, day, events=6)
        spared.process(admit(people))
        watch.process(admit(people + flood(day, 19.0)))
        assert len(watch.people) <= 64
        assert {actor: watch.people.find(actor) for actor in PEOPLE} == {
            actor: spared.people.find(actor) for actor in PEOPLE
        }
    assert watch.people.crowded > 0
    assert len(watch.people.group_names) <= 256
    sizes = [sum(array.nbytes for array in one.snapshot().values()) for one in (watch, spared)]
    assert sizes[0] < 1.2 * sizes[1]


def test_people_on_the_roster_have_a_row_although_strangers_came_first() -> None:
    watch = engine([Person("E01")], profiles={"max_actors": 64})
    watch.process(admit([*flood(0, 8.0), event("E01", at(0, 9.0))]))
    assert watch.people.find("E01") is not None


def test_an_invented_actor_makes_room_for_the_next() -> None:
    watch = engine(profiles={"max_actors": 32})
    seen: set[str] = set()
    for day in range(10):
        watch.process(admit([event(f"Z{day}-{n}", at(day, 9.0) + 10 * n) for n in range(31)]))
        seen |= {actor for actor in watch.people.ids if actor}
    assert len(seen) > 60
