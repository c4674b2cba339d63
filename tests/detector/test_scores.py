"""The scores of open days: once for each actor and day of a batch they are what a loop over its events would find."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.daybook import Running
from detector.detections import DETECTIONS
from detector.features import N_FEATURES, N_PEAKS, Feature
from detector.measures import Baselines
from detector.scores import Scores
from detector.segments import Segments
from tests.detector.office import saved

MEASURES = [measure for detection in DETECTIONS.values() for measure in detection.measures]
PEOPLE, DAY = 6, 40
GROUPS = np.zeros(PEOPLE, np.int64)


def amounts_of(rng: np.random.Generator, n: int) -> np.ndarray:
    """What n events add: ones and zeros of every kind, a few large numbers, and every part of a share in its whole."""
    amounts = (rng.random((n, N_FEATURES)) < 0.3).astype(np.float64)
    amounts[:, [Feature.EVENTS, Feature.TOUCHES, Feature.MASKABLE, Feature.DISCLOSED]] = 1.0
    for feature in (Feature.EXPORTED, Feature.UNEXPLAINED_EXPORTED, Feature.DISCLOSED, Feature.ODDNESS):
        amounts[:, feature] *= rng.integers(1, 60)
    return amounts


def running(rows: np.ndarray, amounts: np.ndarray, base: np.ndarray) -> Running:
    segments = Segments(rows)
    sums = segments.cumsum(amounts, base[segments.keys])
    return Running(rows, np.full(len(rows), DAY), amounts, sums, sums[:, :N_PEAKS], segments)


@pytest.fixture(scope="module")
def baselines() -> Baselines:
    made, rng = Baselines(MEASURES, 30.0), np.random.default_rng(1)
    made.grow(PEOPLE, 1)
    for _ in range(12):
        sums = np.stack([amounts_of(rng, 30).sum(axis=0) for _ in range(PEOPLE)])
        made.learn_many(np.arange(PEOPLE), GROUPS, sums, sums[:, :N_PEAKS])
        made.pool(GROUPS, 1)
    return made


def fresh(baselines: Baselines, *disabled: int) -> Scores:
    off = np.zeros(len(MEASURES), np.bool_)
    off[list(disabled)] = True
    scores = Scores(baselines, off)
    scores.grow(PEOPLE)
    return scores


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    rows=st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=60),
    cut=st.integers(0, 60),
)
def test_a_batch_reaches_what_its_events_reach_one_by_one(
    baselines: Baselines, seed: int, rows: list[int], cut: int
) -> None:
    row, amounts = np.array(rows), amounts_of(np.random.default_rng(seed), len(rows))
    batched, single = fresh(baselines), fresh(baselines)
    base = np.zeros((PEOPLE, N_FEATURES))
    for part in (slice(0, cut), slice(cut, len(rows))):
        if len(row[part]):
            after = running(row[part], amounts[part], base)
            batched.add(after, GROUPS[row[part]])
            base[after.rows[after.segments.last]] = after.sums[after.segments.last]
    base = np.zeros((PEOPLE, N_FEATURES))
    for place in range(len(rows)):
        one = running(row[[place]], amounts[[place]], base)
        single.add(one, GROUPS[row[[place]]])
        base[one.rows] = one.sums
    assert np.array_equal(batched.table, single.table)


def test_a_trace_ends_in_what_the_batch_reached_and_never_exceeds_it_where_amounts_grow(baselines: Baselines) -> None:
    rng = np.random.default_rng(3)
    row = rng.integers(0, PEOPLE, 200)
    scores = fresh(baselines)
    after = running(row, amounts_of(rng, 200), np.zeros((PEOPLE, N_FEATURES)))
    reached = scores.add(after, GROUPS[row])
    near = np.array([True, False, True, False, False, True])
    events, traced = scores.trace(after, GROUPS[row], reached, near)
    assert set(row[events].tolist()) == {0, 2, 5}
    assert len(events) == np.isin(row, [0, 2, 5]).sum()
    for place in (0, 2, 5):
        mine = traced[row[events] == place]
        assert np.array_equal(mine[-1], reached.after[place])
        assert (mine <= reached.after[place] + 1.0 / 64).all()


def test_what_is_not_judged_scores_nothing(baselines: Baselines) -> None:
    rng = np.random.default_rng(4)
    row = rng.integers(0, PEOPLE, 100)
    reached = fresh(baselines, 0, 5).add(
        running(row, amounts_of(rng, 100), np.zeros((PEOPLE, N_FEATURES))), GROUPS[row]
    )
    assert not reached.after[:, [0, 5]].any()
    assert reached.after.any()


def test_a_day_that_begins_and_a_row_that_is_cleared_have_reached_nothing_and_a_snapshot_all(
    baselines: Baselines,
) -> None:
    rng = np.random.default_rng(5)
    row = np.repeat(np.arange(PEOPLE), 10)
    scores, twin = fresh(baselines), fresh(baselines)
    scores.add(running(row, amounts_of(rng, len(row)), np.zeros((PEOPLE, N_FEATURES))), GROUPS[row])
    twin.restore(saved(scores.snapshot()))
    assert np.array_equal(twin.table, scores.table)
    scores.clear(np.array([1]))
    assert not scores.of_days(np.array([1]), DAY).any()
    assert scores.of_days(np.array([2]), DAY).any()
    scores.free(DAY + 2)  # the day that takes the place of this one
    assert not scores.of_days(np.arange(PEOPLE), DAY).any()
