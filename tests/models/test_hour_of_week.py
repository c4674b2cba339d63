import numpy as np
import pytest

from models.errors import InputError
from models.hour_of_week import HourOfWeek

OFFICE = np.arange(9, 18)


def trained(bins: int = 48) -> HourOfWeek:
    model = HourOfWeek(bins)
    model.grow(31, 2)
    for day in range(40):
        shift = 24 * (day % 5) if bins == 168 else 0
        for row in range(30):
            hours = OFFICE + shift if row else np.array([22, 23, 0, 1, 2, 3, 4]) + shift
            model.learn_many(np.full(len(hours), row), np.zeros(len(hours), dtype=np.int64), hours)
    return model


@pytest.mark.parametrize("bins", [48, 168])
def test_probabilities_add_up_to_one(bins: int) -> None:
    assert trained(bins).distribution_many([0, 1, 30], [0, 0, 1]).sum(axis=1) == pytest.approx([1.0] * 3)


def test_the_score_is_the_mass_of_hours_no_likelier_than_this_one() -> None:
    model = trained()
    chances = model.distribution_many([1], [0])[0]
    for hour in (3, 8, 12, 36):
        mass = chances[chances <= chances[hour] * (1 + 1e-9)].sum()
        assert model.score_one(1, 0, hour) == pytest.approx(mass)


def test_night_is_odd_for_office_workers_and_normal_for_the_night_shift() -> None:
    model = trained()
    assert model.score_one(1, 0, 2) < 0.01
    assert model.score_one(1, 0, 12) > 0.1
    assert model.score_one(0, 0, 2) > 0.3
    assert model.score_one(0, 0, 23) > 0.1


def test_a_newcomer_keeps_the_hours_of_the_group() -> None:
    model = trained()
    assert model.score_one(30, 0, 12) > 0.3
    assert model.score_one(30, 0, 3) < 0.05


def test_the_day_is_a_circle_and_days_off_are_another() -> None:
    model = HourOfWeek(48, prior_strength=0.01)
    model.grow(1, 1)
    for _ in range(30):
        model.learn_one(0, 0, 23)
    chances = model.distribution_many([0], [0])[0]
    assert chances[0] == pytest.approx(chances[22])
    assert chances[0] > 100 * chances[24]


def test_the_week_is_one_circle() -> None:
    model = HourOfWeek(168, prior_strength=0.01)
    model.grow(1, 1)
    for _ in range(30):
        model.learn_one(0, 0, 167)
    chances = model.distribution_many([0], [0])[0]
    assert chances[0] == pytest.approx(chances[166])


def test_an_hour_named_twice_in_a_day_counts_once() -> None:
    once, twice = HourOfWeek(), HourOfWeek()
    for model, hours in ((once, [9, 10]), (twice, [9, 10, 9])):
        model.grow(1, 1)
        model.learn_many([0] * len(hours), [0] * len(hours), hours)
    assert once.distribution_many([0], [0]).tobytes() == twice.distribution_many([0], [0]).tobytes()
    assert once.days_many([0]).tolist() == [1.0]


def test_only_the_two_weeks_are_known() -> None:
    with pytest.raises(InputError, match="give 48"):
        HourOfWeek(24)
