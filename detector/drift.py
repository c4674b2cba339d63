"""Whether the days that close still look as they did: how p-values are distributed by detection, lately and before."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

P_VALUES: Final = (1e-6, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper ends of the bins that p-values are counted in."""
RECENT_DAYS, REFERENCE_DAYS = 7, 28
"""The newest days with events, and those before them that they are compared with."""
LEAST_ACTOR_DAYS: Final = 500
"""In each of the two; with fewer, chance alone moves the index by some hundredths and more."""
_NATS: Final = -np.log(np.array(P_VALUES[:-1]))


def tally_of(nats: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the scores (n, D), -ln p, fall into each bin of ``P_VALUES``, (D, bins).

    >>> tally_of(np.array([[0.0], [5.0], [100.0]])).tolist()
    [[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]]
    """
    bins = len(P_VALUES)
    places = (nats[..., None] < _NATS).sum(axis=2)
    cells = places + np.arange(nats.shape[1]) * bins
    return np.bincount(cells.ravel(), minlength=bins * nats.shape[1]).reshape(-1, bins)


class Drift:
    """The tallies of the newest closed days, and how far the last week's are from those of the weeks before.

    The measure is the population stability index, the sum over bins of (a - b) ln(a / b) for the shares a and b of
    actor-days; by custom (Siddiqi 2006, chapter 10) below 0.1 nothing has changed and above 0.25 much has.

    Args:
        detections: how many there are, D.
    """

    def __init__(self, detections: int) -> None:
        self._days = np.zeros((0, detections, len(P_VALUES)), np.int64)

    def learn(self, tally: NDArray[np.int64]) -> None:
        """Take in the tally of a closed day, (D, bins)."""
        self._days = np.concatenate([self._days, tally[None]])[-(RECENT_DAYS + REFERENCE_DAYS) :]

    def index(self) -> NDArray[np.float64]:
        """The population stability index of each detection, (D,); NaN while there is too little to compare."""
        recent, reference = self._days[-RECENT_DAYS:].sum(axis=0), self._days[:-RECENT_DAYS].sum(axis=0)
        enough = (recent.sum(axis=1) >= LEAST_ACTOR_DAYS) & (reference.sum(axis=1) >= LEAST_ACTOR_DAYS)
        now, before = _shares(recent), _shares(reference)
        index: NDArray[np.float64] = np.where(enough, ((now - before) * np.log(now / before)).sum(axis=1), np.nan)
        return index

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        return {"days": self._days.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._days = np.array(state["days"])


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each bin in its row; half a count more in each, so that none is empty."""
    some = counts + 0.5
    return np.asarray(some / some.sum(axis=1, keepdims=True), np.float64)
