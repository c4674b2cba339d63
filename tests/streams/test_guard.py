from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import (
    AccessEvent,
    Actor,
    Admitted,
    Guard,
    GuardConfig,
    Position,
    Reason,
    Record,
    Rejected,
    Resource,
)
from streams.guard import DAY_S, HELD_ENOUGH

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
Decided = list[Admitted | Rejected]


def event(name: str, days: float, actor: str = "A") -> AccessEvent:
    time = START + timedelta(days=days)
    return AccessEvent(name, time, Actor(actor), "read", Resource("crm"), "success")


def run(guard: Guard, *events: AccessEvent, arrived: float | None = None) -> Decided:
    out: Decided = []
    for one in events:
        out += guard.admit(one, record(one), arrived)
    return out


def record(one: AccessEvent) -> Record:
    return Record(one.event_id.encode(), Position("log", 0))


def names(decided: Decided) -> list[str]:
    """The ids admitted, late ones as ~id, and rejected ones as !id."""
    return [
        f"!{one.raw.decode()}" if isinstance(one, Rejected) else f"{'~' if one.late else ''}{one.event.event_id}"
        for one in decided
    ]


def started() -> Guard:
    guard = Guard()
    assert names(run(guard, event("s1", 0, "S"), event("s2", 0, "T"))) == ["s1", "s2"]
    return guard


def days(guard: Guard) -> float:
    assert guard.watermark is not None
    return (guard.watermark - START.timestamp()) / DAY_S


def test_events_in_order_are_admitted_and_move_the_watermark() -> None:
    guard = started()
    assert names(run(guard, event("a", 0.1), event("b", 3), event("c", 6))) == ["a", "b", "c"]
    assert days(guard) == 6


def test_a_late_event_is_admitted_as_late_and_does_not_move_the_watermark() -> None:
    guard = started()
    run(guard, event("a", 1))
    hour = 1 / 24
    assert names(run(guard, event("b", 1 - hour), event("c", 1 - 1.01 * hour), event("d", -500))) == [
        "b",
        "~c",
        "~d",
    ]
    assert days(guard) == 1


def test_an_event_told_twice_is_dropped_and_counted() -> None:
    guard = started()
    assert names(run(guard, event("a", 0), event("a", 0.5), event("a", 0))) == ["a"]
    assert guard.duplicates == 2


def test_only_the_last_ids_are_remembered() -> None:
    guard = Guard(GuardConfig(duplicates=3))
    run(guard, event("a", 0, "A"), event("b", 0, "B"), event("c", 0))
    assert names(run(guard, event("a", 0))) == []
    assert names(run(guard, event("d", 0), event("a", 0))) == ["d", "a"]


def test_a_broken_clock_is_rejected_and_never_moves_the_watermark() -> None:
    guard = started()
    assert names(run(guard, event("2099", 26_000))) == []
    assert names(run(guard, event("a", 0.1))) == ["!2099", "a"]
    assert days(guard) == pytest.approx(0.1)
    assert names(run(guard, event("2099", 26_000), event("b", 0.2))) == ["!2099", "b"]


def test_a_quiet_week_is_believed_once_two_actors_agree() -> None:
    guard = started()
    assert names(run(guard, event("a", 8, "A"))) == []
    assert names(run(guard, event("b", 8.1, "B"))) == ["a", "b"]
    assert days(guard) == 8.1


def test_one_actor_alone_is_believed_after_enough_events() -> None:
    guard = started()
    many = [event(f"e{n}", 8 + n / 100) for n in range(HELD_ENOUGH)]
    assert names(run(guard, *many[:-1])) == []
    assert names(run(guard, many[-1])) == [one.event_id for one in many]


def test_a_broken_clock_during_a_quiet_week_does_not_come_along() -> None:
    guard = started()
    assert names(run(guard, event("2099", 26_000, "A"), event("b", 8, "B"), event("c", 8.1, "C"))) == [
        "b",
        "c",
    ]
    assert days(guard) == 8.1
    assert names(run(guard, event("d", 8.2))) == ["!2099", "d"]


def test_an_event_far_behind_is_no_witness_against_the_held_ones() -> None:
    guard = started()
    assert names(run(guard, event("a", 8), event("old", -10), event("b", 8, "B"))) == ["~old", "a", "b"]


def test_a_first_event_from_the_future_does_not_make_the_log_late() -> None:
    guard = Guard()
    decided = run(guard, event("2099", 26_000, "X"), event("a", 0, "A"), event("b", 0.1, "B"), event("c", 0.2))
    assert names(decided) == ["a", "b", "!2099", "c"]


def test_a_first_event_from_the_past_is_late_and_the_log_goes_on() -> None:
    guard = Guard()
    assert names(run(guard, event("1970", -20_000, "X"), event("a", 0, "A"), event("b", 0, "B"))) == [
        "~1970",
        "a",
        "b",
    ]


def test_a_sparse_log_waits_and_is_admitted_in_order() -> None:
    guard = Guard()
    events = [event(f"e{n}", 10 * n) for n in range(40)]
    decided = names(run(guard, *events))
    assert decided == [f"e{n}" for n in range(len(decided))]
    assert len(decided) == 40 - HELD_ENOUGH + 1
    now = events[-1].time.timestamp()
    assert decided + names(guard.flush(now)) == [f"e{n}" for n in range(40)]


def test_at_the_end_a_held_event_is_admitted_if_it_had_arrived_by_then() -> None:
    for arrived_days, expected in ((9.0, ["a", "!b"]), (None, ["!a", "!b"]), (70.0, ["a", "b"])):
        guard = started()
        assert names(run(guard, event("a", 8), event("b", 60))) == []
        arrived = None if arrived_days is None else START.timestamp() + arrived_days * DAY_S
        assert names(guard.flush(arrived)) == expected
        assert guard.flush(arrived) == []


def test_a_log_too_short_to_agree_is_admitted_at_its_end() -> None:
    guard = Guard()
    assert run(guard, event("a", 0), event("b", 1)) == []
    assert names(guard.flush()) == ["a", "b"]
    guard = Guard()
    run(guard, event("2099", 26_000), event("a", 0), event("b", 1))
    assert names(guard.flush()) == ["a", "b", "!2099"]
    assert Guard().flush() == []


def test_an_event_after_its_arrival_is_rejected_however_many_agree() -> None:
    arrived = START.timestamp() + DAY_S
    guard = Guard()
    run(guard, event("s1", 0, "S"), event("s2", 0, "T"), arrived=arrived)
    decided = run(guard, event("a", 1.9, "A"), event("b", 2.1, "B"), event("c", 2.1, "C"), arrived=arrived)
    assert names(decided) == ["a", "!b", "!c"]


def test_a_log_written_ahead_of_its_time_is_believed() -> None:
    guard = Guard()
    decided = run(guard, event("a", 0, "A"), event("b", 0, "B"), event("c", 9, "C"), event("d", 9, "D"), arrived=0.0)
    assert names(decided) == ["a", "b", "c", "d"]


def test_what_is_held_is_bounded() -> None:
    guard = started()
    rejected = names(run(guard, *(event(f"e{n}", 1000 * (100 - n)) for n in range(90))))
    held = guard.snapshot()["held"]
    assert len(held) < HELD_ENOUGH
    assert len(held) + len(rejected) == 90


def test_what_is_held_keeps_its_key_and_envelope_through_a_snapshot() -> None:
    guard = started()
    far = event("x", 26_000)
    record = Record(b"{}", Position("log-0", 9), key=b"E9", content_type="application/cloudevents+json")
    assert guard.admit(far, record) == []
    again = Guard()
    again.restore(json.loads(json.dumps(guard.snapshot())))
    (rejected,) = again.flush()
    assert rejected == record.rejected(Reason.FUTURE, "its time lies ahead of everything the log agrees on")


def test_a_rejected_event_mended_and_sent_again_is_no_duplicate() -> None:
    guard = started()
    assert names(run(guard, event("x", 26_000), event("a", 0), event("x", 0.1))) == ["!x", "a", "x"]


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 0.01, 0.5, 2, 3.4, 3.6, 8, 8.1, 20, 26_000, -5]),
        st.sampled_from("ABC"),
        st.booleans(),
    ),
    max_size=60,
)


def _log(drawn: list[tuple[float, str, bool]]) -> list[AccessEvent]:
    return [event(f"e{0 if twice else n}", day, actor) for n, (day, actor, twice) in enumerate(drawn)]


@settings(max_examples=150, deadline=None)
@given(_EVENTS, st.integers(0, 60), st.sampled_from([None, 0.0, START.timestamp() + 9 * DAY_S]))
def test_a_restart_anywhere_decides_the_same(drawn: list[Any], cut: int, arrived: float | None) -> None:
    log = _log(drawn)
    whole, first, second = Guard(), Guard(), Guard()
    expected = run(whole, *log, arrived=arrived) + whole.flush(arrived)
    head = run(first, *log[:cut], arrived=arrived)
    second.restore(json.loads(json.dumps(first.snapshot())))
    assert head + run(second, *log[cut:], arrived=arrived) + second.flush(arrived) == expected
    assert second.snapshot() == whole.snapshot()


@settings(max_examples=150, deadline=None)
@given(_EVENTS)
def test_every_event_is_admitted_rejected_or_counted_as_a_duplicate(drawn: list[Any]) -> None:
    log = _log(drawn)
    guard = Guard()
    decided = run(guard, *log) + guard.flush()
    assert len(decided) + guard.duplicates == len(log)
    assert all(one.reason is Reason.FUTURE for one in decided if isinstance(one, Rejected))
    assert not guard.snapshot()["held"]
