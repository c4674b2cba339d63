"""Whom learners make suspicious: counted by department, and said where it is far more than before."""

import numpy as np
import pytest

from detector.config import Config
from detector.training.fairness import Share, remarks_of, shares_of
from models.batch import Examples

DAYS = 1_000


def examples(levels: np.ndarray) -> Examples:
    judged = np.zeros(DAYS, np.bool_)
    judged[:20] = True
    confirmed = np.zeros(DAYS, np.bool_)
    confirmed[:5] = True
    return Examples(
        X=np.zeros((DAYS, 1)),
        confirmed=confirmed,
        weights=np.where(judged, 3.0, 1.0),
        levels=levels,
        people=np.arange(DAYS) % 50,
        days=np.arange(DAYS),
    )


def departments() -> np.ndarray:
    return np.array(["claims"] * 600 + ["sales"] * 300 + [None] * 100, object)


def test_each_department_is_counted_and_the_shares_are_of_the_same_budget() -> None:
    before = np.arange(DAYS, 0, -1).astype(float)  # the highest days are of claims
    after = before[::-1].copy()  # and with the learners of those without a department
    shares = shares_of(departments(), examples(before), after, per_thousand=40.0)
    assert shares == {
        "claims": Share(people=50, days=600, before=40, after=0, judged=20, denied=15),
        "sales": Share(people=50, days=300, before=0, after=0, judged=0, denied=0),
        "unknown": Share(people=50, days=100, before=0, after=40, judged=0, denied=0),
    }
    (remark,) = remarks_of(shares)
    assert remark.startswith("with the learners 40 of the 100 days of department 'unknown' would be told of, without")


@pytest.mark.parametrize(("before", "after", "worse"), [(0, 4, False), (0, 5, True), (3, 6, False), (3, 7, True)])
def test_a_department_is_worse_off_from_twice_as_often_on_if_that_is_more_than_a_few(
    before: int, after: int, worse: bool
) -> None:
    assert Share(people=9, days=90, before=before, after=after, judged=0, denied=0).worse is worse


def test_without_learners_nothing_is_moved(config: Config) -> None:
    levels = np.linspace(0.0, 9.0, DAYS)
    shares = shares_of(departments(), examples(levels), levels, config.risk.budget)
    assert all(one.before == one.after for one in shares.values())
    assert sum(one.before for one in shares.values()) == int(np.ceil(config.risk.budget / 1_000.0 * DAYS))
