import numpy as np
import pytest

from models.pooling import pooled

GROUPS = np.repeat([0, 1, 2], [200, 200, 2])


def drawn(spread: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(GROUPS == 0, 1.0, 5.0)[:, None] + rng.normal(0, spread, (len(GROUPS), 1))


def trusting(trust: float = 1.0) -> np.ndarray:
    return np.full((len(GROUPS), 1), trust)


def test_a_large_group_has_its_own_mean_and_spread() -> None:
    mean, spread, organisation = pooled(drawn(), trusting(), GROUPS, 3, 0.3)
    np.testing.assert_allclose(mean[:2, 0], [1.0, 5.0], atol=0.2)
    np.testing.assert_allclose(spread[:2, 0], 0.25, rtol=0.3)
    assert organisation.shape == (2, 1)
    assert organisation[0, 0] == pytest.approx(drawn().mean())


def test_a_small_group_leans_on_the_organisation() -> None:
    mean, _, organisation = pooled(drawn(), trusting(), GROUPS, 3, 0.3)
    assert organisation[0, 0] < mean[2, 0] < 5.0


def test_an_empty_group_is_as_the_organisation() -> None:
    mean, spread, organisation = pooled(drawn(), trusting(), GROUPS, 4, 0.3)
    assert mean[3] == pytest.approx(organisation[0])
    assert spread[3] == pytest.approx(organisation[1])


def test_rows_without_trust_do_not_count() -> None:
    trust = trusting()
    trust[GROUPS == 1] = 0.0
    values = drawn()
    values[GROUPS == 1] = 1e6
    mean = pooled(values, trust, GROUPS, 3, 0.3)[0]
    assert mean[:, 0].max() < 6.0


def test_before_any_row_is_known_the_spread_is_the_prior() -> None:
    mean, spread, _ = pooled(np.zeros((0, 2)), np.zeros((0, 1)), np.zeros(0, np.int64), 2, 0.3)
    assert not mean.any()
    assert spread == pytest.approx(np.full((2, 2), 0.3))


def test_rows_that_differ_more_give_a_larger_spread() -> None:
    spreads = [pooled(drawn(width), trusting(), GROUPS, 3, 0.3)[1][0, 0] for width in (0.1, 1.0)]
    assert spreads[1] > 10 * spreads[0]
