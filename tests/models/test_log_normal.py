import numpy as np
import pytest
from scipy import stats

from models.errors import InputError
from models.log_normal import FREEDOM, LogNormal

ROWS, GROUPS = 300, 3
EVERY = np.arange(ROWS)


def world(seed: int, spread: float = 0.4) -> tuple[np.random.Generator, np.ndarray]:
    """Every row's own median, log-normal about its group's 20, 60 or 180."""
    rng = np.random.default_rng(seed)
    return rng, np.log(20.0 * 3.0 ** (EVERY % GROUPS)) + rng.normal(0, spread, ROWS)


def day(rng: np.random.Generator, centres: np.ndarray) -> np.ndarray:
    return np.round(np.exp(centres + rng.normal(0, 0.5, len(centres))))[:, None]


@pytest.fixture(scope="module")
def trained() -> tuple[LogNormal, np.ndarray]:
    rng, centres = world(1)
    model = LogNormal(1)
    model.grow(ROWS + 60, GROUPS)
    for _ in range(40):
        model.learn_many(EVERY, EVERY % GROUPS, day(rng, centres))
        model.pool(np.arange(ROWS + 60) % GROUPS, GROUPS)
    return model, centres


@pytest.mark.parametrize(("alpha", "low", "high"), [(0.1, 0.6, 1.4), (0.01, 0.05, 1.3)])
def test_false_alarms_of_log_normal_days_are_hardly_above_nominal(
    trained: tuple[LogNormal, np.ndarray], alpha: float, low: float, high: float
) -> None:
    model, centres = trained
    rng = np.random.default_rng(2)
    scores = np.concatenate([model.score_many(EVERY, EVERY % GROUPS, day(rng, centres)) for _ in range(50)])
    assert low < (scores > -np.log10(alpha)).mean() / alpha < high


def test_a_score_is_that_of_students_t(trained: tuple[LogNormal, np.ndarray]) -> None:
    model, _ = trained
    row = np.zeros(400, np.int64)
    z = np.linspace(-4.0, 60.0, 400)
    mean, scale = model._predict(row[:1], row[:1])
    values = np.expm1(mean[0] + z * scale[0])[:, None]
    kept = values[:, 0] >= 0
    scores = model.score_many(row[kept], row[kept], values[kept])[:, 0]
    np.testing.assert_allclose(scores, -stats.t.logsf(z[kept], FREEDOM) / np.log(10.0), atol=5e-3)


def test_a_newcomer_is_judged_by_the_peers(trained: tuple[LogNormal, np.ndarray]) -> None:
    model, _ = trained
    newcomers = np.arange(ROWS, ROWS + GROUPS)
    own, peers, days = model.expected_many(newcomers, newcomers % GROUPS)
    assert np.isnan(own).all()
    np.testing.assert_allclose(peers[:, 0], [20, 60, 180], rtol=0.3)
    assert not days.any()
    scores = model.score_many(newcomers, newcomers % GROUPS, np.full((GROUPS, 1), 180.0))[:, 0]
    assert scores[0] > scores[1] > scores[2]


def test_a_row_with_a_past_is_judged_by_itself(trained: tuple[LogNormal, np.ndarray]) -> None:
    model, centres = trained
    own, _, days = model.expected_many(EVERY, EVERY % GROUPS)
    assert np.corrcoef(np.log(own[:, 0]), centres)[0, 1] > 0.95
    assert (days > 20).all()


def test_a_quantile_scores_what_it_was_asked_for(trained: tuple[LogNormal, np.ndarray]) -> None:
    model, _ = trained
    wanted = np.linspace(0.5, 6.0, ROWS)[:, None]
    values = model.quantile_many(EVERY, EVERY % GROUPS, wanted)
    np.testing.assert_allclose(model.score_many(EVERY, EVERY % GROUPS, values), wanted, rtol=0.02)


def test_nothing_is_no_surprise_and_more_is_never_less_surprising(trained: tuple[LogNormal, np.ndarray]) -> None:
    model, _ = trained
    row = np.zeros(500, np.int64)
    scores = model.score_many(row, row, np.append(0.0, np.geomspace(1.0, 1e300, 499))[:, None])[:, 0]
    assert scores[0] == 0.0
    assert (np.diff(scores) >= 0).all()
    assert scores[-1] <= 300.0


def test_one_observation_teaches_a_bounded_amount() -> None:
    medians = []
    for largest in (1e4, 1e12):
        model = LogNormal(1)
        model.grow(1)
        for value in (*[20.0] * 10, largest):
            model.learn_one(0, 0, [value])
        medians.append(model.expected_many([0], [0])[0][0, 0])
    assert medians[0] == medians[1] < 30.0


def test_a_group_of_like_rows_lends_more_than_one_whose_rows_differ() -> None:
    lent = []
    for spread in (0.05, 1.5):
        rng, centres = world(4, spread)
        model = LogNormal(1)
        model.grow(ROWS + 1, GROUPS)
        for _ in range(15):
            model.learn_many(EVERY, EVERY % GROUPS, day(rng, centres))
            model.pool(np.arange(ROWS + 1) % GROUPS, GROUPS)
        model.learn_one(ROWS, 0, [60.0])
        lent.append(model.score_one(ROWS, 0, [60.0])[0])
    assert lent[0] > lent[1]


def test_a_cleared_row_is_as_new_and_a_new_group_as_the_organisation(trained: tuple[LogNormal, np.ndarray]) -> None:
    model = LogNormal(1)
    model.restore(trained[0].snapshot())
    model.clear([0])
    assert np.isnan(model.expected_many([0], [0])[0]).all()
    model.grow(ROWS + 60, GROUPS + 1)
    peers = model.expected_many([0, 1, 2, 3], [0, 1, 2, GROUPS])[1][:, 0]  # a snapshot keeps the organisation, too
    assert peers[0] < peers[3] < peers[2]


def test_a_row_is_learned_once_in_a_call() -> None:
    model = LogNormal(1)
    model.grow(3)
    with pytest.raises(InputError, match="rows"):
        model.learn_many([1, 1], [0, 0], [[1.0], [2.0]])
