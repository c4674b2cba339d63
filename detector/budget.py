"""The alert budget: the level from which on an actor-day is told, learned so that people can read what is told."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.risk import HALF_RISK_LEVEL

WINDOW_DAYS = 60
"""Accounting days whose levels the threshold is learned from."""
LEAST_KEPT = 64
KEPT_RATIO = 4.0
"""Highest levels kept of each day: at least so many, and so many times what the budget allows."""
SAVED = 1.0
"""Alerts that quiet days save for later ones: a quiet month does not pay for a flood."""
STEP = 1.0
"""Nats that the threshold rises for each alert told ahead of the budget: about a fifth fewer."""
MOST_STEPS = 6.0


class Budget:
    """Learns the level that gives ``per_thousand`` alerts in 1,000 employee-days, and corrects itself by its spending.

    The threshold is the level that would have opened that many episodes in the window. Since insiders and roll-outs
    make the future unlike the window, it is corrected by a token bucket: it rises with each alert told ahead of the
    budget, and sinks back, a little below, as employee-days pay for them.

    Args:
        per_thousand: alerts in 1,000 employee-days.
        episode_days: days within which an actor is told once.
    """

    def __init__(self, per_thousand: float, episode_days: float) -> None:
        self._rate = per_thousand / 1_000.0
        self._episode_days = episode_days
        self._days: NDArray[np.int64] = np.zeros((0, 2), np.int64)  # day, actors active
        self._top: NDArray[np.float64] = np.zeros((0, 3))  # day, row, level
        self._employee_days = 0
        self._told = 0
        self._ahead = 0.0  # alerts told ahead of the budget, or behind it
        self._learned = HALF_RISK_LEVEL

    @property
    def employee_days(self) -> int:
        """Active actor-days since telling began."""
        return self._employee_days

    @property
    def told(self) -> int:
        """Alerts told since then."""
        return self._told

    @property
    def threshold(self) -> float:
        """The level in nats from which on an actor-day is told now."""
        return self._learned + STEP * min(self._ahead, MOST_STEPS)

    @property
    def learned(self) -> float:
        """The level in nats that gives as many alerts as the budget allows, whatever was told."""
        return self._learned

    def seed(self, learned: float) -> None:
        """Begin with a level that others have learned, until there are enough days of one's own."""
        self._learned = learned

    def spend(self) -> None:
        """One alert was told."""
        self._told += 1
        self._ahead += 1.0

    def withhold(self) -> None:
        """One alert was not told because of a verdict on another: that buys nobody else's."""
        self._ahead += 1.0

    def close(
        self, day: int, rows: NDArray[np.int64], levels: NDArray[np.float64], settled: bool, telling: bool
    ) -> None:
        """Learn a closed day's levels (n,) of the actors ``rows`` (n,).

        ``settled`` once levels mean something, ``telling`` once the warm-up is over and they are told.
        """
        if not settled:
            return
        self._days = np.concatenate([self._days, [[day, len(rows)]]])
        kept = max(LEAST_KEPT, int(KEPT_RATIO * self._rate * len(rows)))
        highest = np.lexsort((rows, -levels))[:kept]
        new = np.stack([np.full(len(highest), float(day)), rows[highest].astype(np.float64), levels[highest]], axis=1)
        self._top = np.concatenate([self._top, new])
        self._days = self._days[self._days[:, 0] > day - WINDOW_DAYS]
        self._top = self._top[self._top[:, 0] > day - WINDOW_DAYS]
        if telling:
            self._employee_days += len(rows)
            self._ahead = max(self._ahead - self._rate * len(rows), -SAVED)
        self._learn()

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        numbers = np.array([self._employee_days, self._told, self._ahead, self._learned], np.float64)
        return {"days": self._days.copy(), "top": self._top.copy(), "numbers": numbers}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._days, self._top = np.array(state["days"]), np.array(state["top"])
        days, told, self._ahead, self._learned = state["numbers"].tolist()
        self._employee_days, self._told = int(days), int(told)

    def _learn(self) -> None:
        allowed = self._rate * float(self._days[:, 1].sum())
        order = np.lexsort((self._top[:, 1], self._top[:, 0], -self._top[:, 2]))
        opened: dict[float, list[float]] = {}
        levels: list[float] = []
        for day, row, level in self._top[order].tolist():
            told = opened.setdefault(row, [])
            if all(abs(day - other) >= self._episode_days for other in told):
                told.append(day)
                levels.append(level)
                if len(levels) > allowed:
                    break
        if len(levels) > allowed:
            self._learned = levels[-1]
