"""Learners fitted in batch: what their answers are worth, and what they may see."""

# ruff: noqa: N803, N806 - as in scikit-learn

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neighbors import LocalOutlierFactor

from models.batch import Examples, fit_forest, fit_ranker, split_groups, validated
from models.batch.fitted import MOST_POINTS, curve_of

RNG = np.random.default_rng(3)


def examples(n: int = 2_000, people: int = 40, confirmed_people: int = 8) -> Examples:
    """Days of people of whom some do what is confirmed: high in the second column, and not in the first."""
    who, day = np.arange(n) % people, np.arange(n) // people
    X = RNG.normal(size=(n, 4))
    confirmed = (who < confirmed_people) & (RNG.random(n) < 0.3)
    X[confirmed, 1] += 4.0
    X[:, 2], X[:, 3] = who, day
    levels = np.abs(X[:, 0]) * 5.0
    weights = np.where(confirmed | (RNG.random(n) < 0.2), 3.0, 1.0)
    return Examples(X, confirmed, weights, levels, who, day)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=200))
def test_a_curve_rises_and_gives_each_answer_what_as_many_reach(answers: list[float]) -> None:
    worth = np.linspace(0.0, 9.0, len(answers))
    scores, nats = curve_of(np.array(answers), worth)
    assert len(scores) == len(nats) >= 2
    assert list(scores) == sorted(set(scores))
    assert list(nats) == sorted(nats)
    shared = worth[-sorted(answers).count(max(answers)) :]
    highest = np.interp(max(answers), scores, nats)
    assert highest == pytest.approx(shared.mean() if len(set(answers)) > 1 else 0.0)  # all alike says nothing


def test_a_curve_keeps_every_high_answer_and_is_bounded() -> None:
    answers = RNG.random(50_000)
    scores, _ = curve_of(answers, answers)
    assert len(scores) <= MOST_POINTS
    assert set(np.sort(answers.astype(np.float32))[-MOST_POINTS // 2 :].tolist()) <= set(scores)


def test_what_lies_apart_is_worth_most_to_a_forest_and_no_more_than_its_days_can_show() -> None:
    X = RNG.normal(size=(1_000, 3))
    X[17] = 9.0
    fitted = fit_forest(X, seed=1)
    raw = -fitted.estimator.score_samples(X)
    nats = np.interp(raw, fitted.scores, fitted.nats)
    assert nats.argmax() == 17
    assert nats.max() == pytest.approx(np.log(1_001), abs=0.01)
    assert np.median(nats) == pytest.approx(np.log(2), abs=0.1)


def test_an_estimator_of_ones_own_takes_the_place_of_the_forest() -> None:
    fitted = fit_forest(RNG.normal(size=(300, 2)), seed=1, estimator=LocalOutlierFactor(novelty=True))
    assert isinstance(fitted.estimator, LocalOutlierFactor)


def test_a_ranker_gives_a_confirmed_day_the_level_of_the_highest() -> None:
    known = examples()
    fitted = fit_ranker(known, seed=1)
    worth = np.interp(fitted.estimator.predict_proba(known.X)[:, 1], fitted.scores, fitted.nats)
    assert np.median(worth[known.confirmed]) > np.quantile(known.levels, 0.9)
    assert np.median(worth[~known.confirmed]) == pytest.approx(np.median(known.levels), rel=0.5)
    assert worth.max() <= known.levels.max() + 1e-9


def test_the_same_seed_fits_the_same_ranker() -> None:
    known = examples()
    assert fit_ranker(known, seed=4).scores == fit_ranker(known, seed=4).scores


def test_too_few_confirmed_days_or_people_are_said() -> None:
    few = examples(confirmed_people=2)
    assert "of 2 people are too few" in few.lack
    assert not examples().lack


class Spy(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Notes whose days it was shown, which are in the last two columns."""

    seen: ClassVar[dict[str, Any]] = {}

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Spy":
        self.classes_ = np.unique(y)
        self.seen["fitted"] = X[:, 2:]
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.seen["judged"] = X[:, 2:]
        return np.stack([1.0 - X[:, 1], X[:, 1]], axis=1)


def test_it_is_validated_on_later_days_of_other_people_and_on_judged_ones_alone() -> None:
    known = examples(people=60, confirmed_people=30)
    found = validated(known, seed=2, estimator=Spy())
    assert found is not None
    fitted, judged = Spy.seen["fitted"], Spy.seen["judged"]
    assert not set(fitted[:, 0]) & set(judged[:, 0])
    assert fitted[:, 1].max() < judged[:, 1].min()
    looked_at = {
        (who, day) for who, day, weight in zip(known.people, known.days, known.weights, strict=True) if weight > 1
    }
    assert {tuple(row) for row in judged.tolist()} <= looked_at
    assert found.days == len(judged)
    assert 0 < found.before < found.precision == pytest.approx(1.0, abs=0.05)


def test_without_anything_to_judge_by_there_is_no_validation() -> None:
    assert validated(examples(confirmed_people=2), seed=2) is None


def test_a_role_of_two_kinds_of_work_is_split_and_one_of_a_kind_is_not() -> None:
    clerks = RNG.normal(size=(40, 3))
    mixed = np.concatenate([RNG.normal(size=(30, 3)), RNG.normal(size=(12, 3)) + 12.0])
    parts = split_groups(np.concatenate([clerks, mixed]), np.repeat([0, 1], [40, 42]), seed=1)
    assert parts[:40].tolist() == [0] * 40
    assert parts[40:].tolist() == [0] * 30 + [1] * 12  # the larger part comes first


def test_a_few_odd_people_are_no_group_of_their_own() -> None:
    profiles = np.concatenate([RNG.normal(size=(30, 2)), RNG.normal(size=(3, 2)) + 30.0])
    assert not split_groups(profiles, np.zeros(33, np.int64), seed=1).any()
