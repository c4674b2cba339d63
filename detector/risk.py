"""Hop 6, judge: from the scores of measures to the risk of an actor's day.

Each measure's score is calibrated on actor-days (events of one session depend on each other, so a model's own p-value
is no probability), freed of what is habitual for the actor, and accumulated with decay, so that a drip of mild days
counts as one loud day does. The accumulated sums are calibrated as well, and fused by the strongest and the next few;
a joint model adds how unusual their combination is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.segments import to_grid
from models.calibration import TailCalibrator
from models.cusum import Cusum
from models.loda import Loda
from models.state import within

STRONGEST, NEXT_WEIGHT = 5, 0.5
"""The fused score: the strongest measure in full, the four next at half. Of weights 0.25 to 1 and 3 to 7 measures, the
one that found most insiders on simulated insurers."""
ALLOWANCE = 2.3
"""Nats a day that leave no trace in the accumulated sums: one day in ten is that odd."""
MOST_A_DAY = 9.2
"""Nats that one day adds at most to an accumulated sum, so that a drip needs days."""
CUSUM_HALF_LIFE_DAYS = 6.6
HABIT_HALF_LIFE_DAYS = 20.0
HABIT_PRIOR_DAYS = 5.0
MOST_HABIT = 14.0
CALIBRATION_HALF_LIFE = 4_000
"""Actor-days after which a calibration forgets half: a quarter for 160 people, and 8,000 are enough for the tail."""
JOINT_SEED = 1
"""Of the random projections of the joint picture; any other would do, but a replay needs the same."""
MOST_JOINT = 12.0
"""Nats that the joint picture adds at most: one actor-day in 160,000, far beyond what its calibration has seen."""
HALF_RISK_LEVEL = 22.0
"""The level whose risk is 50: about five actor-days in a thousand reach it on simulated insurers."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The risk of n actor-days, all in nats (-ln p).

    Attributes:
        today: each measure, calibrated and freed of habit, (n, C).
        accumulated: each measure's accumulated sum, calibrated, (n, C).
        sums: the accumulated sums themselves, (n, C).
        joint: the combination of the accumulated measures, calibrated, (n,).
        level: the accumulated measures fused, the joint picture, and what learners add to them, (n,).
        learned: what each learner of the champion adds, (n, L).
    """

    today: NDArray[np.float64]
    accumulated: NDArray[np.float64]
    sums: NDArray[np.float64]
    joint: NDArray[np.float64]
    level: NDArray[np.float64]
    learned: NDArray[np.float64]

    def those(self, places: NDArray[np.int64]) -> "Judgement":
        """The actor-days at ``places`` (m,)."""
        return Judgement(*(getattr(self, field.name)[places] for field in fields(self)))

    def of(self, place: int) -> "Verdict":
        """The judgement of one actor-day."""
        return Verdict(
            self.today[place],
            self.accumulated[place],
            float(self.joint[place]),
            float(self.level[place]),
            self.learned[place],
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The risk of one actor-day: one row of a ``Judgement``, (C,), (L,) and numbers."""

    today: NDArray[np.float64]
    accumulated: NDArray[np.float64]
    joint: float
    level: float
    learned: NDArray[np.float64]


class Risk:
    """Calibrators, habits and accumulated sums; everything stands still between two closings of a day."""

    def __init__(self, measures: int) -> None:
        self._measure = TailCalibrator(measures, half_life=CALIBRATION_HALF_LIFE)
        self._accumulated = TailCalibrator(measures, half_life=CALIBRATION_HALF_LIFE)
        self._loda = Loda(
            [str(measure) for measure in range(measures)], half_life=CALIBRATION_HALF_LIFE, seed=JOINT_SEED
        )
        self._joint = TailCalibrator(1, half_life=CALIBRATION_HALF_LIFE)
        self._cusum = Cusum(measures, ALLOWANCE, CUSUM_HALF_LIFE_DAYS)
        self._habits = np.zeros((0, measures), np.float16)
        self._habit_days = np.zeros(0, np.float32)

    def grow(self, rows: int) -> None:
        """Make room for rows in all."""
        if rows > len(self._habits):
            more = rows - len(self._habits)
            self._habits = np.concatenate([self._habits, np.zeros((more, self._habits.shape[1]), np.float16)])
            self._habit_days = np.concatenate([self._habit_days, np.zeros(more, np.float32)])
            self._cusum.grow(rows)

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self._habits[rows] = 0
        self._habit_days[rows] = 0
        self._cusum.clear(rows)

    def score_many(self, rows: NDArray[np.int64], scores: NDArray[np.float64], least: float = 0.0) -> Judgement:
        """Judge actor-days by the largest scores (n, C) that their measures reached.

        The joint picture is left at 0 where the level cannot reach ``least`` even with it.
        """
        raw = self._measure.nats_many(scores)
        days = self._habit_days[rows].astype(np.float64)[:, None]
        mean = self._habits[rows].astype(np.float64) / (days + HABIT_PRIOR_DAYS)
        # An ordinary day has a mean of one nat, so only what lies above that is a habit.
        habit = np.maximum(mean - days / (days + HABIT_PRIOR_DAYS), 0.0)
        today = to_grid(np.maximum(raw - habit, 0.0))
        sums = self._cusum.score_many(rows, np.minimum(today, MOST_A_DAY))
        accumulated = to_grid(self._accumulated.nats_many(sums))
        level = _fuse(accumulated)
        joint = np.zeros(len(rows))
        near = np.flatnonzero(level >= least - MOST_JOINT)
        if len(near):
            nats = self._joint.nats_many(self._loda.score_many(accumulated[near])[:, None])[:, 0]
            joint[near] = to_grid(np.minimum(nats, MOST_JOINT))
        return Judgement(today, accumulated, sums, joint, level + joint, np.zeros((len(rows), 0)))

    def learn_many(
        self, rows: NDArray[np.int64], scores: NDArray[np.float64], judged: Judgement, kept: NDArray[np.bool_]
    ) -> None:
        """Close actor-days: the sums take in all, calibrations and habits those that are ``kept`` (n,)."""
        mine = rows[kept]
        raw = self._measure.nats_many(scores[kept])
        self._measure.learn_many(scores[kept])
        self._cusum.learn_many(rows, np.minimum(judged.today, MOST_A_DAY))
        decay = 2.0 ** (-1.0 / HABIT_HALF_LIFE_DAYS)
        self._habits[mine] = self._habits[mine].astype(np.float64) * decay + np.minimum(raw, MOST_HABIT)
        self._habit_days[mine] = self._habit_days[mine] * decay + 1.0
        self._accumulated.learn_many(judged.sums[kept])
        self._joint.learn_many(self._loda.score_many(judged.accumulated[kept])[:, None])
        self._loda.learn_many(judged.accumulated[kept])

    def prior(self) -> dict[str, NDArray[Any]]:
        """The calibrations and the joint picture, for ``seed``; nothing of anybody."""
        shared = [name for name in self._parts() if name != "cusum"]
        return {f"{name}.{key}": array for name in shared for key, array in self._parts()[name].snapshot().items()}

    def seed(self, prior: Mapping[str, NDArray[Any]]) -> None:
        """Begin with a prior; nothing was learned yet."""
        for name, part in self._parts().items():
            if name != "cusum":
                part.restore(within(name, prior))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        state: dict[str, NDArray[Any]] = {
            "habits": self._habits.copy(),
            "habit_days": self._habit_days.copy(),
        }
        for name, part in self._parts().items():
            state |= {f"{name}.{key}": array for key, array in part.snapshot().items()}
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._habits, self._habit_days = np.array(state["habits"]), np.array(state["habit_days"])
        for name, part in self._parts().items():
            prefix = f"{name}."
            part.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _parts(self) -> dict[str, TailCalibrator | Cusum | Loda]:
        return {
            "measure": self._measure,
            "accumulated": self._accumulated,
            "joint": self._joint,
            "loda": self._loda,
            "cusum": self._cusum,
        }


def risk_of(level: float) -> float:
    """The risk from 0 to 100 of a level in nats: 50 at ``HALF_RISK_LEVEL``, 75 at twice that, 100 never.

    >>> risk_of(22.0), risk_of(44.0), risk_of(0.0)
    (50.0, 75.0, 0.0)
    """
    return 100.0 * (1.0 - float(np.exp2(-level / HALF_RISK_LEVEL)))


def level_of(risk: float) -> float:
    """The level in nats of a risk from 0 to below 100.

    >>> round(level_of(50.0), 6), round(level_of(risk_of(31.0)), 6)
    (22.0, 31.0)
    """
    return -HALF_RISK_LEVEL * float(np.log2(1.0 - min(risk, 100.0 - 1e-9) / 100.0))


def decayed(level: float, days: float, half_life_days: float) -> float:
    """The one law by which a past level counts less: it halves every ``half_life_days``.

    >>> decayed(8.0, 10.0, 5.0)
    2.0
    """
    return level * float(np.exp2(-days / half_life_days))


def _fuse(nats: NDArray[np.float64]) -> NDArray[np.float64]:
    """The strongest in full and the next few at half weight, (n,); sums on the grid are exact in any order."""
    few = min(STRONGEST, nats.shape[1])
    top = -np.partition(-nats, few - 1, axis=1)[:, :few]
    return np.asarray((1.0 - NEXT_WEIGHT) * top.max(axis=1) + NEXT_WEIGHT * top.sum(axis=1))
