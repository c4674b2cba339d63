"""What a learner says of rows, whatever these hold and however they come."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from models.bundles import BundleError, Learner, dumped, open_bundle, seal
from models.errors import InputError
from tests.models.bundles.samples import ESTIMATORS, KEY, days, facts, manifest, members, sealed

VALUES, _ = days(3, 200)
LEARNERS = {name: open_bundle(sealed(name), [KEY.public_key()]).learners[0] for name in ESTIMATORS}


class Fixed:
    """Gives the answer that it was made with."""

    def __init__(self, answer: Any) -> None:
        self.answer = np.asarray(answer, dtype=np.float64)

    def score_samples(self, values: np.ndarray) -> np.ndarray:
        return -self.answer

    def predict_proba(self, values: np.ndarray) -> np.ndarray:
        return np.stack([1.0 - self.answer, self.answer], axis=1)


def anomaly(answer: Any, **other: Any) -> Learner:
    return Learner(
        facts("forest", **({"scores": (1.0, 2.0, 2.0, 4.0), "nats": (0.0, 1.0, 2.0, 9.0)} | other)), Fixed(answer)
    )


@pytest.mark.parametrize("name", ESTIMATORS)
@given(cuts=st.lists(st.integers(0, len(VALUES)), max_size=6))
@settings(max_examples=15)
def test_however_the_rows_are_cut_the_bits_are_the_same(name: str, cuts: list[int]) -> None:
    learner = LEARNERS[name]
    edges = [0, *sorted(cuts), len(VALUES)]
    parts = [learner.nats_many(VALUES[start:end]) for start, end in pairwise(edges)]
    assert np.concatenate(parts).tobytes() == learner.nats_many(VALUES).tobytes()


@pytest.mark.parametrize("name", ESTIMATORS)
@given(rows=st.lists(st.lists(st.floats(width=64), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=25)
def test_whatever_the_rows_hold_the_answer_is_finite_within_the_limit_and_in_steps(
    name: str, rows: list[list[float]]
) -> None:
    learner = LEARNERS[name]
    nats = learner.nats_many(rows)
    assert nats.shape == (len(rows),)
    assert ((nats * 64.0) % 1.0 == 0.0).all()
    assert nats.min() >= 0.0
    assert nats.max() <= learner.facts.limit


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_rows_give_no_nats_and_nan_counts_as_nothing(name: str) -> None:
    learner = LEARNERS[name]
    assert learner.nats_many(np.empty((0, 3))).shape == (0,)
    blank, gap = VALUES[:5].copy(), VALUES[:5].copy()
    blank[:, 1], gap[:, 1] = 0.0, np.nan
    assert learner.nats_many(gap).tolist() == learner.nats_many(blank).tolist()
    assert np.isnan(gap[:, 1]).all()


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 4), (1, 1, 3)])
def test_rows_of_another_width_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"give \(n, 3\) for forest"):
        LEARNERS["forest"].nats_many(np.zeros(shape))


def test_a_score_is_worth_what_its_curve_says_up_to_the_limit() -> None:
    learner = anomaly([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 99.0, np.inf], limit=5.0)
    assert learner.nats_many(np.zeros((8, 3))).tolist() == [0.0, 0.0, 0.5, 2.0, 5.0, 5.0, 5.0, 5.0]


def test_a_score_that_differs_in_its_last_bit_is_worth_the_same() -> None:
    below, at = np.nextafter(2.0, 0.0), 2.0
    assert np.unique(anomaly([below, at]).nats_many(np.zeros((2, 3)))).size == 1


def test_a_score_that_is_no_number_is_worth_nothing() -> None:
    assert anomaly([np.nan]).nats_many(np.zeros((1, 3))).tolist() == [0.0]


def test_a_limit_between_two_steps_is_not_exceeded() -> None:
    assert anomaly([99.0], limit=5.01).nats_many(np.zeros((1, 3))).tolist() == [5.0]


def test_a_ranker_gives_the_level_that_its_chance_is_worth() -> None:
    curve = {"scores": (0.0, 0.5, 1.0), "nats": (0.0, 2.0, 20.0), "limit": 4.0}
    learner = Learner(facts("trees", **curve), Fixed([0.0, 0.25, 1.0, np.nan]))
    assert learner.nats_many(np.zeros((4, 3))).tolist() == [0.0, 1.0, 20.0, 0.0]


def test_an_estimator_that_fails_or_gives_something_else_is_named() -> None:
    with pytest.raises(BundleError, match=r"learner forest answers \(2,\) instead of \(3,\)"):
        anomaly([1.0, 2.0]).nats_many(np.zeros((3, 3)))
    with pytest.raises(BundleError, match="learner logistic cannot judge"):
        Learner(facts("logistic"), LogisticRegression()).nats_many(np.zeros((3, 3)))


def test_threads_of_the_machine_that_trained_are_not_started_here() -> None:
    """They add up the trees in the order in which they come to an end."""
    eager = clone(ESTIMATORS["trees"]).set_params(n_jobs=2, verbose=1).fit(*days(1))
    parts = members("trees") | {"trees.skops": dumped(eager)}
    (learner,) = open_bundle(seal(manifest(facts("trees")), parts, KEY), [KEY.public_key()]).learners
    assert (learner._estimator.n_jobs, learner._estimator.verbose) == (None, 0)
    assert learner.nats_many(VALUES).tobytes() == LEARNERS["trees"].nats_many(VALUES).tobytes()


def test_an_estimator_that_is_not_allowed_is_refused_before_it_is_written() -> None:
    from sklearn.ensemble import GradientBoostingClassifier, IsolationForest
    from sklearn.preprocessing import FunctionTransformer

    values, true = days(1)
    with pytest.raises(BundleError, match=r"GradientBoostingClassifier'.*not allowed"):
        dumped(GradientBoostingClassifier(n_estimators=2).fit(values, true))
    with pytest.raises(BundleError, match=r"FunctionTransformer'.*not allowed"):
        dumped(FunctionTransformer(np.log1p).fit(values))
    with pytest.raises(BundleError, match=r"RandomState'.*not allowed"):
        dumped(IsolationForest(n_estimators=2, random_state=np.random.RandomState(1)).fit(values))
    with pytest.raises(BundleError, match="_max_features of IsolationForest is 1 instead of 3"):
        dumped(IsolationForest(n_estimators=2, max_features=1, random_state=1).fit(values))
    with pytest.raises(BundleError, match=r"a bundle keeps GaussianMixture, .*StandardScaler"):
        dumped(FunctionTransformer().fit(values))
    with pytest.raises(BundleError, match="is not fitted: fit it first"):
        dumped(IsolationForest())
    odd = IsolationForest(n_estimators=2, random_state=1).fit(values)
    odd.more = (value for value in values)
    with pytest.raises(BundleError, match="IsolationForest cannot be written by skops"):
        dumped(odd)
