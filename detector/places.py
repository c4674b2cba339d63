"""Where people work from and what they use: how surprising the new places of a day are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.features import N_KINDS
from models.novelty import Novelty

LEAST_P = 1e-6
MAX_FIRSTS = 1_000_000
"""First sightings of open days that are told apart; beyond them a place counts as seen, which alerts on nothing."""
COMPACT = 200_000

Pairs = tuple[NDArray[np.int64], NDArray[np.uint64]]


class Places:
    """Scores each place at its first appearance in an actor's day, and learns closed days.

    A colleague's first time is less surprising once others had theirs: who met a place first today is counted, and
    that count is taken over by ``roll``, at fixed positions of the log.

    Args:
        half_life_days: of the memory, in working days of the average actor.
    """

    def __init__(self, half_life_days: float) -> None:
        self._novelty = Novelty(half_life_days)
        self._firsts: dict[int, set[tuple[int, int]]] = {}
        self._pairs: dict[int, list[Pairs]] = {}
        self._live: dict[int, dict[int, int]] = {}
        self._coming: list[tuple[int, int]] = []

    def grow(self, rows: int, groups: int) -> None:
        """Make room for rows and peer groups in all."""
        self._novelty.grow(rows, groups)

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows; what they did on open days is dropped as well."""
        self._novelty.clear(rows)
        gone = set(rows.tolist())
        self._firsts = {day: {pair for pair in firsts if pair[0] not in gone} for day, firsts in self._firsts.items()}
        for parts in self._pairs.values():
            parts[:] = [(r[keep], v[keep]) for r, v in parts for keep in [~np.isin(r, rows)]]

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
        self._remember(row, value, days[events])
        unseen = np.flatnonzero(~self._novelty.seen_many(row, value))
        out = np.zeros(len(rows))
        if len(unseen):
            p = self._novelty.score_many(row[unseen], groups[events[unseen]], value[unseen])
            own_days = self._novelty.days_many(row[unseen])
            for place, index in enumerate(unseen.tolist()):
                event, first = int(events[index]), (int(row[index]), int(value[index]))
                day = int(days[event])
                if self._first_today(day, first):
                    shared = self._live.get(day, {}).get(first[1], 0) / (active + 1.0)
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
        rows, values = self._unique(day)
        mine = kept[rows] if len(rows) else np.zeros(0, np.bool_)
        if mine.any():
            self._novelty.learn_many(rows[mine], groups[rows[mine]], values[mine])
        for days in (self._firsts, self._pairs, self._live):
            days.pop(day, None)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        days = sorted(self._pairs)
        state: dict[str, NDArray[Any]] = {"days": np.array(days, np.int64)}
        for day in days:
            rows, values = self._unique(day)
            state |= {f"pairs.{day}.rows": rows, f"pairs.{day}.values": values}
        for name, days_of in (
            ("firsts", self._firsts),
            ("live", {d: c.items() for d, c in self._live.items()}),
        ):
            for day, pairs in days_of.items():
                state[f"{name}.{day}"] = np.array(sorted(pairs), object).astype(np.uint64).reshape(-1, 2)
        state["coming"] = np.array(self._coming, object).astype(np.uint64).reshape(-1, 2)
        return state | {f"novelty.{name}": array for name, array in self._novelty.snapshot().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        self._pairs = {
            int(day): [(np.array(state[f"pairs.{day}.rows"]), np.array(state[f"pairs.{day}.values"]))]
            for day in state["days"].tolist()
        }
        self._firsts, self._live = {}, {}
        for name, array in state.items():
            kind, _, day = name.partition(".")
            if kind == "firsts":
                self._firsts[int(day)] = {(int(row), int(value)) for row, value in array.tolist()}
            elif kind == "live":
                self._live[int(day)] = {int(value): int(count) for value, count in array.tolist()}
        self._coming = [(int(day), int(value)) for day, value in state["coming"].tolist()]
        prefix = "novelty."
        self._novelty.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _first_today(self, day: int, first: tuple[int, int]) -> bool:
        firsts = self._firsts.setdefault(day, set())
        if first in firsts or len(firsts) >= MAX_FIRSTS:
            return False
        firsts.add(first)
        self._coming.append((day, first[1]))
        return True

    def _remember(self, rows: NDArray[np.int64], values: NDArray[np.uint64], days: NDArray[np.int64]) -> None:
        for day in np.unique(days).tolist():
            mine = days == day
            parts = self._pairs.setdefault(day, [])
            parts.append(_distinct(rows[mine], values[mine]))
            if len(parts) > 1 and sum(len(part[0]) for part in parts[1:]) > max(COMPACT, len(parts[0][0])):
                self._unique(day)

    def _unique(self, day: int) -> Pairs:
        parts = self._pairs.get(day, [])
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.uint64)
        if len(parts) > 1:
            parts[:] = [_distinct(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))]
        return parts[0]


def _distinct(rows: NDArray[np.int64], values: NDArray[np.uint64]) -> Pairs:
    order = np.lexsort((values, rows))
    rows, values = rows[order], values[order]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    return rows[first], values[first]
