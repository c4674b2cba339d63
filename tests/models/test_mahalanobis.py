import numpy as np
import pytest
from scipy import stats

from models.errors import InputError
from models.mahalanobis import Mahalanobis

FEATURES = ["a", "b", "c"]


def cloud(seed: int, n: int) -> np.ndarray:
    mixing = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.3, 0.9]])
    return np.random.default_rng(seed).normal(size=(n, 3)) @ mixing.T + [1.0, 0.0, -1.0]


def test_of_normal_features_the_score_is_about_chi_squared() -> None:
    model = Mahalanobis(FEATURES, shrinkage=0.0)
    model.learn_many(cloud(1, 20_000))
    scores = model.score_many(cloud(2, 20_000))
    for alpha in (0.1, 0.01):
        assert (stats.chi2.sf(scores, 3) < alpha).mean() / alpha == pytest.approx(1.0, abs=0.15)


def test_it_is_the_quadratic_form_of_mean_and_covariance() -> None:
    model, values = Mahalanobis(FEATURES, half_life=10**9, shrinkage=0.0), cloud(1, 50_000)
    model.learn_many(values)
    centred = values[:50] - values.mean(axis=0)
    exact = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(np.cov(values.T)), centred)
    assert model.score_many(values[:50]) == pytest.approx(exact, rel=0.01)


def test_what_breaks_the_correlation_is_farther_than_what_follows_it() -> None:
    model = Mahalanobis(FEATURES)
    model.learn_many(cloud(1, 5_000))
    along, against = model.score_many([[2.5, 1.2, -1.0], [2.5, -1.2, -1.0]])
    assert against > 3 * along


def test_full_shrinkage_ignores_correlation() -> None:
    model = Mahalanobis(FEATURES, shrinkage=1.0)
    model.learn_many(cloud(1, 5_000))
    left, right = model.score_many([[2.0, 1.0, -1.0], [2.0, -1.0, -1.0]])
    assert left == pytest.approx(right, rel=0.2)


def test_constant_and_copied_features_do_not_break_it() -> None:
    model, values = Mahalanobis(FEATURES, half_life=50, shrinkage=0.0), cloud(1, 2_000)
    values[:, 1], values[:, 2] = values[:, 0], 4.0
    model.learn_many(values)
    assert np.isfinite(model.score_many(values)).all()


def test_it_follows_a_moving_cloud() -> None:
    model = Mahalanobis(FEATURES, half_life=500)
    model.learn_many(cloud(1, 3_000))
    model.learn_many(cloud(2, 5_000) + 3.0)
    assert model.score_many(cloud(3, 500) + 3.0).mean() < 4.0 < model.score_many(cloud(3, 500)).mean()


@pytest.mark.parametrize("shrinkage", [-0.1, 1.1])
def test_shrinkage_is_a_share(shrinkage: float) -> None:
    with pytest.raises(InputError, match="shrinkage"):
        Mahalanobis(FEATURES, shrinkage=shrinkage)
