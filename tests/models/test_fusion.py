from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models import fusion
from models.errors import InputError

P_VALUES: list[Callable[..., np.ndarray]] = [fusion.fisher, fusion.strongest, fusion.cauchy]
by_p_value = pytest.mark.parametrize("fuse", P_VALUES, ids=lambda fuse: fuse.__name__)


@by_p_value
def test_of_independent_p_values_the_result_is_uniform(fuse: Callable[..., np.ndarray]) -> None:
    p = fuse(np.random.default_rng(1).random((100_000, 6)))
    for alpha in (0.1, 0.01):
        assert (p < alpha).mean() / alpha == pytest.approx(1.0, abs=0.12)


def test_only_cauchy_keeps_its_tail_when_p_values_are_one_and_the_same() -> None:
    same = np.repeat(np.random.default_rng(1).random((50_000, 1)), 5, axis=1)
    rates = {fuse.__name__: (fuse(same) < 0.01).mean() / 0.01 for fuse in P_VALUES}
    assert rates["cauchy"] == pytest.approx(1.0, abs=0.15)
    assert rates["fisher"] > 3.0
    assert rates["strongest"] < 0.5


def test_fisher_and_cauchy_agree_with_scipy() -> None:
    p = np.random.default_rng(1).random((50, 4))
    for row, ours in zip(p, fusion.fisher(p), strict=True):
        assert ours == pytest.approx(stats.combine_pvalues(row, "fisher").pvalue)
    t = np.tan((0.5 - p) * np.pi).mean(axis=1)
    assert fusion.cauchy(p) == pytest.approx(stats.cauchy.sf(t), rel=1e-3)


@by_p_value
def test_a_single_p_value_is_itself(fuse: Callable[..., np.ndarray]) -> None:
    p = np.array([[0.7], [0.01], [1e-9], [1e-200]])
    assert fuse(p) == pytest.approx(p[:, 0], rel=1e-6)


@by_p_value
def test_what_is_not_ready_does_not_count(fuse: Callable[..., np.ndarray]) -> None:
    full = fuse(np.array([[0.2, 0.03]]))
    assert fuse(np.array([[0.2, np.nan, 0.03]])) == full
    assert fuse(np.array([[0.2, 1e-9, 0.03]]), np.array([[True, False, True]])) == full
    assert fuse(np.array([[np.nan, np.nan]])).tolist() == [1.0]


@by_p_value
def test_results_are_p_values_even_at_the_extremes(fuse: Callable[..., np.ndarray]) -> None:
    p = fuse(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1e-300, 0.5]]))
    assert ((p > 0) & (p <= 1)).all()
    assert p[0] <= p[3] < p[1]


@settings(max_examples=50, deadline=None)
@given(
    p=st.lists(st.floats(1e-250, 1.0), min_size=2, max_size=6),
    at=st.integers(0, 5),
    factor=st.floats(0.01, 0.9),
)
def test_a_smaller_p_value_never_makes_the_whole_less_remarkable(p: list[float], at: int, factor: float) -> None:
    less = list(p)
    less[at % len(p)] *= factor
    for fuse in P_VALUES:
        before, after = fuse([p])[0], fuse([less])[0]
        assert after <= before * (1 + 1e-9)
    assert fusion.top_k([less], 2)[0] >= fusion.top_k([p], 2)[0]


def test_top_k_lies_between_the_strongest_and_the_sum() -> None:
    p = np.array([[0.1, 0.01, 0.5]])
    assert fusion.top_k(p, 1)[0] == pytest.approx(-np.log(0.01))
    assert fusion.top_k(p, 2)[0] == pytest.approx(-np.log(0.001))
    assert fusion.top_k(p, 9)[0] == pytest.approx(-np.log(0.0005))
    assert fusion.top_k(np.array([[np.nan]]), 2)[0] == 0.0


@by_p_value
def test_a_row_does_not_depend_on_its_neighbours(fuse: Callable[..., np.ndarray]) -> None:
    p = np.random.default_rng(1).random((333, 9))
    for array in (p, np.asfortranarray(p)):
        single = np.concatenate([fuse(array[i : i + 1]) for i in range(333)])
        assert single.tobytes() == fuse(array).tobytes()


@pytest.mark.parametrize("bad", [[[1.5]], [[-0.1]], [0.5]])
def test_what_is_no_p_value_is_refused(bad: list[object]) -> None:
    with pytest.raises(InputError, match="p-values in"):
        fusion.fisher(bad)  # type: ignore[arg-type]


def test_the_best_of_none_is_refused() -> None:
    with pytest.raises(InputError, match="k is 0"):
        fusion.top_k([[0.5]], 0)
