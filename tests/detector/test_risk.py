"""From scores of measures to the risk of a day."""

import numpy as np
import pytest

from detector.risk import Judgement, Risk, decayed, risk_of
from detector.segments import to_grid
from tests.detector.office import saved

PEOPLE, MEASURES = 120, 6
ROWS = np.arange(PEOPLE)


def scores(rng: np.random.Generator) -> np.ndarray:
    return to_grid(rng.exponential(1.5, (PEOPLE, MEASURES)))


def close(risk: Risk, day: np.ndarray, kept: np.ndarray | None = None) -> Judgement:
    judged = risk.score_many(ROWS, day)
    risk.learn_many(ROWS, day, judged, np.ones(PEOPLE, np.bool_) if kept is None else kept)
    return judged


@pytest.fixture
def risk() -> Risk:
    risk, rng = Risk(MEASURES), np.random.default_rng(1)
    risk.grow(PEOPLE)
    for _ in range(30):
        close(risk, scores(rng))
    return risk


def test_a_judgement_has_a_row_for_each_day(risk: Risk) -> None:
    judged = risk.score_many(ROWS[:3], np.zeros((3, MEASURES)))
    assert judged.today.shape == judged.accumulated.shape == judged.sums.shape == (3, MEASURES)
    assert judged.joint.shape == judged.level.shape == (3,)
    assert np.isfinite(judged.level).all()


def test_a_loud_day_has_a_higher_level_than_an_ordinary_one(risk: Risk) -> None:
    day = scores(np.random.default_rng(2))
    before = risk.score_many(ROWS, day).level
    day[0, 2] = 60.0
    after = risk.score_many(ROWS, day).level
    assert after[0] > before[0] + 4.0
    assert np.array_equal(after[1:], before[1:])


def test_judging_changes_nothing_and_does_not_depend_on_the_company(risk: Risk) -> None:
    day = scores(np.random.default_rng(2))
    whole = risk.score_many(ROWS, day).level
    assert np.array_equal(risk.score_many(ROWS, day).level, whole)
    assert np.array_equal(
        np.concatenate([risk.score_many(ROWS[:7], day[:7]).level, risk.score_many(ROWS[7:], day[7:]).level]), whole
    )


def test_a_drip_of_mild_days_adds_up_and_fades(risk: Risk) -> None:
    rng, levels = np.random.default_rng(3), []
    for day in range(22):
        today = scores(rng)
        today[5] = 0.5
        if day < 8:
            today[5, 1] = 7.0
        levels.append(close(risk, today).accumulated[5, 1])
    assert levels[7] > levels[0] + 1.0
    assert levels[21] < levels[7] / 2


def test_what_is_habitual_for_somebody_is_freed_of_its_surprise(risk: Risk) -> None:
    rng = np.random.default_rng(4)
    first = last = np.zeros(0)
    for _ in range(40):
        today = scores(rng)
        today[8, 3] = 8.0
        last = close(risk, today).today[8]
        first = first if first.size else last
    assert last[3] < first[3] / 2


def test_a_day_that_is_not_kept_becomes_no_habit(risk: Risk) -> None:
    rng, kept = np.random.default_rng(4), np.ones(PEOPLE, np.bool_)
    kept[8] = False
    today = []
    for _ in range(25):
        day = scores(rng)
        day[8, 3] = 8.0
        today.append(close(risk, day, kept).today[8, 3])
    assert today[-1] > 0.8 * today[0]


def test_a_forgotten_row_has_neither_habits_nor_a_past(risk: Risk) -> None:
    rng = np.random.default_rng(5)
    for _ in range(6):
        day = scores(rng)
        day[[8, 9]] = 8.0
        close(risk, day)
    risk.clear(np.array([8]))
    judged = risk.score_many(ROWS, np.full((PEOPLE, MEASURES), 1.0))
    assert judged.sums[8].max() < judged.sums[9].max()


def test_it_goes_on_from_a_snapshot(risk: Risk) -> None:
    twin, rng = Risk(MEASURES), np.random.default_rng(6)
    twin.restore(saved(risk.snapshot()))
    for _ in range(3):
        day = scores(rng)
        assert np.array_equal(close(risk, day).level, close(twin, day).level)


def test_risk_rises_with_the_level_and_stays_below_a_hundred() -> None:
    levels = [risk_of(level) for level in (0.0, 5.0, 20.0, 60.0, 200.0)]
    assert levels == sorted(levels)
    assert levels[0] == 0.0
    assert levels[-1] < 100.0


def test_a_past_level_halves_with_each_half_life() -> None:
    assert [decayed(16.0, days, 3.0) for days in (0.0, 3.0, 6.0)] == [16.0, 8.0, 4.0]
