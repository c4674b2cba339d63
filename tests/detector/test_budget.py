"""The budget is kept, whatever levels look like."""

import numpy as np
import pytest

from detector.budget import Budget

EPISODE_DAYS = 10


def spend(budget: Budget, rng: np.random.Generator, days: range, people: int, scale: float) -> int:
    """Days of exchangeable exponential levels; returns how many alerts were told."""
    opened: dict[int, int] = {}
    before = budget.told
    rows = np.arange(1, people + 1)
    for day in days:
        levels = rng.exponential(scale, people)
        for place in np.flatnonzero(levels >= budget.threshold).tolist():
            if levels[place] >= budget.threshold and day >= opened.get(place, -99) + EPISODE_DAYS:
                opened[place] = day
                budget.spend()
        budget.close(day, rows, levels, settled=True, telling=True)
    return budget.told - before


@pytest.mark.parametrize("per_thousand", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("scale", [1.5, 4.0, 12.0])
def test_alerts_stay_within_a_third_of_the_budget_of_exchangeable_days(per_thousand: float, scale: float) -> None:
    budget, rng = Budget(per_thousand, EPISODE_DAYS), np.random.default_rng(1)
    spend(budget, rng, range(80), 150, scale)
    told = spend(budget, rng, range(80, 380), 150, scale)
    assert 0.65 * per_thousand < told / (300 * 150 / 1_000) < 1.35 * per_thousand


def test_the_budget_holds_when_all_levels_double() -> None:
    budget, rng = Budget(5.0, EPISODE_DAYS), np.random.default_rng(2)
    spend(budget, rng, range(120), 150, 4.0)
    flood = spend(budget, rng, range(120, 150), 150, 8.0)
    assert flood / (30 * 150 / 1_000) < 5.0 * 3.0  # while the window still remembers the past
    later = spend(budget, rng, range(210, 420), 150, 8.0)
    assert 3.0 < later / (210 * 150 / 1_000) < 7.0


def test_the_budget_holds_for_a_large_organisation() -> None:
    budget, rng = Budget(5.0, EPISODE_DAYS), np.random.default_rng(3)
    spend(budget, rng, range(20), 20_000, 10.0)
    told = spend(budget, rng, range(20, 40), 20_000, 10.0)
    assert told / (20 * 20) < 10.0


def test_unsettled_days_teach_nothing_and_warm_up_days_pay_nothing() -> None:
    budget, rows = Budget(5.0, EPISODE_DAYS), np.arange(100)
    first = budget.threshold
    for day in range(20):
        budget.close(day, rows, np.full(100, 50.0), settled=False, telling=False)
    assert budget.threshold == first
    assert budget.employee_days == 0
    for day in range(20, 40):
        budget.close(day, rows, np.full(100, 50.0), settled=True, telling=False)
    assert budget.threshold > first
    assert budget.employee_days == 0
    budget.close(40, rows, np.full(100, 50.0), settled=True, telling=True)
    assert budget.employee_days == 100


def test_an_alert_raises_the_threshold_and_a_quiet_time_lowers_it_again() -> None:
    budget = Budget(5.0, EPISODE_DAYS)
    before = budget.threshold
    for _ in range(3):
        budget.spend()
    raised = budget.threshold
    assert raised > before
    budget.close(0, np.arange(1_000), np.zeros(1_000), settled=True, telling=True)
    assert budget.threshold < raised


def test_it_goes_on_from_a_snapshot() -> None:
    budget, twin = Budget(5.0, EPISODE_DAYS), Budget(5.0, EPISODE_DAYS)
    spend(budget, np.random.default_rng(4), range(40), 80, 5.0)
    twin.restore(budget.snapshot())
    assert (twin.threshold, twin.told, twin.employee_days) == (budget.threshold, budget.told, budget.employee_days)
    told = [spend(one, np.random.default_rng(5), range(40, 70), 80, 5.0) for one in (budget, twin)]
    assert told[0] == told[1]
    assert twin.threshold == budget.threshold
