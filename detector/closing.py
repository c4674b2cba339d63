"""When a day closes: what is reported of it, and whether it may be learned."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.config import LearningConfig
from detector.daybook import SLOTS

DECISIONS: Final = ("learned", "stood_out", "late", "episode")
"""What becomes of a closed day: it is learned, or kept out because it stood out, because some of its events came too
late, or because an episode of its actor is open."""
YOUNG_DAYS: Final = 8
"""Active days during which an actor is learned from unless told: there is nothing yet to guard."""


@dataclass(frozen=True, slots=True)
class Closed:
    """One closed day.

    Attributes:
        day: days since 1970.
        rows: the actors active, (n,).
        levels: the level of each on that day, nats, (n,).
        risks: the decayed level of each, (n,).
        nats: each detection's -ln p of what was done on that day alone, (n, D); (0, D) during the warm-up.
    """

    day: int
    rows: NDArray[np.int64]
    levels: NDArray[np.float64]
    risks: NDArray[np.float64]
    nats: NDArray[np.float64]


class Gate:
    """Decides which closed days may be learned, so that a baseline follows its person and not the thief.

    Closed to days of a level from ``gate_level`` on; open again to what persists for ``accept_days`` active days
    without being told, to young actors, and to whom an analyst has accepted.
    """

    def __init__(self, config: LearningConfig) -> None:
        self._gate_level = config.gate_level
        self._accept_days = config.accept_days
        self.open = np.zeros((0, SLOTS), np.bool_)
        """Whether each row's day in each slot may be learned."""
        self._refused = np.zeros(0, np.int16)  # consecutive active days refused though nothing was told
        self._decided = Counter[str]()

    def grow(self, rows: int) -> None:
        """Make room for rows in all."""
        more = rows - len(self._refused)
        self.open = np.concatenate([self.open, np.zeros((more, SLOTS), np.bool_)])
        self._refused = np.concatenate([self._refused, np.zeros(more, np.int16)])

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self.open[rows] = False
        self._refused[rows] = 0

    def free(self, slot: int) -> None:
        """Empty a slot for the day that begins."""
        self.open[:, slot] = False

    def accept(self, row: int) -> None:
        """From now on the row's days are taken for its normal, until one is unremarkable by itself."""
        self._refused[row] = self._accept_days

    def refuse(self, row: int) -> None:
        """What the row does is no more taken for its normal than before it was accepted."""
        self._refused[row] = 0

    def judge(
        self,
        rows: NDArray[np.int64],
        slot: int,
        levels: NDArray[np.float64],
        told: NDArray[np.bool_],
        active_days: NDArray[np.int32],
    ) -> None:
        """Decide about a closed day of rows (n,) by its levels (n,); ``told`` (n,): an episode of theirs is open."""
        quiet = levels < self._gate_level
        refused = self._refused[rows]
        persists = refused >= self._accept_days
        self.open[rows, slot] = (quiet | persists | (active_days <= YOUNG_DAYS)) & ~told
        grown = np.where(told, 0, refused + 1)
        self._refused[rows] = np.where(quiet, 0, np.where(persists, refused, np.minimum(grown, self._accept_days)))

    def decide(
        self, rows: NDArray[np.int64], slot: int, late: NDArray[np.bool_], told: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which days of rows (n,) are learned now, (n,): as was judged before, unless ``late`` or ``told`` since."""
        open_ = self.open[rows, slot]
        reasons = np.select([told, late, ~open_], [3, 2, 1], 0)
        self._decided.update(dict(zip(DECISIONS, np.bincount(reasons, minlength=len(DECISIONS)).tolist(), strict=True)))
        return np.asarray(reasons == 0, np.bool_)

    def decided(self) -> Counter[str]:
        """How often each of ``DECISIONS`` was made since the last call."""
        decided, self._decided = self._decided, Counter()
        return decided

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        return {"open": self.open.copy(), "refused": self._refused.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self.open, self._refused = np.array(state["open"]), np.array(state["refused"])
