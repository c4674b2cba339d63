from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import TailCalibrator
from models.errors import InputError

Draw = Callable[[np.random.Generator, int], np.ndarray]
LAWS: dict[str, tuple[Draw, tuple[float, float]]] = {
    # observed / nominal at 1e-3 on 150,000 scores; a light tail alarms too seldom, a heavy one too often
    "exponential": (lambda rng, n: rng.exponential(1.0, n), (0.8, 1.2)),
    "wide exponential": (lambda rng, n: rng.exponential(20.0, n), (0.8, 1.2)),
    "half normal": (lambda rng, n: np.abs(rng.normal(0.0, 6.0, n)), (0.7, 1.2)),
    "chi squared": (lambda rng, n: rng.chisquare(6, n), (0.7, 1.2)),
    "log normal": (lambda rng, n: rng.lognormal(0.0, 1.0, n), (0.8, 1.5)),
    "pareto": (lambda rng, n: 5.0 * rng.pareto(4.0, n), (0.8, 1.5)),
    "bounded": (lambda rng, n: 40.0 * rng.beta(2.0, 8.0, n), (0.5, 1.2)),
    "lumpy": (lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.exponential(2.0, n)), (0.8, 1.2)),
}


def prequential(draw: Draw, calibrator: TailCalibrator, seed: int, calls: int, skipped: int) -> np.ndarray:
    rng, kept = np.random.default_rng(seed), []
    for call in range(calls):
        values = draw(rng, 512)[:, None]
        if call >= skipped:
            kept.append(calibrator.score_many(values))
        calibrator.learn_many(values)
    return np.concatenate(kept)


@pytest.mark.parametrize("law", LAWS)
def test_false_alarms_are_near_nominal_on_many_distributions(law: str) -> None:
    draw, (low, high) = LAWS[law]
    p = prequential(draw, TailCalibrator(1), seed=1, calls=360, skipped=60)
    assert 0.9 < (p < 0.01).mean() / 0.01 < 1.1
    assert low < (p < 0.001).mean() / 0.001 < high


def test_a_narrow_score_alarms_too_seldom_and_never_too_often() -> None:
    p = prequential(lambda rng, n: rng.exponential(0.2, n), TailCalibrator(1), seed=1, calls=160, skipped=60)
    assert (p < 0.1).mean() / 0.1 == pytest.approx(1.0, abs=0.1)
    assert (p < 0.001).mean() / 0.001 < 0.1


def test_false_alarms_stay_near_nominal_under_drift() -> None:
    calls, at = 400, iter(range(10**6))

    def drifting(rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.exponential(1.0 + next(at) / calls, n)  # the scale doubles on the way

    p = prequential(drifting, TailCalibrator(1, half_life=10_000), seed=2, calls=calls, skipped=60)
    assert 0.9 < (p < 0.01).mean() / 0.01 < 1.3
    assert 0.8 < (p < 0.001).mean() / 0.001 < 1.6


def test_without_forgetting_drift_would_raise_false_alarms() -> None:
    at = iter(range(10**6))

    def drifting(rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.exponential(1.0 + next(at) / 400, n)

    p = prequential(drifting, TailCalibrator(1, half_life=10**9), seed=2, calls=400, skipped=60)
    assert (p < 0.001).mean() / 0.001 > 2.0


def test_a_young_calibrator_takes_scores_at_their_word() -> None:
    p = TailCalibrator(1).score_many([[0.0], [1.0], [5.0], [20.0]])[:, 0]
    assert p == pytest.approx(np.exp([-0.0, -1.0, -5.0, -20.0]), rel=0.02)
    young = TailCalibrator(1)
    young.learn_many(np.random.default_rng(1).exponential(1.0, (30, 1)))
    assert young.score_many([[20.0]])[0, 0] < 1e-5
    assert not young.ready[0]


def test_it_says_when_it_is_ready() -> None:
    calibrator = TailCalibrator(2)
    calibrator.learn_many(np.column_stack([np.ones(600), np.full(600, np.nan)]))
    assert calibrator.ready.tolist() == [True, False]
    assert calibrator.n == pytest.approx([597.5, 0.0], abs=0.5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000), n=st.integers(0, 400), scale=st.floats(0.01, 100.0))
def test_p_is_in_range_and_never_rises_with_the_score(seed: int, n: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    calibrator = TailCalibrator(1, bins=64)
    calibrator.learn_many(scale * rng.exponential(1.0, (n, 1)))
    grid = np.concatenate([np.linspace(0, 30, 700), np.geomspace(30, 1e7, 300)])[:, None]
    p = calibrator.score_many(grid)[:, 0]
    assert p[0] == 1.0
    assert (p > 0).all()
    assert (np.diff(p) <= 1e-12).all()


def test_scores_are_frozen_between_learns_and_far_ones_stay_apart() -> None:
    calibrator = TailCalibrator(1)
    calibrator.learn_many(np.random.default_rng(1).exponential(1.0, (5_000, 1)))
    p = calibrator.score_many([[20.0], [40.0], [80.0]])[:, 0]
    assert p[0] > 1e3 * p[1] > 1e3 * p[2]


def test_not_ready_scores_are_skipped() -> None:
    skipping, plain = TailCalibrator(2), TailCalibrator(2)
    values = np.random.default_rng(1).exponential(1.0, (100, 2))
    holes = values.copy()
    holes[::2, 1] = np.nan
    skipping.learn_many(holes)
    plain.learn_many(np.column_stack([values[:, 0], values[:, 0]]))
    assert skipping.n[1] == pytest.approx(50, rel=0.01)
    p = skipping.score_many([[1.0, np.nan]])[0]
    assert np.isnan(p[1])
    assert p[0] == plain.score_many([[1.0, 1.0]])[0, 0]


def test_one_gross_score_hardly_moves_the_tail() -> None:
    values = np.random.default_rng(1).exponential(1.0, (20_000, 1))
    clean, dirty = TailCalibrator(1), TailCalibrator(1)
    clean.learn_many(values)
    dirty.learn_many(np.concatenate([values, [[1e6]]]))
    before, after = (calibrator.score_many([[12.0]])[0, 0] for calibrator in (clean, dirty))
    assert after / before < 10


@pytest.mark.parametrize("fraction", [0.0, 0.5, -1.0])
def test_a_tail_is_less_than_half(fraction: float) -> None:
    with pytest.raises(InputError, match="tail_fraction"):
        TailCalibrator(1, tail_fraction=fraction)
