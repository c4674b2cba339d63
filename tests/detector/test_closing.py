"""The gate, both ways."""

import numpy as np
import pytest

from detector.closing import YOUNG_DAYS, Gate
from detector.config import LearningConfig

CONFIG = LearningConfig(gate_level=10.0, accept_days=4)
ROW, OLD = 3, YOUNG_DAYS + 1


def made() -> Gate:
    gate = Gate(CONFIG)
    gate.grow(8)
    return gate


def judged(gate: Gate, level: float, told: bool = False, days: int = OLD) -> bool:
    gate.judge(np.array([ROW]), 0, np.array([level]), np.array([told]), np.array([days], np.int32))
    return bool(gate.open[ROW, 0])


@pytest.mark.parametrize(
    ("level", "told", "days", "learned"),
    [
        (9.9, False, OLD, True),
        (10.0, False, OLD, False),
        (9.9, True, OLD, False),
        (50.0, False, 1, True),
        (50.0, False, YOUNG_DAYS + 1, False),
        (50.0, True, 1, False),
    ],
)
def test_a_day_is_learned_if_it_is_quiet_or_its_actor_young_and_nothing_was_told(
    level: float, told: bool, days: int, learned: bool
) -> None:
    assert judged(made(), level, told, days) is learned


def test_a_change_that_persists_untold_is_accepted() -> None:
    gate = made()
    assert [judged(gate, 20.0) for _ in range(6)] == [False] * 4 + [True] * 2


def test_a_quiet_day_begins_the_count_anew() -> None:
    gate = made()
    for _ in range(3):
        judged(gate, 20.0)
    judged(gate, 1.0)
    assert [judged(gate, 20.0) for _ in range(5)] == [False] * 4 + [True]


def test_a_telling_begins_the_count_anew() -> None:
    gate = made()
    for _ in range(3):
        judged(gate, 20.0)
    assert not judged(gate, 20.0, told=True)
    assert [judged(gate, 20.0) for _ in range(5)] == [False] * 4 + [True]


def test_what_an_analyst_accepts_is_learned_until_a_quiet_day() -> None:
    gate = made()
    gate.accept(ROW)
    assert [judged(gate, level) for level in (90.0, 90.0, 1.0, 90.0)] == [True, True, True, False]


def test_nobody_else_is_judged() -> None:
    gate = made()
    judged(gate, 1.0)
    assert gate.open.sum() == 1


def test_a_freed_slot_and_a_forgotten_row_are_closed() -> None:
    gate = made()
    judged(gate, 1.0)
    gate.free(0)
    assert not gate.open.any()
    gate.accept(ROW)
    gate.clear(np.array([ROW]))
    assert not judged(gate, 90.0)


def test_it_goes_on_from_a_snapshot() -> None:
    gate, twin = made(), Gate(CONFIG)
    for _ in range(3):
        judged(gate, 20.0)
    twin.restore(gate.snapshot())
    assert [judged(twin, 20.0) for _ in range(3)] == [judged(gate, 20.0) for _ in range(3)] == [False, True, True]
