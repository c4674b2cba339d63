"""Who has a row: actors by their ids, admitted up to a bound and evicted when they stay away."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detector.calendar import Calendar
from detector.columns import CROWD
from detector.roster import Person
from streams import AccessEvent

CROWDED, ROOMY = 0.95, 0.75
"""Eviction begins when this share of the rows is taken, and ends at that one."""
STRANGERS_GROUP = "(none)"
DAY_BEGINS, DAY_ENDS = 7, 20
"""Hours between which working people are expected whose shift is not known."""
LEAST_ROWS = 64
PART = " #"
"""Stands between a role and the number of a part of its people that is a peer group by itself."""
MAX_GROUPS = 256
"""Peer groups by name; a role beyond them, as a producer that invents roles makes, joins those without a role."""


class People:
    """Rows of actors. Row 0 is the crowd: actors beyond ``max_actors``, judged together rather than not at all.

    People on the roster keep their row. Others lose it, when rows become scarce, in the order of fewest active days,
    then longest absence: a flood of invented ids evicts itself.

    Args:
        roster: people by actor id.
        max_actors: rows in all.
    """

    def __init__(self, roster: Mapping[str, Person], max_actors: int) -> None:
        self._max = max_actors
        self._refined: Callable[[str], str] = _unrefined
        self._follow(roster)
        self._row_of: dict[str, int] = {}
        self._group_of: dict[str, int] = {}
        self._free: list[int] = []
        self.ids: list[str] = [""]
        self.persons: list[Person | None] = [None]
        self.groups: NDArray[np.int64] = np.zeros(1, np.int64)
        self.services: NDArray[np.bool_] = np.zeros(1, np.bool_)
        self.active_days: NDArray[np.int32] = np.zeros(1, np.int32)
        self.last_day: NDArray[np.int32] = np.zeros(1, np.int32)
        self._strangers = 0
        self.crowded = 0
        """Events that found no row of their own."""
        self._group(STRANGERS_GROUP)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_groups(self) -> int:
        """Peer groups in all."""
        return len(self._group_of)

    @property
    def group_names(self) -> list[str]:
        """Peer groups by index."""
        return list(self._group_of)

    def rows_of(self, events: Sequence[AccessEvent]) -> list[int]:
        """The row of each event's actor; a new one if there is room, else the crowd's."""
        known = self._row_of
        return [known[event.actor.id] if event.actor.id in known else self._admit(event) for event in events]

    def find(self, actor: str) -> int | None:
        """The row of an actor id, if it has one."""
        return self._row_of.get(actor)

    def groups_of(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The peer groups of these names, made where they are not known, (n,)."""
        return np.array([self._group(name) for name in names], np.int64)

    def zones(self, rows: NDArray[np.int64]) -> dict[int, ZoneInfo]:
        """The own time zone, by index into rows (n,), of those whose zone is not the organisation's."""
        if not self._zoned:
            return {}
        persons = [self.persons[row] for row in rows.tolist()]
        return {i: person.zone for i, person in enumerate(persons) if person is not None and person.zone is not None}

    def evict(self, keep: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Take rows back when they are scarce, except those to ``keep`` (rows,); returns the rows to be cleared."""
        if self._strangers < CROWDED * self._room or not self._strangers:
            return np.zeros(0, np.int64)
        loose = np.array([person is None for person in self.persons], np.bool_) & ~keep
        loose[CROWD] = False
        loose[self._free] = False
        rows = np.flatnonzero(loose)
        order = np.lexsort((rows, self.last_day[rows], self.active_days[rows]))
        evicted = rows[order[: self._strangers - int(ROOMY * self._room)]]
        self._strangers -= len(evicted)
        for row in evicted.tolist():
            del self._row_of[self.ids[row]]
            self.ids[row] = ""
        self.groups[evicted] = 0
        self.active_days[evicted] = 0
        self._free = sorted(self._free + evicted.tolist(), reverse=True)
        return evicted

    def adopt(self, roster: Mapping[str, Person]) -> int:
        """Go by another roster from now on; how many became peers of others by that.

        Who has a role in it is a peer of that role from the next event on. Everybody else stays among the peers they
        have, for want of better knowledge: also who is not on it any more, and now is a stranger like any other. Rows
        and what is known of them stay; what strangers have too much is taken back when rows are next evicted.
        """
        self._follow(roster)
        former = self.groups.copy()
        for row, actor in enumerate(self.ids):
            person = roster.get(actor) if actor else None
            self.persons[row] = person
            if person is not None and person.role:
                self.groups[row] = self._group(self._peers_of(actor, person.role))
        self._strangers = self._count_strangers()
        return int((self.groups != former).sum())

    def refine(self, refined: Callable[[str], str]) -> dict[int, int]:
        """From now on, compare people with those who do their kind of work, where their role is several.

        ``refined`` gives the group of an actor id, such as "claims #2", and "" where the role says enough; it counts as
        long as the actor has that role.

        Returns:
            the groups that are new, each with that of its whole role.
        """
        self._refined = refined
        names = self.group_names
        for actor, row in self._row_of.items():
            role = role_of(names[self.groups[row]])
            self.groups[row] = self._group(self._peers_of(actor, role))
        new = self.group_names[len(names) :]
        return {self._group(name): self._group(role_of(name)) for name in new if self._group(name)}

    def snapshot(self) -> dict[str, Any]:
        """The ids, groups and activity, as JSON-able values and arrays."""
        return {
            "ids": list(self.ids),
            "group_names": self.group_names,
            "free": list(self._free),
            "crowded": self.crowded,
            "groups": self.groups[: len(self)].copy(),
            "services": self.services[: len(self)].copy(),
            "active_days": self.active_days[: len(self)].copy(),
            "last_day": self.last_day[: len(self)].copy(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self.ids = list(state["ids"])
        self._free = list(state["free"])
        free = set(self._free)
        self._row_of = {actor: row for row, actor in enumerate(self.ids) if row != CROWD and row not in free}
        self._group_of = {name: index for index, name in enumerate(state["group_names"])}
        self.persons = [self._roster.get(actor) if actor else None for actor in self.ids]
        self._strangers = self._count_strangers()
        self.crowded = int(state["crowded"])
        for name in ("groups", "services", "active_days", "last_day"):
            setattr(self, name, np.array(state[name]))

    def _follow(self, roster: Mapping[str, Person]) -> None:
        self._roster = roster
        self._zoned = any(person.zone is not None for person in roster.values())
        self._scheduled = {actor for actor, person in roster.items() if person.shift is not None or person.leave}
        self._room = max(self._max - 1 - len(roster), 0)  # for people who are not on the roster

    def _count_strangers(self) -> int:
        return sum(self.persons[row] is None for row in self._row_of.values())

    def _admit(self, event: AccessEvent) -> int:
        actor = event.actor.id
        person = self._roster.get(actor)
        if person is None and self._strangers >= self._room:
            self.crowded += 1
            return CROWD
        if self._free:
            row = self._free.pop()
        elif len(self.ids) < self._max:
            row = len(self.ids)
            self.ids.append("")
            self.persons.append(None)
            self._reserve(row + 1)
        else:
            self.crowded += 1
            return CROWD
        self._strangers += person is None
        self._row_of[actor] = row
        self.ids[row] = actor
        self.persons[row] = person
        role = (person.role if person is not None else "") or event.actor.role or event.actor.department
        self.groups[row] = self._group(self._peers_of(actor, role or STRANGERS_GROUP))
        self.services[row] = event.actor.type == "service"
        self.last_day[row] = 0
        return row

    def _peers_of(self, actor: str, role: str) -> str:
        refined = self._refined(actor)
        return refined if refined and role_of(refined) == role else role

    def _group(self, name: str) -> int:
        if name not in self._group_of and len(self._group_of) >= MAX_GROUPS:
            return 0
        return self._group_of.setdefault(name, len(self._group_of))

    def _reserve(self, rows: int) -> None:
        if rows > len(self.groups):
            size = min(max(rows, 2 * len(self.groups)), self._max)
            for name in ("groups", "services", "active_days", "last_day"):
                array = getattr(self, name)
                grown = np.zeros(size, array.dtype)
                grown[: len(array)] = array
                setattr(self, name, grown)

    def off_hours(self, rows: NDArray[np.int64], bins: NDArray[np.int64], days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each event, (n,), lies outside its actor's hours.

        The hours are the shift if one is known, else 07:00 to 20:00 of working days; nobody has any on leave.
        """
        hours = bins % 24
        outside = (bins >= 24) | (hours < DAY_BEGINS) | (hours >= DAY_ENDS)
        if not self._scheduled:
            return outside
        for index, row in enumerate(rows.tolist()):
            person = self.persons[row]
            if person is None or person.id not in self._scheduled:
                continue
            on_shift = person.on_shift(int(hours[index]))
            if on_shift is not None:
                outside[index] = not on_shift
            if person.on_leave(Calendar.date_of(int(days[index]))):
                outside[index] = True
        return outside


def role_of(group: str) -> str:
    """The role that a peer group is of, or is a part of.

    >>> role_of("claims #2"), role_of("claims"), role_of("team #x")
    ('claims', 'claims', 'team #x')
    """
    role, _, part = group.rpartition(PART)
    return role if role and part.isdecimal() else group


def _unrefined(actor: str) -> str:  # noqa: ARG001
    return ""


def capacity(rows: int) -> int:
    """Rows to make room for when so many are needed: by sixteenths, and the same however the stream was cut.

    >>> capacity(1), capacity(65), capacity(100_000)
    (64, 128, 100224)
    """
    size = LEAST_ROWS
    while size < rows:
        size += max(LEAST_ROWS, size // 16 // LEAST_ROWS * LEAST_ROWS)
    return size
