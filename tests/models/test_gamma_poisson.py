import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.errors import InputError
from models.gamma_poisson import GammaPoisson, _leading_term

ROWS, GROUPS, DAYS = 400, 4, 50


def world(seed: int, rows: int) -> tuple[np.random.Generator, np.ndarray]:
    """Every row's own rate, gamma distributed about 40 in its group."""
    rng = np.random.default_rng(seed)
    return rng, rng.gamma(2.0, 20.0, (rows, 1))


def days(rng: np.random.Generator, rates: np.ndarray) -> np.ndarray:
    return rng.poisson(rates * rng.gamma(4.0, 0.25, rates.shape))


@pytest.fixture(scope="module")
def trained() -> tuple[GammaPoisson, np.random.Generator, np.ndarray]:
    rng, rates = world(1, ROWS)
    model = GammaPoisson(1)
    model.grow(ROWS + 2_000, GROUPS)
    row = np.arange(ROWS)
    for _ in range(DAYS):
        values = days(rng, rates)
        model.learn_many(row, row % GROUPS, model.cap_many(row, row % GROUPS, values))
    return model, rng, rates


@pytest.mark.parametrize(("alpha", "low", "high"), [(0.1, 0.7, 1.2), (0.01, 0.6, 1.4), (0.001, 0.3, 2.0)])
def test_false_alarms_of_known_rows_are_near_nominal(
    trained: tuple[GammaPoisson, np.random.Generator, np.ndarray], alpha: float, low: float, high: float
) -> None:
    model, _, rates = trained
    rng, row = np.random.default_rng(2), np.arange(ROWS)
    p = np.concatenate([model.score_many(row, row % GROUPS, days(rng, rates)) for _ in range(60)])
    assert low < (p < alpha).mean() / alpha < high


def test_a_newcomer_is_judged_as_widely_as_peers_differ(
    trained: tuple[GammaPoisson, np.random.Generator, np.ndarray],
) -> None:
    model, _, _ = trained
    rng, rates = world(3, 2_000)
    row = np.arange(ROWS, ROWS + 2_000)
    p = model.score_many(row, row % GROUPS, days(rng, rates))
    assert (p < 0.01).mean() < 0.03
    assert 0.06 < (p < 0.1).mean() < 0.14


def test_own_history_narrows_but_never_below_a_floor() -> None:
    model = GammaPoisson(1, max_strength=60.0)
    model.grow(2, 1)
    p = []
    for _ in range(80):
        model.learn_many([0, 1], [0, 0], [[50], [50]])
        p.append(model.score_one(0, 0, [80])[0])
    assert p[5] > p[40]
    assert p[-1] > stats.poisson.sf(79, 50)


def test_log_tail_agrees_with_the_probability_and_goes_on_where_it_underflows() -> None:
    model = GammaPoisson(1)
    model.grow(1, 1)
    for _ in range(40):
        model.learn_one(0, 0, [20])
    values = np.array([[1], [20], [40], [80], [200]])
    zeros = np.zeros(5, dtype=np.int64)
    p = model.score_many(zeros, zeros, values)
    assert model.log_tail_many(zeros, zeros, values) == pytest.approx(-np.log10(p), rel=1e-9)
    far = model.log_tail_many(zeros, zeros, [[2_000], [5_000], [20_000], [10**6], [10**9]])[:, 0]
    assert (np.diff(far) > 0).all()
    assert far[-1] > 300


def test_the_leading_term_continues_the_incomplete_beta_function() -> None:
    value, shape, odds = np.array([4_000.0]), np.array([3.0]), np.array([6.0])
    exact = stats.nbinom.logsf(3_999, 3.0, 1.0 / 7.0)
    assert _leading_term(value, shape, odds)[0] == pytest.approx(exact, rel=1e-3)


def test_zero_is_never_surprising_and_more_is_never_less_so() -> None:
    model = GammaPoisson(1)
    model.grow(1, 1)
    model.learn_one(0, 0, [7])
    values = np.arange(0, 200)[:, None]
    zeros = np.zeros(200, dtype=np.int64)
    p = model.score_many(zeros, zeros, values)[:, 0]
    assert p[0] == 1.0
    assert (np.diff(p) <= 0).all()


def test_expected_is_the_rows_own_mean_beside_its_peers() -> None:
    model = GammaPoisson(2, half_life=1e9)
    model.grow(5, 2)
    model.learn_many([0, 1], [0, 0], [[10, 1], [20, 3]])
    model.learn_many([0, 1], [0, 0], [[12, 1], [22, 3]])
    own, peer, number = model.expected_many([0, 1, 2], [0, 0, 0])
    assert own[0] == pytest.approx([11.0, 1.0])
    assert np.isnan(own[2]).all()
    assert number == pytest.approx([2.0, 2.0, 0.0])
    assert 1.0 < peer[0, 0] < 20.0


def test_a_group_without_history_leans_on_the_organisation() -> None:
    model = GammaPoisson(1)
    model.grow(201, 2)
    row = np.arange(200)
    for _ in range(10):
        model.learn_many(row, np.zeros(200, dtype=np.int64), np.full((200, 1), 30))
    _, peer, _ = model.expected_many([200], [1])
    assert peer[0, 0] == pytest.approx(30.0, rel=0.05)
    assert model.score_one(200, 1, [30])[0] > 0.2


@settings(max_examples=30, deadline=None)
@given(value=st.integers(0, 10**9))
def test_one_observation_teaches_a_bounded_amount(value: int) -> None:
    model = GammaPoisson(1)
    model.grow(1, 1)
    for _ in range(70):
        model.learn_one(0, 0, [10])
    capped = model.cap_many([0], [0], [[value]])
    assert capped[0, 0] <= min(value, 60)
    if value <= 10:
        assert capped[0, 0] == value


def test_nothing_is_capped_before_anything_is_known() -> None:
    model = GammaPoisson(1)
    model.grow(1, 1)
    assert model.cap_many([0], [0], [[10**6]])[0, 0] == 10**6


def test_the_cap_is_near_its_quantile(trained: tuple[GammaPoisson, np.random.Generator, np.ndarray]) -> None:
    model, _, _ = trained
    row = np.arange(ROWS)
    cap = model.cap_many(row, row % GROUPS, np.full((ROWS, 1), 1e9))
    p = model.score_many(row, row % GROUPS, cap)
    assert p.min() > 1e-4
    assert p.max() < 3e-3


def test_a_row_twice_in_a_call_is_refused() -> None:
    model = GammaPoisson(1)
    model.grow(2, 1)
    with pytest.raises(InputError, match="twice"):
        model.learn_many([1, 1], [0, 0], [[1], [2]])
