"""Hop 5, score: how far every measure of every open day has come, kept exact at the cost of few evaluations.

An evaluation is dear and most of them cannot matter: of amounts that only grow the last one of a batch says all, and a
share is at its largest when the act it counts has just happened. So a batch is scored once for each actor and day, and
event by event only for those who may be told (`trace`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.daybook import OPEN_DAYS, Running
from detector.measures import Baselines
from detector.segments import SCORE_SPAN, Segments, to_grid


@dataclass(frozen=True, slots=True)
class Reached:
    """The scores of the k actors' days of a batch.

    Attributes:
        before: when the batch began, (k, C).
        after: after its last event, (k, C).
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]


class Scores:
    """The scores of every actor's open days, (rows, ``OPEN_DAYS``, C) in nats on the grid.

    Of a volume or size it is that of the actor's latest event, of a share or surprise the largest so far that day.

    Args:
        baselines: what is normal.
        disabled: measures that are not judged, (C,).
    """

    def __init__(self, baselines: Baselines, disabled: NDArray[np.bool_]) -> None:
        self._baselines = baselines
        self._disabled = disabled
        self.table = np.zeros((0, OPEN_DAYS, len(disabled)), np.float16)

    def grow(self, rows: int) -> None:
        """Make room for ``rows`` rows in all."""
        more = rows - len(self.table)
        if more > 0:
            self.table = np.concatenate([self.table, np.zeros((more, *self.table.shape[1:]), np.float16)])

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        self.table[rows] = 0

    def free(self, day: int) -> None:
        """Make room for the day that begins."""
        self.table[:, day % OPEN_DAYS] = 0

    def of_days(self, rows: NDArray[np.int64], days: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """The scores of an open day of each row (n,), (n, C)."""
        scores: NDArray[np.float64] = self.table[rows, days % OPEN_DAYS].astype(np.float64)
        return scores

    def add(self, running: Running, groups: NDArray[np.int64]) -> Reached:
        """Take in a batch; ``groups`` (n,) are its events' peer groups."""
        rows, days = running.keys()
        before = self.of_days(rows, days)
        after = self._kept(to_grid(self._baselines.highest_many(running, groups)), before)
        self.table[rows, days % OPEN_DAYS] = after
        return Reached(before, after)

    def trace(
        self, running: Running, groups: NDArray[np.int64], reached: Reached, near: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The events of a batch added before whose actor and day is ``near`` (k,), and the scores after each.

        Returns:
            the events' indices, (m,), and their scores, (m, C).
        """
        places = running.segments.places()
        events = np.flatnonzero(near[places])
        rows, sums, peaks = running.rows[events], running.sums[events], running.peaks[events]
        raw = to_grid(self._baselines.score_many(rows, groups[events], sums, peaks, running.amounts[events]))
        largest = Segments(places[events]).cummax(raw, reached.before[near], SCORE_SPAN)
        return events, self._kept(raw, largest)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        return {"table": self.table.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self.table = np.array(state["table"])

    def _kept(self, latest: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of measures that only grow the latest score, of others the larger one; 0 for those not judged."""
        kept = np.where(self._baselines.growing, latest, np.maximum(latest, largest))
        kept[:, self._disabled] = 0.0
        return kept
