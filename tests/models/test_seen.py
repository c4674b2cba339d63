import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.seen import Seen

keys_ = st.lists(st.integers(0, 2**64 - 1), max_size=30).map(lambda values: np.array(values, np.uint64))


def drawn(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)


@settings(max_examples=40)
@given(keys_)
def test_what_was_added_counts_after_the_turn_and_never_gets_lost_before_it_fills(keys: np.ndarray) -> None:
    seen = Seen(14)
    seen.add_many(keys)
    assert not seen.score_many(keys).any()
    seen.turn()
    assert seen.score_many(keys).all()
    seen.turn()
    assert seen.score_many(keys).all()


def test_strangers_are_seldom_taken_for_seen() -> None:
    seen = Seen(16)
    seen.add_many(drawn(1, 8_000))
    seen.turn()
    assert seen.score_many(drawn(2, 20_000)).mean() < 0.07


def test_neighbouring_keys_are_told_apart() -> None:
    seen = Seen(16)
    seen.add_many(np.arange(0, 4_000, 2, dtype=np.uint64))
    seen.turn()
    assert seen.score_many(np.arange(1, 4_000, 2, dtype=np.uint64)).mean() < 0.01


def test_keys_that_keep_coming_stay_and_those_that_stopped_are_forgotten() -> None:
    seen, regulars, once = Seen(12), drawn(1, 50), drawn(2, 50)
    seen.add_many(once)
    for turn in range(40):
        seen.add_many(regulars)
        seen.add_many(drawn(100 + turn, 200))
        seen.turn()
        assert turn < 2 or seen.score_many(regulars).all()
    assert seen.score_many(once).mean() < 0.5
    assert seen.score_many(drawn(3, 2_000)).mean() < 0.25


def test_the_order_and_number_of_calls_between_turns_do_not_show() -> None:
    keys = drawn(4, 300)
    whole, cut = Seen(12), Seen(12)
    whole.add_many(keys)
    for key in keys[::-1]:
        cut.add_many(np.array([key]))
    for one in (whole, cut):
        one.turn()
    states = [one.snapshot() for one in (whole, cut)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_memory_does_not_grow() -> None:
    seen = Seen(12)
    before = sum(array.nbytes for array in seen.snapshot().values())
    for turn in range(20):
        seen.add_many(drawn(turn, 1_000))
        seen.turn()
    assert sum(array.nbytes for array in seen.snapshot().values()) == before


@pytest.mark.parametrize("log2_bits", [5, 35])
def test_a_filter_has_a_sensible_size(log2_bits: int) -> None:
    with pytest.raises(InputError, match="log2_bits"):
        Seen(log2_bits)
