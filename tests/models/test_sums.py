from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Ints
from models.errors import InputError
from models.sums import PoolSums, RowSums, forward_weights, occurrences


def test_a_row_observation_weighs_half_after_half_life_more() -> None:
    sums = RowSums(1, half_life=3)
    sums.grow(1)
    row = np.zeros(1, dtype=np.int64)
    sums.learn_many(row, np.array([[8.0]]))
    for _ in range(3):
        sums.learn_many(row, np.array([[0.0]]))
    assert sums.sums[0, 0] == pytest.approx(4.0)


def test_the_sum_of_squared_weights_follows_from_the_sum_of_weights() -> None:
    sums = RowSums(1, half_life=4)
    weights = sums.decay ** np.arange(9.0)
    assert sums.squared_weights(np.array([weights.sum()]))[0] == pytest.approx((weights**2).sum())


def test_a_pool_observation_weighs_half_after_half_life_more_and_the_newest_weighs_one() -> None:
    sums = PoolSums(1, half_life=3)
    sums.grow(2)
    pools = np.array([1, 1, 1, 1])
    sums.learn_many(pools, np.array([[8.0], [0.0], [0.0], [0.0]]))
    number, total = sums.read()
    assert total[1, 0] == pytest.approx(4.0)
    assert number[1] == pytest.approx((2.0 ** (-np.arange(4) / 3)).sum())
    assert number[0] == 0.0


@settings(max_examples=40, deadline=None)
@given(
    pools=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    half_life=st.integers(1, 9),
    cuts=st.sets(st.integers(0, 60), max_size=5),
)
def test_pool_sums_are_the_same_to_the_bit_however_calls_are_cut(
    pools: list[int], half_life: int, cuts: set[int]
) -> None:
    values = np.random.default_rng(1).normal(size=(len(pools), 2))
    key = np.array(pools)
    whole, parts = PoolSums(2, half_life), PoolSums(2, half_life)
    for sums in (whole, parts):
        sums.grow(3)
    whole.learn_many(key, values)
    edges = [0, *sorted(cuts), len(pools)]
    for start, stop in pairwise(edges):
        parts.learn_many(key[start:stop], values[start:stop])
    for left, right in zip(whole.read(), parts.read(), strict=True):
        assert left.tobytes() == right.tobytes()


def test_a_very_long_call_decays_to_the_limit_without_overflow() -> None:
    sums = PoolSums(1, half_life=1)
    sums.grow(1)
    sums.learn_many(np.zeros(5_000, dtype=np.int64), np.ones((5_000, 1)))
    assert sums.read()[0][0] == pytest.approx(2.0)


def test_forward_weights_double_with_each_half_life() -> None:
    ticks: Ints = np.array([0, 5, 10])
    assert forward_weights(ticks, np.full(3, 10), 5).tolist() == [0.25, 0.5, 1.0]


def test_occurrences_of_nothing_are_none() -> None:
    assert occurrences(np.zeros(0, dtype=np.int64)).tolist() == []


@pytest.mark.parametrize("half_life", [0, -1, 2.5])
def test_a_pool_half_life_is_a_whole_number_above_zero(half_life: float) -> None:
    with pytest.raises(InputError, match="half_life"):
        PoolSums(1, half_life)  # type: ignore[arg-type]
