"""Whether the days that close still look as they did: how p-values are distributed, lately and before."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.features import Feature
from detector.people import MAX_GROUPS

P_VALUES: Final = (1e-6, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper ends of the bins that p-values are counted in."""
RECENT_DAYS, REFERENCE_DAYS = 7, 28
"""The newest days with events, and those before them that they are compared with."""
LEAST_ACTOR_DAYS: Final = 500
"""In each of the two; with fewer, chance alone moves the index by some hundredths and more."""
_KEPT: Final = RECENT_DAYS + REFERENCE_DAYS
_NATS: Final = -np.log(np.array(P_VALUES[-2::-1]))


class Fact(IntEnum):
    """What is counted of a day beside its scores."""

    YOUNG = 0  # actors in their first days, who have no past to be compared with
    MOVED = 1  # actors whose peer group a change of context changed since the day before
    EVENTS = 2
    EXPLAINED = 3  # events with a stated purpose


@dataclass(frozen=True, slots=True)
class Tally:
    """What is counted of a closed day, or of several, in whole numbers.

    Attributes:
        days: actor-days of each detection in each bin of ``P_VALUES``, (D, bins).
        measures: the same of each measure, (C, bins).
        groups: actor-days of each peer group, (``MAX_GROUPS``,).
        facts: (``Fact``,).
    """

    days: NDArray[np.int64]
    measures: NDArray[np.int64]
    groups: NDArray[np.int64]
    facts: NDArray[np.int64]


def tally_of(nats: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the scores (n, D), -ln p, fall into each bin of ``P_VALUES``, (D, bins).

    >>> tally_of(np.array([[0.0], [5.0], [100.0]])).tolist()
    [[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]]
    """
    bins = len(P_VALUES)
    places = len(_NATS) - np.searchsorted(_NATS, nats, side="right")
    cells = places + np.arange(nats.shape[1]) * bins
    return np.bincount(cells.ravel(), minlength=bins * nats.shape[1]).reshape(-1, bins)


def tally_day(
    nats: NDArray[np.float64],
    today: NDArray[np.float64],
    groups: NDArray[np.int64],
    young: NDArray[np.bool_],
    sums: NDArray[np.float32],
) -> Tally:
    """What is counted of a day of n actors.

    Args:
        nats: the score of each detection, (n, D).
        today: of each measure, (n, C).
        groups: peer groups, (n,).
        young: who is in the first days, (n,).
        sums: the day's sums, (n, ``N_FEATURES``).
    """
    events, unexplained = sums[:, [Feature.EVENTS, Feature.UNEXPLAINED_EVENTS]].sum(axis=0, dtype=np.float64)
    facts = np.zeros(len(Fact), np.int64)
    facts[[Fact.YOUNG, Fact.EVENTS, Fact.EXPLAINED]] = young.sum(), events, events - unexplained
    return Tally(tally_of(nats), tally_of(today), np.bincount(groups, minlength=MAX_GROUPS), facts)


def parts_of_index(recent: NDArray[np.int64], reference: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each bin contributes to the population stability index of its row, both (..., bins)."""
    now, before = _shares(recent), _shares(reference)
    return np.asarray((now - before) * np.log(now / before), np.float64)


class Drift:
    """The tallies of the newest closed days, and how far the last week's are from those of the weeks before.

    The measure is the population stability index, the sum over bins of (a - b) ln(a / b) for the shares a and b of
    actor-days; by custom (Siddiqi 2006, chapter 10) below 0.1 nothing has changed and above 0.25 much has.

    Args:
        detections: how many there are, D.
        measures: how many they have in all, C.
    """

    def __init__(self, detections: int, measures: int) -> None:
        bins = len(P_VALUES)
        widths = {"days": (detections, bins), "measures": (measures, bins), "groups": (MAX_GROUPS,)}
        widths["facts"] = (len(Fact),)
        self._tables = {name: np.zeros((0, *width), np.int64) for name, width in widths.items()}
        self._dates = np.zeros(0, np.int64)
        self.moved = 0
        """Actors whose peer group a change of context has changed since the last day that closed."""

    def learn(self, day: int, tally: Tally) -> None:
        """Take in a closed day, days since 1970."""
        for name, table in self._tables.items():
            self._tables[name] = np.concatenate([table, getattr(tally, name)[None]])[-_KEPT:]
        self._tables["facts"][-1, Fact.MOVED], self.moved = self.moved, 0
        self._dates = np.append(self._dates, day)[-_KEPT:]

    @property
    def recent(self) -> Tally:
        """The last days with events, summed."""
        return Tally(**{name: table[-RECENT_DAYS:].sum(axis=0) for name, table in self._tables.items()})

    @property
    def reference(self) -> Tally:
        """Those before them, summed."""
        return Tally(**{name: table[:-RECENT_DAYS].sum(axis=0) for name, table in self._tables.items()})

    @property
    def dates(self) -> tuple[list[int], list[int]]:
        """Which days these are, days since 1970: the last ones, then those before them."""
        return self._dates[-RECENT_DAYS:].tolist(), self._dates[:-RECENT_DAYS].tolist()

    def index(self) -> NDArray[np.float64]:
        """The population stability index of each detection, (D,); NaN while there is too little to compare."""
        return self._index("days")

    def measure_index(self) -> NDArray[np.float64]:
        """The same of each measure, (C,)."""
        return self._index("measures")

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        own = {"dates": self._dates.copy(), "moved": np.array([self.moved])}
        return {name: table.copy() for name, table in self._tables.items()} | own

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot; of one from before there were measures, their days are empty."""
        days = len(state["days"])
        for name, table in self._tables.items():
            self._tables[name] = np.array(state.get(name, np.zeros((days, *table.shape[1:]), np.int64)))
        self._dates = np.array(state.get("dates", np.zeros(days, np.int64)))
        self.moved = int(state.get("moved", np.zeros(1))[0])

    def _index(self, name: str) -> NDArray[np.float64]:
        recent, reference = (getattr(tally, name) for tally in (self.recent, self.reference))
        enough = (recent.sum(axis=1) >= LEAST_ACTOR_DAYS) & (reference.sum(axis=1) >= LEAST_ACTOR_DAYS)
        index: NDArray[np.float64] = np.where(enough, parts_of_index(recent, reference).sum(axis=1), np.nan)
        return index


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each bin in its row; half a count more in each, so that none is empty."""
    some = counts + 0.5
    return np.asarray(some / some.sum(axis=-1, keepdims=True), np.float64)
