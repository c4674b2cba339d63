"""The challenger in shadow: judges every closed day beside the champion, within a budget of its own; never tells."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.budget import Budget
from detector.config import Config
from detector.learned import Learned, learned_of
from detector.state import packed_values, unpacked_values

if TYPE_CHECKING:
    from models.bundles import Bundle

LONG_AGO: Final = -(10**6)
MOST_DIFFERENCES: Final = 500
"""The newest days on which one of the two would have opened an episode and the other not."""


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """An actor's day that one of the two would have told.

    `day` is days since 1970, `row` the actor's, `by` "champion" or "challenger", `level` the challenger's, in nats.
    """

    day: int
    row: int
    by: str
    level: float


class Shadow:
    """What a challenger would have told, by closed days; nothing without one.

    Args:
        config: its budget is the challenger's as well.
    """

    def __init__(self, config: Config) -> None:
        self._config = config.risk
        self._opened = np.zeros(0, np.int64)  # the day on which the latest episode of each row opened
        self.learned = Learned()
        self.digest = ""
        """Of the challenger; "" without one."""
        self.days = 0
        """Closed days that it has judged."""
        self.both = 0
        """Episodes that both opened on the same day."""
        self.alone = {"champion": 0, "challenger": 0}
        """Episodes that one of the two opened and the other not."""
        self.differences: list[Difference] = []
        self._budget = Budget(self._config.budget, self._config.episode_days)

    def follow(self, challenger: "Bundle | None") -> None:
        """Go by this challenger; another one begins anew."""
        self.learned = learned_of(challenger)
        digest = challenger.digest if challenger is not None else ""
        if digest != self.digest:
            self._begin(digest)

    def grow(self, rows: int) -> None:
        """Make room for rows in all."""
        more = rows - len(self._opened)
        self._opened = np.concatenate([self._opened, np.full(more, LONG_AGO, np.int64)])

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self._opened[rows] = LONG_AGO
        gone = set(rows.tolist())
        self.differences = [one for one in self.differences if one.row not in gone]

    def close(self, day: int, rows: NDArray[np.int64], levels: NDArray[np.float64], told: NDArray[np.bool_]) -> None:
        """Judge a closed day of rows (n,) by its levels (n,); ``told`` (n,): the champion opened an episode on it."""
        if not self.digest:
            return
        fresh = day - self._opened[rows] >= self._config.episode_days
        opened = np.zeros(len(rows), np.bool_)
        for place in np.lexsort((rows, -levels)).tolist():
            if levels[place] < self._budget.threshold:
                break
            if fresh[place]:
                opened[place] = True
                self._budget.spend()
        self._budget.close(day, rows, levels, settled=True, telling=True)
        self._opened[rows[opened]] = day
        self.days += 1
        self.both += int((opened & told).sum())
        for by, alone in (("champion", told & ~opened), ("challenger", opened & ~told)):
            self.alone[by] += int(alone.sum())
            places = np.flatnonzero(alone).tolist()
            self.differences += [Difference(day, int(rows[one]), by, float(levels[one])) for one in places]
        self.differences = self.differences[-MOST_DIFFERENCES:]

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        own: list[Any] = [self.digest, self.days, self.both, self.alone, self.differences]
        budget: dict[str, NDArray[Any]] = {f"budget.{k}": array for k, array in self._budget.snapshot().items()}
        state: dict[str, NDArray[Any]] = {"own": packed_values(own), "opened": self._opened.copy()}
        return state | budget

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot, if it is of the same challenger."""
        own = unpacked_values(state["own"])
        if own[0] != self.digest:
            return
        self.days, self.both = own[1:3]
        self.alone = dict(own[3])
        self.differences = msgspec.convert(own[4], list[Difference])
        self._opened = np.array(state["opened"])
        prefix = "budget."
        self._budget.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _begin(self, digest: str) -> None:
        self.digest, self.days, self.both = digest, 0, 0
        self.alone = dict.fromkeys(self.alone, 0)
        self.differences = []
        self._budget = Budget(self._config.budget, self._config.episode_days)
        self._opened[:] = LONG_AGO
