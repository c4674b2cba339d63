import numpy as np
import pytest

from models.count_min import CountMin, mixed
from models.errors import InputError


def test_an_estimate_is_never_too_low_and_seldom_too_high() -> None:
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 2**63, 2_000).astype(np.uint64)
    counts = rng.integers(1, 5, 2_000).astype(float)
    sketch = CountMin(14, 3)
    sketch.add_many(keys, counts)
    estimates = sketch.estimate_many(keys)
    assert (estimates >= counts).all()
    assert (estimates > counts).mean() < 0.01


def test_halving_halves_every_count() -> None:
    sketch, keys = CountMin(8, 2), np.array([1, 2], dtype=np.uint64)
    sketch.add_many(keys, np.array([4.0, 6.0]))
    sketch.halve()
    assert sketch.estimate_many(keys).tolist() == [2.0, 3.0]


def test_mixing_spreads_neighbouring_values_and_salts() -> None:
    values = np.arange(4_096, dtype=np.uint64)
    for hashes in (mixed(values, values[:1]), mixed(values[:1], values)):
        low = np.bincount((hashes & np.uint64(63)).astype(np.int64), minlength=64)
        high = np.bincount((hashes >> np.uint64(58)).astype(np.int64), minlength=64)
        assert low.max() < 110
        assert high.max() < 110
        assert len(np.unique(hashes)) == 4_096


def test_pairs_of_like_structure_do_not_collide() -> None:
    side = np.arange(64, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for salts in (side, np.arange(64, dtype=np.uint64)):
        pairs = mixed(np.repeat(side, 64), np.tile(salts, 64))
        assert len(np.unique(pairs)) == 64 * 64


@pytest.mark.parametrize("bits", [3, 31])
def test_a_table_has_a_sensible_size(bits: int) -> None:
    with pytest.raises(InputError, match="bits"):
        CountMin(bits, 2)
