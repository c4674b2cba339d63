"""The distribution of p-values: counted, compared with the weeks before, and carried over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.drift import (
    LEAST_ACTOR_DAYS,
    P_VALUES,
    RECENT_DAYS,
    REFERENCE_DAYS,
    Drift,
    Fact,
    Tally,
    tally_day,
    tally_of,
)
from detector.features import N_FEATURES, Feature

PEOPLE = 200
FIRST = 20_500
"""A day of 2026."""


def days(count: int, scale: float = 1.0, seed: int = 3, people: int = PEOPLE) -> list[np.ndarray]:
    """The scores of days on which every p-value is honest, -ln p being exponential, or larger by a factor."""
    rng = np.random.default_rng(seed)
    return [rng.exponential(scale, (people, 2)) for _ in range(count)]


def counted(nats: np.ndarray, young: int = 0) -> Tally:
    """A day of people in one peer group, whose measures moved as the detections did."""
    people = len(nats)
    sums = np.zeros((people, N_FEATURES), np.float32)
    sums[:, [Feature.EVENTS, Feature.UNEXPLAINED_EVENTS]] = 5, 2
    return tally_day(nats, nats, np.ones(people, np.int64), np.arange(people) < young, sums)


def drift_of(*scores: np.ndarray) -> Drift:
    drift = Drift(2, 2)
    for day, one in enumerate(scores, FIRST):
        drift.learn(day, counted(one))
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
    resumed = Drift(2, 2)
    resumed.restore(drift_of(*scores[:cut]).snapshot())
    for number, day in enumerate(scores[cut:], FIRST + cut):
        resumed.learn(number, counted(day))
    whole = drift_of(*scores)
    assert resumed.index().tolist() == whole.index().tolist()
    assert resumed.measure_index().tolist() == whole.measure_index().tolist()
    assert resumed.dates == whole.dates


def test_of_each_day_it_counts_who_is_young_who_moved_which_peers_and_what_is_explained() -> None:
    drift = Drift(2, 2)
    for day, scores in enumerate(days(RECENT_DAYS + 3), FIRST):
        drift.moved += 2 if day == FIRST + 1 else 0
        drift.learn(day, counted(scores, young=3))
    recent, reference = drift.recent, drift.reference
    assert (recent.groups[1], reference.groups[1]) == (RECENT_DAYS * PEOPLE, 3 * PEOPLE)
    assert (recent.facts[Fact.YOUNG], reference.facts[Fact.YOUNG]) == (3 * RECENT_DAYS, 9)
    assert (recent.facts[Fact.MOVED], reference.facts[Fact.MOVED]) == (0, 2)
    assert recent.facts[Fact.EVENTS] == RECENT_DAYS * PEOPLE * 5
    assert recent.facts[Fact.EXPLAINED] == RECENT_DAYS * PEOPLE * 3
    assert drift.dates == (list(range(FIRST + 3, FIRST + 3 + RECENT_DAYS)), [FIRST, FIRST + 1, FIRST + 2])


def test_a_snapshot_from_before_there_were_measures_is_gone_on_from_and_they_wait_for_days_of_their_own() -> None:
    scores = days(RECENT_DAYS + REFERENCE_DAYS)
    older = {"days": drift_of(*scores).snapshot()["days"]}
    drift = Drift(2, 2)
    drift.restore(older)
    assert drift.index().tolist() == drift_of(*scores).index().tolist()
    assert np.isnan(drift.measure_index()).all()
    more = days(RECENT_DAYS + 3, seed=9)
    for day, one in enumerate(more, FIRST):
        drift.learn(day, counted(one))
    assert drift.index().tolist() == drift_of(*scores, *more).index().tolist()
    assert np.isfinite(drift.measure_index()).all()
