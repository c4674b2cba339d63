"""What groups have learned is handed on: new people are judged by it, until their own days count for more."""

from typing import Any

import numpy as np
import pytest

from models.beta_binomial import BetaBinomial
from models.gamma_poisson import GammaPoisson
from models.hour_of_week import HourOfWeek
from models.log_normal import LogNormal
from models.sums import MOST_PRIOR_GROUP, PeerSums

GROUPS = np.repeat([0, 1], 10)
ROWS = np.arange(20)
RNG = np.random.default_rng(5)
BUSY = np.where(GROUPS == 1, 40.0, 4.0)


def of_days(model: Any, days: int, factor: float = 1.0) -> Any:
    """Two groups whose people differ tenfold, over some days."""
    model.grow(32, 2)
    for _ in range(days):
        amounts = RNG.poisson(factor * BUSY).astype(float)[:, None]
        if isinstance(model, BetaBinomial):
            model.learn_many(ROWS, GROUPS, np.minimum(amounts, 60.0), np.full((20, 1), 60.0))
        elif isinstance(model, HourOfWeek):
            model.learn_many(ROWS, GROUPS, (BUSY / 4.0 + 8.0).astype(np.int64))
        else:
            model.learn_many(ROWS, GROUPS, amounts)
    if isinstance(model, LogNormal):
        model.pool(GROUPS, 2)
    return model


def oddness(model: Any, group: int) -> float:
    """How odd it is that somebody new in a group is busy, -log10 p."""
    row, here = np.array([25]), np.array([group])
    if isinstance(model, BetaBinomial):
        return float(model.log_tail_many(row, here, [[40.0]], [[60.0]])[0, 0])
    if isinstance(model, HourOfWeek):
        return float(-np.log10(model.score_many(row, here, np.array([18]))[0]))
    if isinstance(model, LogNormal):
        return float(model.score_many(row, here, [[40.0]])[0, 0])
    return float(model.log_tail_many(row, here, [[40.0]])[0, 0])


MODELS = {"gamma_poisson": GammaPoisson, "beta_binomial": BetaBinomial, "log_normal": LogNormal}
ALL = {**{name: lambda kind=kind: kind(1) for name, kind in MODELS.items()}, "hour_of_week": HourOfWeek}


def seeded(model: Any, taught: Any) -> Any:
    """The model, begun with what another has learned; its groups have other numbers: 3 and 1."""
    model.grow(32, 4)
    prior = taught.prior(GROUPS) if isinstance(taught, LogNormal) else taught.prior()
    model.seed(np.array([3, 1]), prior)
    return model


@pytest.mark.parametrize("name", list(ALL))
def test_somebody_new_is_judged_by_what_others_of_the_group_did_elsewhere(name: str) -> None:
    taught, cold = of_days(ALL[name](), 60), ALL[name]()
    cold.grow(32, 4)
    begun = seeded(ALL[name](), taught)
    assert oddness(begun, 3) > oddness(begun, 1) + 0.5  # among the idle it is odd, among the busy it is not
    assert oddness(begun, 3) == pytest.approx(oddness(taught, 0), rel=0.4)
    assert oddness(cold, 3) == oddness(cold, 1)


@pytest.mark.parametrize("name", list(ALL))
def test_a_prior_is_part_of_the_state(name: str) -> None:
    begun, other = seeded(ALL[name](), of_days(ALL[name](), 20)), ALL[name]()
    other.grow(32, 4)
    other.restore(begun.snapshot())
    assert oddness(other, 3) == oddness(begun, 3)


def test_a_state_from_before_there_were_priors_is_taken_over() -> None:
    former = of_days(LogNormal(1), 20)
    state = {name: array for name, array in former.snapshot().items() if not name.startswith("prior")}
    other = LogNormal(1)
    other.grow(32, 2)
    other.restore(state)
    other.pool(GROUPS, 2)
    assert oddness(other, 0) == oddness(former, 0)


@pytest.mark.parametrize("name", list(MODELS))
def test_after_some_weeks_a_groups_own_days_count_for_more(name: str) -> None:
    begun = seeded(MODELS[name](1), of_days(MODELS[name](1), 60))
    before = oddness(begun, 3)
    for _ in range(60):  # all in group 3 are busy here
        amounts = RNG.poisson(40.0, 20).astype(float)[:, None]
        pair = (amounts.clip(0, 60), np.full((20, 1), 60.0)) if name == "beta_binomial" else (amounts,)
        begun.learn_many(ROWS, np.full(20, 3), *pair)
    if name == "log_normal":
        begun.pool(np.full(20, 3), 4)
    assert oddness(begun, 3) < before / 2


def test_a_prior_counts_for_a_bounded_number_of_observations() -> None:
    sums = PeerSums(1, 2_000, 20_000)
    sums.grow(2)
    sums.learn_many(np.zeros(5_000, np.int64), np.ones((5_000, 1)))
    begun = PeerSums(1, 2_000, 20_000)
    begun.grow(2)
    begun.seed(np.array([1, 0]), sums.prior())
    weights, values = begun.group()
    assert weights.tolist() == [0.0, pytest.approx(MOST_PRIOR_GROUP)]
    assert values[1, 0] / weights[1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["gamma_poisson", "beta_binomial", "hour_of_week"])
def test_a_part_of_a_group_begins_as_the_group_is(name: str) -> None:
    model = of_days(ALL[name](), 60)
    model.grow(32, 3)
    model.inherit(np.array([2]), np.array([0]))
    assert oddness(model, 2) == pytest.approx(oddness(model, 0), rel=0.3)
    assert oddness(model, 2) > oddness(model, 1)
