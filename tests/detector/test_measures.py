"""What is measured of a day, and how far from normal it is."""

import numpy as np
import pytest

from detector.features import N_FEATURES, N_PEAKS, Feature, Peak
from detector.measures import Baselines, Share, Size, Surprise, Volume
from tests.detector.office import saved

MEASURES = (
    Volume("acts", Feature.EVENTS, "acts"),
    Size("customers", Peak.CUSTOMERS, "customers"),
    Share("exports", Feature.EXPORTS, Feature.EVENTS, "% of acts"),
    Surprise("newness", Feature.NEWNESS, "nats"),
)
ACTS, CUSTOMERS, EXPORTS, NEWNESS = range(4)
PEOPLE = 40
ROWS, GROUPS = np.arange(PEOPLE), np.arange(PEOPLE) % 2


def days(rng: np.random.Generator, n: int = PEOPLE) -> tuple[np.ndarray, np.ndarray]:
    sums, peaks = np.zeros((n, N_FEATURES)), np.zeros((n, N_PEAKS))
    sums[:, Feature.EVENTS] = rng.poisson(40, n)
    sums[:, Feature.EXPORTS] = rng.binomial(sums[:, Feature.EVENTS].astype(int), 0.1)
    peaks[:, Peak.CUSTOMERS] = np.round(rng.lognormal(3.0, 0.3, n))
    return sums, peaks


@pytest.fixture
def baselines() -> Baselines:
    made, rng = Baselines(MEASURES, 30.0), np.random.default_rng(1)
    made.grow(PEOPLE + 1, 2)
    for _ in range(25):
        made.learn_many(ROWS, GROUPS, *days(rng))
        made.pool(GROUPS, 2)
    return made


def raised(column: int) -> tuple[np.ndarray, np.ndarray]:
    sums, peaks = days(np.random.default_rng(2), 1)
    if column == ACTS:
        sums[0, Feature.EVENTS] = 400
    elif column == CUSTOMERS:
        peaks[0, Peak.CUSTOMERS] = 400
    elif column == EXPORTS:
        sums[0, Feature.EXPORTS] = sums[0, Feature.EVENTS]
    else:
        sums[0, Feature.NEWNESS] = 900
    return sums, peaks


@pytest.mark.parametrize("column", range(4))
def test_an_unusual_amount_scores_in_its_own_column(baselines: Baselines, column: int) -> None:
    row = np.array([0]), np.array([0])
    usual = baselines.score_many(*row, *days(np.random.default_rng(2), 1))[0]
    unusual = baselines.score_many(*row, *raised(column))[0]
    assert unusual[column] > usual[column] + 4.0
    others = [other for other in range(4) if other != column and (column, other) != (ACTS, EXPORTS)]
    assert np.array_equal(unusual[others], usual[others])


def test_scores_are_bounded(baselines: Baselines) -> None:
    sums, peaks = np.full((1, N_FEATURES), 2.0**24), np.full((1, N_PEAKS), 2.0**24)
    scores = baselines.score_many(np.array([0]), np.array([0]), sums, peaks)
    assert (scores >= 0).all()
    assert (scores <= 300).all()


def test_what_is_normal_is_told_in_the_measures_unit(baselines: Baselines) -> None:
    for column, wanted in ((ACTS, 40.0), (CUSTOMERS, 20.0), (EXPORTS, 10.0)):
        normal = baselines.normal(column, 0, 0)
        assert normal.expected == pytest.approx(wanted, rel=0.4)
        assert normal.peer_expected == pytest.approx(wanted, rel=0.3)
        assert 10 < normal.days <= 25
    assert baselines.normal(NEWNESS, 0, 0).expected is None


def test_a_newcomer_has_peers_and_no_past(baselines: Baselines) -> None:
    for column in (ACTS, CUSTOMERS, EXPORTS):
        normal = baselines.normal(column, PEOPLE, 0)
        assert normal.expected is None
        assert normal.peer_expected is not None
        assert normal.days == 0


@pytest.mark.parametrize("column", [ACTS, CUSTOMERS, EXPORTS])
def test_the_threshold_is_where_the_score_would_just_have_been_reached(baselines: Baselines, column: int) -> None:
    sums, peaks = raised(column)
    limit = baselines.threshold(column, 0, 0, sums[0], 4.0)
    assert limit is not None
    assert limit < baselines.observed(column, sums[0], peaks[0])

    def score(value: float) -> float:
        if column == ACTS:
            sums[0, Feature.EVENTS] = round(value)
        elif column == CUSTOMERS:
            peaks[0, Peak.CUSTOMERS] = round(value)
        else:
            sums[0, Feature.EXPORTS] = round(value / 100 * sums[0, Feature.EVENTS])
        return float(baselines.score_many(np.array([0]), np.array([0]), sums, peaks)[0, column])

    assert score(0.8 * limit) < 4.0 < score(1.2 * limit)


def test_no_single_number_decides_about_a_sum_of_surprises(baselines: Baselines) -> None:
    assert baselines.threshold(NEWNESS, 0, 0, np.zeros(N_FEATURES), 4.0) is None


def test_observed_is_the_number_itself(baselines: Baselines) -> None:
    sums, peaks = np.zeros(N_FEATURES), np.zeros(N_PEAKS)
    sums[Feature.EVENTS], sums[Feature.EXPORTS], peaks[Peak.CUSTOMERS] = 50, 10, 7
    assert [baselines.observed(column, sums, peaks) for column in (ACTS, CUSTOMERS, EXPORTS)] == [50, 7, 20]
    assert baselines.observed(EXPORTS, np.zeros(N_FEATURES), peaks) == 0


def test_a_forgotten_row_is_as_new(baselines: Baselines) -> None:
    baselines.clear(np.array([0]))
    assert baselines.normal(ACTS, 0, 0).days == 0
    assert baselines.normal(ACTS, 1, 1).days > 0


def test_it_goes_on_from_a_snapshot(baselines: Baselines) -> None:
    twin, rng = Baselines(MEASURES, 30.0), np.random.default_rng(3)
    twin.restore(saved(baselines.snapshot()))
    today = days(rng)
    for one in (baselines, twin):
        one.learn_many(ROWS, GROUPS, *today)
        one.pool(GROUPS, 2)
    scores = [one.score_many(ROWS, GROUPS, *today) for one in (baselines, twin)]
    assert np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize("only", MEASURES, ids=lambda measure: measure.name)
def test_one_kind_of_measure_is_enough(only: Volume | Size | Share | Surprise) -> None:
    made = Baselines([only], 30.0)
    made.grow(PEOPLE, 2)
    today = days(np.random.default_rng(4))
    made.learn_many(ROWS, GROUPS, *today)
    made.pool(GROUPS, 2)
    assert made.score_many(ROWS, GROUPS, *today).shape == (PEOPLE, 1)
