"""The latest events of a shard, so that a finding can name those that made it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.finding import MAX_EVENT_IDS
from detector.columns import Columns

LONGEST_PIECE = 8_192
"""Events that are added at once at most."""


class Recent:
    """A ring of the last ``size`` events: actor's row, day, and which features each added to.

    Args:
        size: events kept.
    """

    def __init__(self, size: int) -> None:
        self._kept = size
        # A piece is added whole before it is asked about; room for one keeps that from showing.
        self._size = size = size + LONGEST_PIECE
        self._rows = np.full(size, -1, np.int32)
        self._days = np.zeros(size, np.int32)
        self._adds = np.zeros(size, np.uint32)
        self._ids: list[str] = [""] * size
        self.count = 0
        """Events ever added: the sequence number of the next."""

    def add(self, columns: Columns, days: NDArray[np.int64]) -> None:
        """Add n events of accounting days (n,)."""
        n = len(columns)
        bits = np.uint32(1) << np.arange(columns.amounts.shape[1], dtype=np.uint32)
        adds = ((columns.amounts > 0) * bits).sum(axis=1, dtype=np.uint32)
        places = (self.count + np.arange(n)) % self._size
        self._rows[places], self._days[places], self._adds[places] = columns.rows, days, adds
        start = self.count % self._size
        before_wrap = min(n, self._size - start)
        self._ids[start : start + before_wrap] = columns.event_ids[:before_wrap]
        self._ids[: n - before_wrap] = columns.event_ids[before_wrap:]
        self.count += n

    def contributors(self, row: int, day: int, feature: int, until: int) -> tuple[tuple[str, ...], int]:
        """The latest ids that added to a feature of an actor's day, in order, and how many there were.

        Args:
            row: the actor.
            day: the accounting day.
            feature: the feature.
            until: the sequence number of the last event to take into account.
        """
        mine = np.flatnonzero(self._rows == row)
        mine = mine[(self._days[mine] == day) & ((self._adds[mine] >> np.uint32(feature)) & np.uint32(1) == 1)]
        sequence = self.count - 1 - (self.count - 1 - mine) % self._size
        there = (sequence <= until) & (sequence > until - self._kept)
        found = mine[there][np.argsort(sequence[there], kind="stable")]
        return tuple(self._ids[place] for place in found[-MAX_EVENT_IDS:].tolist()), len(found)

    def clear(self, rows: NDArray[np.int64]) -> None:
        """The rows serve other actors from now on."""
        self._rows[np.isin(self._rows, rows)] = -1

    def snapshot(self) -> dict[str, Any]:
        """The ring, oldest first."""
        places = np.arange(max(0, self.count - self._size), self.count) % self._size
        return {
            "count": self.count,
            "rows": self._rows[places],
            "days": self._days[places],
            "adds": self._adds[places],
            "ids": [self._ids[place] for place in places.tolist()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self.count = int(state["count"])
        places = np.arange(max(0, self.count - self._size), self.count) % self._size
        self._rows[places], self._days[places], self._adds[places] = (
            state["rows"],
            state["days"],
            state["adds"],
        )
        for place, event_id in zip(places.tolist(), state["ids"], strict=True):
            self._ids[place] = event_id
