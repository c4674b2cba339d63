"""Where people work from and what they use: how surprising the new places of a day are."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns import PLACE_BITS
from detector.features import N_KINDS
from models.novelty import Novelty

LEAST_P = 1e-6
MAX_FIRSTS = 1_000_000
"""First sightings of open days that are told apart; beyond them a place counts as seen, which alerts on nothing."""
COMPACT = 200_000
ROLL_EVENTS = 2_048
"""Positions of the log after which what others did today is taken over."""

VALUE_MASK = np.uint64((1 << PLACE_BITS) - 1)


class Places:
    """Scores each place at its first appearance in an actor's day, and learns closed days.

    A colleague's first time is less surprising once others had theirs: who met a place first today is counted, and
    that count is taken over by ``roll``, at fixed positions of the log.

    Args:
        half_life_days: of the memory, in working days of the average actor.
    """

    def __init__(self, half_life_days: float) -> None:
        self._novelty = Novelty(half_life_days)
        self._firsts: dict[int, set[int]] = {}
        self._pairs: dict[int, list[NDArray[np.uint64]]] = {}
        self._live: dict[int, dict[int, int]] = {}
        self._coming: list[tuple[int, int]] = []

    def grow(self, rows: int, groups: int) -> None:
        """Make room for rows and peer groups in all."""
        self._novelty.grow(rows, groups)

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows; what they did on open days is dropped as well."""
        self._novelty.clear(rows)
        gone = set(rows.tolist())
        self._firsts = {
            day: {pair for pair in firsts if pair >> PLACE_BITS not in gone} for day, firsts in self._firsts.items()
        }
        for parts in self._pairs.values():
            parts[:] = [pairs[~np.isin(_rows(pairs), rows)] for pairs in parts]

    def score_from(
        self,
        position: int,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        days: NDArray[np.int64],
        values: NDArray[np.uint64],
        active: int,
    ) -> NDArray[np.float64]:
        """As ``score``, of the log's events from ``position`` on, with a ``roll`` every ``ROLL_EVENTS`` positions."""
        n, scores = len(rows), []
        for start, stop in pairwise([0, *range(ROLL_EVENTS - position % ROLL_EVENTS, n, ROLL_EVENTS), n]):
            part = slice(start, stop)
            scores.append(self.score(rows[part], groups[part], days[part], values[part], active))
            if (position + stop) % ROLL_EVENTS == 0:
                self.roll()
        return np.concatenate(scores)

    def score(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        days: NDArray[np.int64],
        values: NDArray[np.uint64],
        active: int,
    ) -> NDArray[np.float64]:
        """The surprise of each event's new places, hundredths of a decade, (n,).

        Args:
            rows: (n,).
            groups: (n,).
            days: accounting days, (n,).
            values: hashes of places, 0 where there is none, (n, ``N_KINDS``).
            active: how many actors an ordinary day has.
        """
        flat = values.ravel()
        there = np.flatnonzero(flat)
        events = there // N_KINDS
        row, value = rows[events], flat[there]
        pairs = (row.astype(np.uint64) << np.uint64(PLACE_BITS)) | value
        self._remember(pairs, days[events])
        unseen = np.flatnonzero(~self._novelty.seen_many(row, value))
        out = np.zeros(len(rows))
        if len(unseen):
            unseen = self._firsts_of(days[events[unseen]], pairs[unseen], unseen)
            p = self._novelty.score_many(row[unseen], groups[events[unseen]], value[unseen])
            own_days = self._novelty.days_many(row[unseen])
            for place, index in enumerate(unseen.tolist()):
                event = int(events[index])
                shared = self._live.get(int(days[event]), {}).get(int(value[index]), 0) / (active + 1.0)
                probability = max(float(p[place]), 2.0 * shared / (float(own_days[place]) + 2.0), LEAST_P)
                out[event] += round(-100.0 * float(np.log10(probability)))
        return out

    def roll(self) -> None:
        """Take over today's counts of who met which place first."""
        for day, value in self._coming:
            counts = self._live.setdefault(day, {})
            counts[value] = counts.get(value, 0) + 1
        self._coming = []

    def learn(self, day: int, groups: NDArray[np.int64], kept: NDArray[np.bool_]) -> None:
        """Learn a closed day of the rows that are ``kept`` (rows,), and drop the day."""
        pairs = self._unique(day)
        rows, values = _rows(pairs), pairs & VALUE_MASK
        mine = kept[rows]
        if mine.any():
            self._novelty.learn_many(rows[mine], groups[rows[mine]], values[mine])
        for days in (self._firsts, self._pairs, self._live):
            days.pop(day, None)
        self._coming = [(when, value) for when, value in self._coming if when != day]

    def snapshot(self) -> dict[str, Any]:
        """All state: arrays by name, and plain values."""
        state: dict[str, Any] = {f"pairs.{day}": self._unique(day) for day in sorted(self._pairs)}
        state |= {f"firsts.{day}": _ordered(firsts) for day, firsts in sorted(self._firsts.items())}
        state |= {f"live.{day}": _table(counts) for day, counts in sorted(self._live.items())}
        state["coming"] = list(self._coming)
        return state | {f"novelty.{name}": array for name, array in self._novelty.snapshot().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._pairs = {day: [np.array(pairs, np.uint64)] for day, pairs in _by_day(state, "pairs")}
        self._firsts = {day: set(np.asarray(firsts).tolist()) for day, firsts in _by_day(state, "firsts")}
        self._live = {day: dict(np.asarray(counts).tolist()) for day, counts in _by_day(state, "live")}
        self._coming = [(day, value) for day, value in state["coming"]]
        prefix = "novelty."
        self._novelty.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _firsts_of(
        self, days: NDArray[np.int64], pairs: NDArray[np.uint64], places: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Those ``places`` (n,), in their order, whose pair is its day's first; notes that they were."""
        found: list[int] = []
        for day, pair, place in zip(days.tolist(), pairs.tolist(), places.tolist(), strict=True):
            firsts = self._firsts.setdefault(day, set())
            if pair not in firsts and len(firsts) < MAX_FIRSTS:
                firsts.add(pair)
                self._coming.append((day, pair & int(VALUE_MASK)))
                found.append(place)
        return np.array(found, np.int64)

    def _remember(self, pairs: NDArray[np.uint64], days: NDArray[np.int64]) -> None:
        for day in np.unique(days).tolist():
            parts = self._pairs.setdefault(day, [])
            parts.append(_distinct(pairs[days == day]))
            if sum(map(len, parts[1:])) > max(COMPACT, len(parts[0])):
                self._unique(day)

    def _unique(self, day: int) -> NDArray[np.uint64]:
        parts = self._pairs.get(day, [])
        if len(parts) > 1:
            parts[:] = [_distinct(np.concatenate(parts))]
        return parts[0] if parts else np.zeros(0, np.uint64)


def _rows(pairs: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (pairs >> np.uint64(PLACE_BITS)).astype(np.int64)


def _distinct(pairs: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # As np.unique, which since numpy 2.3 fills a hash table and then sorts: of many pairs that takes 30 times as long.
    ordered = np.sort(pairs)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _ordered(numbers: Collection[int]) -> NDArray[np.uint64]:
    # A million Python numbers take a second to sort, as an array a tenth.
    return np.sort(np.fromiter(numbers, np.uint64, len(numbers)))


def _table(counts: Mapping[int, int]) -> NDArray[np.uint64]:
    """Values in their order, each with its count, (k, 2)."""
    values = np.fromiter(counts.keys(), np.uint64, len(counts))
    numbers = np.fromiter(counts.values(), np.uint64, len(counts))
    order = np.argsort(values)
    return np.stack([values[order], numbers[order]], axis=1)


def _by_day(state: Mapping[str, Any], name: str) -> list[tuple[int, Any]]:
    """The state's arrays of days; a snapshot from before they were arrays has one list of them all."""
    found = [(int(key.rpartition(".")[2]), array) for key, array in state.items() if key.startswith(f"{name}.")]
    return [*found, *state.get(name, [])]
