import numpy as np
import pytest

from models.cusum import Cusum
from models.errors import InputError


def test_many_mild_days_add_up_and_one_wild_day_fades() -> None:
    model = Cusum(1, allowance=1.5, half_life=10)
    model.grow(2)
    for day in range(30):
        model.learn_many([0, 1], [[3.0], [12.0 if day == 0 else 1.0]])
    drip, once = model.score_many([0, 1], [[1.5], [1.5]])[:, 0]
    assert drip > 15
    assert once == 0.0


def test_unremarkable_days_stay_near_zero() -> None:
    model, rng = Cusum(1, allowance=1.5, half_life=10), np.random.default_rng(1)
    model.grow(500)
    row = np.arange(500)
    for _ in range(60):
        model.learn_many(row, rng.exponential(1.0, (500, 1)))
    assert np.median(model.score_many(row, np.zeros((500, 1)))) == 0.0


def test_the_score_is_what_learning_makes_of_it() -> None:
    model = Cusum(2, allowance=1.0, half_life=1.0)
    model.grow(1)
    model.learn_one(0, [5.0, 0.5])
    assert model.score_one(0, [1.0, 1.0]).tolist() == [2.0, 0.0]
    model.learn_one(0, [1.0, 1.0])
    assert model.score_one(0, [1.0, 1.0]).tolist() == [1.0, 0.0]


def test_a_day_without_judgement_leaves_the_sum() -> None:
    model = Cusum(1, allowance=1.0)
    model.grow(1)
    model.learn_one(0, [5.0])
    model.learn_one(0, [np.nan])
    assert model.score_one(0, [np.nan])[0] == 4.0


def test_clearing_starts_anew() -> None:
    model = Cusum(1, allowance=1.0)
    model.grow(1)
    model.learn_one(0, [5.0])
    model.clear([0])
    assert model.score_one(0, [1.0])[0] == 0.0


def test_an_infinite_score_is_refused() -> None:
    model = Cusum(1)
    model.grow(1)
    with pytest.raises(InputError, match="infinity"):
        model.learn_one(0, [np.inf])
