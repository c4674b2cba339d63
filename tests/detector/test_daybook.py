"""The running sums of every actor's working day."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.columns import Columns, Gather
from detector.config import DataConfig
from detector.daybook import SLOTS, Daybook, Running
from detector.features import Feature, Peak
from detector.measures import Baselines, Surprise
from streams import AccessEvent
from tests.detector.office import admit, at, event, saved

DAY = 9


def columns(events: list[AccessEvent]) -> Columns:
    return Gather(lambda them: [int(one.actor.id[1:]) for one in them], DataConfig()).columns(admit(events))


def opened(rows: int = 8) -> Daybook:
    daybook = Daybook()
    daybook.grow(rows)
    return daybook


def add(daybook: Daybook, events: list[AccessEvent], day: int = DAY) -> Running:
    batch = columns(events)
    daybook.pace(batch)
    n = len(batch)
    return daybook.add(batch, batch.times, np.full(n, day), np.full(n, 9))


def steady(n: int, pause_s: float, actor: str = "E1", **facts: Any) -> list[AccessEvent]:
    return [event(actor, at(0, 9.0) + place * pause_s, f"C-{place + 10}", **facts) for place in range(n)]


def test_sums_are_the_actors_own_as_they_stood_after_each_event() -> None:
    events = [event(f"E{actor}", at(0, 9.0) + place, "C-1", count=10) for place, actor in enumerate([1, 2, 1])]
    running = add(opened(), events)
    assert running.sums[:, Feature.RECORDS].tolist() == [10, 10, 20]
    assert running.keys()[0].tolist() == [1, 2]
    assert running.keys()[1].tolist() == [DAY] * 2


def test_days_are_kept_apart_and_a_freed_slot_is_empty() -> None:
    daybook = opened()
    add(daybook, steady(3, 60))
    assert add(daybook, steady(1, 60), DAY + 1).sums[0, Feature.EVENTS] == 1
    assert add(daybook, steady(1, 60)).sums[0, Feature.EVENTS] == 4
    daybook.free(DAY % SLOTS)
    assert daybook.sums[1, DAY % SLOTS].sum() == 0
    assert daybook.sums[1, (DAY + 1) % SLOTS, Feature.EVENTS] == 1


def some_events(shuffle: bool) -> list[AccessEvent]:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.choice([1.0, 100.0, 700.0], 30))
    if shuffle:
        times = np.maximum(times - rng.choice([0.0, 2_000.0], 30), 0.0)
    return [
        event(
            f"E{rng.integers(1, 4)}",
            at(0, 9.0) + float(time),
            *(f"C-{number}" for number in rng.integers(0, 40, 3)),
            count=int(rng.integers(0, 50)),
            action="export" if place % 3 else "read",
        )
        for place, time in enumerate(times)
    ]


@pytest.mark.parametrize("shuffle", [False, True])
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 30), max_size=4), resumed=st.booleans())
def test_however_a_batch_is_cut_the_days_are_the_same(shuffle: bool, cuts: list[int], resumed: bool) -> None:
    events = some_events(shuffle)
    whole, cut = opened(60), opened(60)
    running = add(whole, events)
    pieces = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
        if start < stop:
            pieces.append(add(cut, events[start:stop]))
        if resumed:
            state = saved(cut.snapshot())
            cut = Daybook()
            cut.restore(state)
    assert np.array_equal(np.concatenate([piece.sums for piece in pieces]), running.sums)
    assert np.array_equal(np.concatenate([piece.peaks for piece in pieces]), running.peaks)
    left, right = whole.snapshot(), cut.snapshot()
    assert all(np.array_equal(left[name], right[name]) for name in left)


def test_a_sum_stops_at_what_can_be_kept_exactly() -> None:
    daybook = opened()
    running = add(daybook, steady(4, 60, count=10**9))
    assert running.sums[-1, Feature.RECORDS] == daybook.sums[1, DAY % SLOTS, Feature.RECORDS] == 2**24 - 1


def test_a_peak_is_that_of_the_busiest_window_and_does_not_sink() -> None:
    times = [9.1, 9.2, 9.3, 10.1, 11.9, 12.1]
    events = [event("E1", at(0, hour), "C-1", count=10, action="export") for hour in times]
    running = add(opened(), events)
    assert running.peaks[:, Peak.EXPORTED_HOUR].tolist() == [10, 20, 30, 30, 30, 30]
    assert running.peaks[:, Peak.TOUCHES_HOUR].tolist() == [1, 2, 3, 3, 3, 3]


def test_the_most_sensitive_class_disclosed_so_far_is_kept_and_what_was_refused_is_not() -> None:
    levels = [("C2", "success"), ("C4", "denied"), ("C9", "success"), ("C3", "success"), ("C1", "success")]
    events = [event("E1", at(0, 9.0 + n / 10), level=level, outcome=done) for n, (level, done) in enumerate(levels)]
    daybook = opened()
    assert add(daybook, events[:4]).peaks[:, Peak.CLASS].tolist() == [2, 2, 2, 3]
    again = opened()
    again.restore(daybook.snapshot())
    assert add(again, events[4:]).peaks[:, Peak.CLASS].tolist() == [3]


def test_a_snapshot_from_before_there_were_classes_goes_on_without_any() -> None:
    daybook = opened()
    add(daybook, steady(4, 3))
    state = daybook.snapshot()
    state["peaks"] = state["peaks"][..., : Peak.CLASS]
    again = opened()
    again.restore(state)
    running = add(again, steady(4, 6)[3:])
    assert running.peaks.shape[1] == len(Peak)
    assert np.array_equal(again.peaks[..., : Peak.CLASS][1, DAY % SLOTS], running.peaks[-1, : Peak.CLASS])


def test_different_customers_are_counted_once_and_anew_every_day() -> None:
    daybook = opened()
    events = [event("E1", at(0, 9.0) + place, f"C-{place % 20}") for place in range(60)]
    assert add(daybook, events).peaks[-1, Peak.CUSTOMERS] == pytest.approx(20, abs=5)
    daybook.close(DAY)
    daybook.free(DAY % SLOTS)
    assert add(daybook, events[:5], DAY + 2).peaks[-1, Peak.CUSTOMERS] == pytest.approx(5, abs=1)


@pytest.mark.parametrize(("pause_s", "bursts", "pauses"), [(1.0, 9, 9), (60.0, 0, 9), (900.0, 0, 0)])
def test_pauses_and_bursts_follow_the_event_before(pause_s: float, bursts: int, pauses: int) -> None:
    last = add(opened(), steady(10, pause_s)).sums[-1]
    assert last[Feature.BURSTS] == bursts
    assert last[Feature.PAUSES] == pauses


def test_customers_in_order_are_steps_unless_a_purpose_explains_them() -> None:
    assert add(opened(), steady(10, 60)).sums[-1, Feature.STEPS] == 9
    assert add(opened(), steady(10, 60, purpose="queue:1")).sums[-1, Feature.STEPS] == 0
    far = [event("E1", at(0, 9.0) + place, f"C-{place * 100}") for place in range(10)]
    assert add(opened(), far).sums[-1, Feature.STEPS] == 0


def test_a_forgotten_row_has_no_past() -> None:
    daybook = opened()
    add(daybook, steady(5, 1.0))
    daybook.clear(np.array([1]))
    last = add(daybook, steady(1, 1.0)).sums[-1]
    assert last[Feature.EVENTS] == 1
    assert last[Feature.PAUSES] == 0


def test_a_late_event_marks_its_day() -> None:
    daybook, batch = opened(), columns(steady(2, 60))
    batch.late[1] = True
    daybook.pace(batch)
    daybook.add(batch, batch.times, np.full(2, DAY), np.full(2, 9))
    assert daybook.late[1].sum() == 1
    assert not daybook.late[2].any()


def regularity(pauses_s: np.ndarray) -> float:
    times = at(0, 9.0) + np.cumsum(pauses_s)
    running = add(opened(), [event("E1", float(time)) for time in times])
    baselines = Baselines([Surprise("regularity", Feature.PAUSES, "nats")], 30.0)
    return baselines.observed(0, running.sums[-1], running.peaks[-1])


def test_a_machine_is_regular_and_a_person_is_not() -> None:
    rng = np.random.default_rng(1)
    assert regularity(np.full(60, 30.0)) > 4.0
    assert regularity(rng.exponential(30.0, 60)) < 1.5


def test_a_busy_person_is_not_taken_for_a_machine() -> None:
    rng = np.random.default_rng(1)
    assert regularity(rng.lognormal(2.5, 1.0, 4_000).clip(0.6, 500.0)) < 1.5
