"""The distribution of p-values: counted, compared with the weeks before, and carried over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.drift import LEAST_ACTOR_DAYS, P_VALUES, RECENT_DAYS, REFERENCE_DAYS, Drift, tally_of

PEOPLE = 200


def days(count: int, scale: float = 1.0, seed: int = 3, people: int = PEOPLE) -> list[np.ndarray]:
    """The scores of days on which every p-value is honest, -ln p being exponential, or larger by a factor."""
    rng = np.random.default_rng(seed)
    return [rng.exponential(scale, (people, 2)) for _ in range(count)]


def drift_of(*scores: np.ndarray) -> Drift:
    drift = Drift(2)
    for one in scores:
        drift.learn(tally_of(one))
    return drift


@settings(max_examples=50)
@given(arrays(np.float64, st.tuples(st.integers(0, 30), st.just(3)), elements=st.floats(0, 700)))
def test_every_score_is_in_the_bin_of_its_p_value(nats: np.ndarray) -> None:
    tally = tally_of(nats)
    below = np.cumsum(tally, axis=1)
    for place, end in enumerate(P_VALUES):
        assert below[:, place].tolist() == (nats >= -np.log(end)).sum(axis=0).tolist()


def test_there_is_no_index_before_both_periods_have_enough() -> None:
    assert np.isnan(drift_of(*days(RECENT_DAYS)).index()).all()
    assert np.isnan(drift_of(*days(RECENT_DAYS + 1)).index()).all()
    enough = RECENT_DAYS + -(-LEAST_ACTOR_DAYS // PEOPLE)
    assert np.isnan(drift_of(*days(enough - 1)).index()).all()
    assert np.isfinite(drift_of(*days(enough)).index()).all()


def test_days_like_those_before_have_an_index_near_nothing() -> None:
    assert (drift_of(*days(RECENT_DAYS + REFERENCE_DAYS)).index() < 0.03).all()


def test_a_week_unlike_those_before_is_far_above_what_matters_and_in_its_own_detection_alone() -> None:
    after = days(RECENT_DAYS, scale=3.0, seed=4)
    for day in after:
        day[:, 1] /= 3.0
    shifted, steady = drift_of(*days(REFERENCE_DAYS), *after).index()
    assert shifted > 0.25
    assert steady < 0.03


def test_after_five_weeks_the_new_is_what_is_compared_with() -> None:
    index = drift_of(*days(RECENT_DAYS, 1.0), *days(RECENT_DAYS + REFERENCE_DAYS, 3.0)).index()
    assert (index < 0.03).all()


@pytest.mark.parametrize("cut", [0, 5, RECENT_DAYS + REFERENCE_DAYS + 3])
def test_it_goes_on_from_a_snapshot(cut: int) -> None:
    scores = days(RECENT_DAYS + REFERENCE_DAYS + 6)
    resumed = Drift(2)
    resumed.restore(drift_of(*scores[:cut]).snapshot())
    for day in scores[cut:]:
        resumed.learn(tally_of(day))
    assert resumed.index().tolist() == drift_of(*scores).index().tolist()
