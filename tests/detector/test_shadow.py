"""The challenger in shadow: what it would have told, beside what was told."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from detector.config import Config
from detector.shadow import MOST_DIFFERENCES, Shadow

QUIET, LOUD = 1.0, 60.0


def challenger(digest: str = "a") -> Any:
    return SimpleNamespace(digest=digest, learners=(), manifest=SimpleNamespace(name="next"))


def shadow(rows: int = 8) -> Shadow:
    made = Shadow(Config())
    made.grow(rows)
    made.follow(challenger())
    return made


def close(made: Shadow, day: int, levels: list[float], told: list[bool]) -> None:
    made.close(day, np.arange(len(levels)), np.array(levels), np.array(told))


def test_episodes_are_counted_by_who_would_have_opened_them() -> None:
    made = shadow()
    close(made, 10, [LOUD, LOUD, QUIET, QUIET], [True, False, True, False])
    assert (made.both, made.alone, made.days) == (1, {"champion": 1, "challenger": 1}, 1)
    assert [(one.row, one.by) for one in made.differences] == [(2, "champion"), (1, "challenger")]


def test_a_person_whose_episode_is_open_is_not_opened_again() -> None:
    made = shadow()
    for day in range(10, 20):
        close(made, day, [LOUD, QUIET], [False, False])
    assert made.alone["challenger"] == 1
    close(made, 20, [2.0 * LOUD, QUIET], [False, False])
    assert made.alone["challenger"] == 2


def test_without_a_challenger_nothing_is_counted() -> None:
    made = Shadow(Config())
    made.grow(4)
    close(made, 10, [LOUD], [True])
    assert (made.days, made.both, made.differences) == (0, 0, [])


def test_another_challenger_begins_anew_and_the_same_goes_on() -> None:
    made = shadow()
    close(made, 10, [LOUD], [False])
    made.follow(challenger())
    assert made.days == 1
    made.follow(challenger("b"))
    assert (made.days, made.alone) == (0, {"champion": 0, "challenger": 0})


def test_it_goes_on_from_a_snapshot_and_leaves_that_of_another_challenger() -> None:
    made, same, other = shadow(), shadow(), shadow()
    close(made, 10, [LOUD, QUIET], [False, True])
    same.restore(made.snapshot())
    other.follow(challenger("b"))
    other.restore(made.snapshot())
    assert other.days == 0
    for one in (made, same):
        close(one, 11, [LOUD, LOUD], [False, False])
    assert (same.days, same.alone, same.differences) == (made.days, made.alone, made.differences)
    assert all(np.array_equal(a, b) for a, b in zip(made.snapshot().values(), same.snapshot().values(), strict=True))


def test_what_it_keeps_is_bounded_and_who_is_forgotten_is_forgotten() -> None:
    made = shadow(2_000)
    for day in range(3):
        close(made, day, [LOUD * (day + 1)] * 2_000, [True] * 2_000)
    assert len(made.differences) == MOST_DIFFERENCES
    gone = made.differences[0].row
    made.clear(np.array([gone]))
    assert gone not in {one.row for one in made.differences}
