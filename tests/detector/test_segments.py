"""Running sums and maxima of many keys are those of a loop, however the batch is cut."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.segments import SCORE_SPAN, Segments, to_grid

batches = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1_000)), max_size=40)


def columns(batch: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(batch, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1].astype(np.float64)


@settings(max_examples=80)
@given(batches, st.integers(0, 40))
def test_running_figures_equal_a_loop_over_the_events_wherever_the_batch_is_cut(
    batch: list[tuple[int, int]], cut: int
) -> None:
    totals, tops, lasts = np.zeros(6), np.zeros(6), np.full(6, -1.0)
    got: list[tuple[float, float, float]] = []
    for part in (batch[:cut], batch[cut:]):
        keys, values = columns(part)
        segments = Segments(keys)
        sums = segments.cumsum(values[:, None], totals[segments.keys][:, None])[:, 0]
        most = segments.cummax(values[:, None], tops[segments.keys][:, None], SCORE_SPAN)[:, 0]
        before = segments.previous(values, lasts[segments.keys])
        totals[segments.keys], tops[segments.keys] = sums[segments.last], most[segments.last]
        lasts[segments.keys] = values[segments.last]
        got += zip(sums.tolist(), most.tolist(), before.tolist(), strict=True)
    wanted, seen = [], {}
    for key, value in batch:
        past = seen.setdefault(key, [])
        wanted.append((float(sum(past) + value), float(max([value, *past])), float(past[-1]) if past else -1.0))
        past.append(value)
    assert got == wanted


def test_an_empty_batch_has_no_keys() -> None:
    segments = Segments(np.zeros(0, np.int64))
    assert len(segments.keys) == len(segments.last) == 0
    assert segments.cumsum(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 300), min_size=1, max_size=20))
def test_what_is_on_the_grid_stays_there_in_order_and_near(scores: list[float]) -> None:
    array = np.sort(np.array(scores))
    grid = to_grid(array)
    assert np.array_equal(to_grid(grid), grid)
    assert (np.diff(grid) >= 0).all()
    assert np.abs(grid - array).max() <= 0.2
    assert sum(grid.tolist()) == sum(grid[::-1].tolist())
