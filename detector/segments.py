"""Running sums and maxima of many keys at once, exact event by event.

A batch holds the events of many actors, interleaved. Each function here gives, for every event, the value that its own
key had right after it, as a loop over the events would, but in a fixed number of numpy calls. Inputs are whole numbers
(or multiples of ``GRID``), so that sums are exact in float64 and cutting a batch anywhere changes no digit.
"""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float64, np.int64)

GRID: Final = 2.0**-6
"""Scores are rounded to this step, a hundredth of a nat or so: then float16 keeps them and sums of them are exact."""
SCORE_SPAN: Final = 1024.0
"""No score reaches this value (the largest is 300, a p-value of 1e-300)."""
COUNT_SPAN: Final = 2.0**25
"""No day's sum reaches this value; with at most 2**20 keys in a batch whole numbers stay below 2**53."""


class Segments:
    """The events of a batch, grouped by key, in their order.

    Args:
        keys: one integer key an event, shape (n,).

    Examples:
        >>> segments = Segments(np.array([7, 3, 7, 7]))
        >>> segments.keys
        array([3, 7])
        >>> segments.cumsum(np.array([[1.0], [5.0], [1.0], [2.0]]), np.array([[0.0], [10.0]]))[:, 0]
        array([11.,  5., 12., 14.])
    """

    def __init__(self, keys: NDArray[np.int64]) -> None:
        self.order = np.argsort(keys, kind="stable")
        ordered = keys[self.order]
        first = np.ones(len(keys), np.bool_)
        first[1:] = ordered[1:] != ordered[:-1]
        self.starts = np.flatnonzero(first)
        self.keys = ordered[self.starts]
        """The distinct keys, ascending, shape (k,)."""
        self.group = np.cumsum(first) - 1
        """For each event in sorted order the index of its key, shape (n,)."""
        ends = np.append(self.starts[1:], len(keys))
        self.last = self.order[ends - 1] if len(keys) else self.order
        """The index of the last event of each key, shape (k,)."""

    def cumsum(self, values: NDArray[np.float64], base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Running sums after each event, shape (n, f); ``base`` (k, f) is what each key had before the batch."""
        total = np.cumsum(values[self.order], axis=0)
        before = total[self.starts] - values[self.order][self.starts]
        return self._unsorted(total - before[self.group] + base[self.group])

    def cummax(self, values: NDArray[np.float64], base: NDArray[np.float64], span: float) -> NDArray[np.float64]:
        """Running maxima after each event, shape (n, f), of values in [0, ``span``): scores on the grid, or counts."""
        lift = (np.arange(len(self.keys), dtype=np.float64) * span)[:, None]
        lifted = values[self.order] + lift[self.group]
        if len(self.starts):
            lifted[self.starts] = np.maximum(lifted[self.starts], base + lift)
        return self._unsorted(np.maximum.accumulate(lifted, axis=0) - lift[self.group])

    def highest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest values of each key, (k, f), of (n, f)."""
        return np.maximum.reduceat(values[self.order], self.starts, axis=0) if len(self.starts) else values[:0]

    def places(self) -> NDArray[np.int64]:
        """The index of each event's key in ``keys``, (n,)."""
        return self._unsorted(self.group)

    def previous(self, values: NDArray[Number], base: NDArray[Number]) -> NDArray[Number]:
        """The value of the event before, of the same key, shape (n,); ``base`` (k,) for the first ones."""
        ordered = values[self.order]
        shifted = np.empty_like(ordered)
        shifted[1:] = ordered[:-1]
        shifted[self.starts] = base
        return self._unsorted(shifted)

    def _unsorted(self, ordered: NDArray[Number]) -> NDArray[Number]:
        out = np.empty_like(ordered)
        out[self.order] = ordered
        return out


def to_grid(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores rounded to what float16 keeps of the grid, so that later arithmetic on them is exact."""
    return (np.round(scores / GRID) * GRID).astype(np.float16).astype(np.float64)
