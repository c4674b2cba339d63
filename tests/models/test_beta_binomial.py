import numpy as np
import pytest
from scipy import stats

from models.beta_binomial import BetaBinomial
from models.errors import InputError


def model_of(share: float, days: int = 30) -> BetaBinomial:
    model = BetaBinomial(1)
    model.grow(51, 1)
    row = np.arange(50)
    for _ in range(days):
        model.learn_many(row, 0 * row, np.full((50, 1), 100 * share), np.full((50, 1), 100))
    return model


def test_a_share_like_the_own_one_is_unremarkable_and_a_higher_one_is_not() -> None:
    model = model_of(0.1)
    p = model.score_many([0, 0, 0], [0, 0, 0], [[10], [30], [60]], [[100], [100], [100]])[:, 0]
    assert p[0] > 0.4
    assert p[1] < 0.01
    assert p[2] < 1e-6


def test_more_history_than_max_strength_makes_the_predictive_no_narrower() -> None:
    p = model_of(0.1).score_one(0, 0, [30], [100])[0]
    assert p == pytest.approx(stats.betabinom.sf(29, 100, 10.0, 90.0), rel=0.01)


def test_the_log_tail_is_the_logarithm_of_the_score() -> None:
    model = model_of(0.1)
    arguments = ([0, 0], [0, 0], [[20], [80]], [[100], [90]])
    assert model.log_tail_many(*arguments) == pytest.approx(-np.log10(model.score_many(*arguments)))


def test_without_trials_or_successes_nothing_is_remarkable() -> None:
    model = model_of(0.1)
    assert model.score_many([0, 0], [0, 0], [[0], [0]], [[0], [50]]).tolist() == [[1.0], [1.0]]


def test_a_newcomer_is_judged_by_peers_with_less_certainty() -> None:
    model = model_of(0.1)
    known, new = (model.score_one(row, 0, [35], [100])[0] for row in (0, 50))
    assert known < new < 0.1


def test_one_huge_observation_teaches_no_more_than_max_strength() -> None:
    model = BetaBinomial(1, half_life=1e9, max_strength=100.0)
    model.grow(1, 1)
    model.learn_one(0, 0, [0], [100])
    model.learn_one(0, 0, [1_000_000], [1_000_000])
    assert model.expected_many([0], [0])[0][0, 0] == pytest.approx(0.5)


def test_expected_gives_own_share_peers_share_and_observations() -> None:
    own, peer, number = model_of(0.2, days=2).expected_many([0, 50], [0, 0])
    assert own[0, 0] == pytest.approx(0.2)
    assert np.isnan(own[1, 0])
    assert peer[0, 0] == pytest.approx(0.2, abs=0.01)
    assert number == pytest.approx([1.977, 0.0], abs=0.01)


def test_more_successes_than_trials_are_refused() -> None:
    model = model_of(0.1, days=1)
    with pytest.raises(InputError, match="more successes than trials"):
        model.score_one(0, 0, [5], [4])
