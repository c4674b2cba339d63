"""How surprising the places of a day are."""

from typing import Any

import numpy as np
import pytest

from detector.features import N_KINDS
from detector.places import Places

ROWS = 12


def made() -> Places:
    places = Places(30.0)
    places.grow(ROWS, 1)
    return places


def surprise(places: Places, rows: list[int], values: list[int], day: int) -> list[float]:
    table = np.zeros((len(rows), N_KINDS), np.uint64)
    table[:, 0] = values
    row = np.array(rows, np.int64)
    return places.score(row, np.zeros_like(row), np.full(len(rows), day), table, ROWS).tolist()


def learn(places: Places, day: int) -> None:
    places.learn(day, np.zeros(ROWS, np.int64), np.ones(ROWS, np.bool_))


def habit(days: int = 10, value: int = 7) -> Places:
    places = made()
    for day in range(days):
        surprise(places, list(range(ROWS)), [value + row for row in range(ROWS)], day)
        learn(places, day)
    return places


def test_an_own_place_is_no_surprise_and_a_new_one_is_at_its_first_sight_of_the_day() -> None:
    places = habit()
    assert surprise(places, [0, 0, 0], [7, 99, 99], 10) == [0.0, pytest.approx(600.0, abs=500.0), 0.0]


def test_no_place_is_no_surprise() -> None:
    assert surprise(habit(), [0], [0], 10) == [0.0]


def test_a_day_that_is_not_kept_teaches_nothing() -> None:
    places = habit()
    first = surprise(places, [0], [99], 10)
    places.learn(10, np.zeros(ROWS, np.int64), np.zeros(ROWS, np.bool_))
    assert surprise(places, [0], [99], 11) == first
    learn(places, 11)
    assert surprise(places, [0], [99], 12)[0] < first[0]


def test_a_roll_out_surprises_less_once_others_were_first_and_counts_only_after_the_roll() -> None:
    places = habit()
    alone = surprise(places, [0], [99], 10)[0]
    before = surprise(places, list(range(1, 9)), [99] * 8, 10)
    assert before == [alone] * 8
    places.roll()
    assert surprise(places, [9], [99], 10)[0] < alone / 2


@pytest.mark.parametrize("cut", [1, 2_047, 2_048, 2_049, 4_500])
def test_what_others_did_is_taken_over_at_positions_of_the_log_however_it_is_cut(cut: int) -> None:
    rows = np.arange(5_000) % ROWS
    table = np.zeros((5_000, N_KINDS), np.uint64)
    table[:, 0] = 200 + np.arange(5_000) % 61
    days, groups = np.full(5_000, 10), np.zeros_like(rows)
    whole, parts = habit(), habit()
    scores = whole.score_from(100, rows, groups, days, table, ROWS)
    first = parts.score_from(100, rows[:cut], groups[:cut], days[:cut], table[:cut], ROWS)
    rest = parts.score_from(100 + cut, rows[cut:], groups[cut:], days[cut:], table[cut:], ROWS)
    assert np.array_equal(scores, np.concatenate([first, rest]))
    assert whole.snapshot()["live.10"].tolist() == parts.snapshot()["live.10"].tolist() != []


def test_a_forgotten_row_begins_anew() -> None:
    places = habit()
    places.clear(np.array([0]))
    assert surprise(places, [0], [7], 10)[0] > 0
    assert surprise(places, [1], [8], 10) == [0.0]


def test_it_goes_on_from_a_snapshot_in_the_middle_of_a_day() -> None:
    places, twin = habit(), made()
    surprise(places, [0, 1, 2], [99, 98, 99], 10)
    twin.restore(places.snapshot())
    for one in (places, twin):
        one.roll()
    again: list[Any] = [surprise(one, [0, 3, 3], [99, 99, 97], 10) for one in (places, twin)]
    assert again[0] == again[1]
    for one in (places, twin):
        learn(one, 10)
    assert surprise(places, [0, 3, 4], [99, 97, 99], 11) == surprise(twin, [0, 3, 4], [99, 97, 99], 11)


def test_a_snapshot_from_before_its_days_were_arrays_goes_on_as_well() -> None:
    places, twin = habit(), made()
    surprise(places, [0, 1, 2], [99, 98, 99], 10)
    places.roll()
    state = places.snapshot()
    former = {name: [[10, state.pop(f"{name}.10").tolist()]] for name in ("firsts", "live")}
    twin.restore(state | former)
    assert all(np.array_equal(array, twin.snapshot()[name]) for name, array in places.snapshot().items())


def test_nothing_of_a_learned_day_is_kept() -> None:
    places = made()
    sizes = []
    for day in range(20):
        surprise(places, [0], [1_000 + day], day)
        learn(places, day)
        places.roll()
        sizes.append(sum(len(counts) for name, counts in places.snapshot().items() if name.startswith("live.")))
    assert max(sizes) <= 1


def test_a_snapshot_is_the_same_in_whatever_order_places_were_met() -> None:
    values = np.random.default_rng(3).permutation(np.arange(1, 200)).tolist()
    forwards, backwards = made(), made()
    for places, order in ((forwards, values), (backwards, values[::-1])):
        for start in range(0, len(order), 7):
            part = order[start : start + 7]
            surprise(places, [value % ROWS for value in part], part, 9)
        places.roll()
    first, second = forwards.snapshot(), backwards.snapshot()
    assert first["firsts.9"].tolist() == second["firsts.9"].tolist() == sorted(first["firsts.9"].tolist())
    assert first["live.9"].tolist() == second["live.9"].tolist() == [[value, 1] for value in sorted(values)]
    assert first["pairs.9"].tolist() == second["pairs.9"].tolist() == sorted(set(first["pairs.9"].tolist()))
