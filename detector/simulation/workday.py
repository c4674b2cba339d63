"""An ordinary day of everybody: cases in workflows, sessions, moods, small failures."""

from dataclasses import dataclass, field

import numpy as np

from detector.simulation.calendar import HOUR_S
from detector.simulation.roles import ROLES
from detector.simulation.schedule import EVENING, HOME
from detector.simulation.steps import KNOBS, Step, Workflow
from detector.simulation.world import (
    LINKED,
    OUTCOMES,
    Access,
    Place,
    World,
    occasion,
    outcome_codes,
    purpose_of,
)

MOST_SUBJECTS = 50  # an application's log keeps the first page of what a report named
EXPLAIN = KNOBS.index("explain")


@dataclass
class Day:
    """What one day of work leaves behind, in no order; an assignment is time, person, subject, purpose."""

    accesses: list[Access] = field(default_factory=list)
    assignments: list[tuple[float, int, int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Cases:
    """The cases of one workflow on one day, one entry each."""

    person: np.ndarray
    start_s: np.ndarray
    part: np.ndarray
    subject: np.ndarray


class Workdays:
    """Makes the ordinary accesses day by day; the books of customers move on with it.

    Args:
        world: The insurer; its books change.
        rng: The source of all chance here.
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._known: set[tuple[int, str]] = set()
        self._places: dict[tuple[int, int, bool], Place] = {}

    def work(self, day: int) -> Day:
        """The accesses and assignments of one day; days must come in order."""
        result = Day()
        self._places.clear()
        for role in range(len(ROLES)):
            self._work_role(day, role, result)
        return result

    def _work_role(self, day: int, role: int, result: Day) -> None:
        world, rng, schedule = self._world, self._rng, self._world.schedule
        members = np.flatnonzero((schedule.role[:, day] == role) & ~np.isnan(schedule.start_h[:, day]))
        if not len(members):
            return
        hours = np.clip(schedule.end_h[members, day] - schedule.start_h[members, day], 0.5, 13.0)
        mean = ROLES[role].cases * world.traits.pace[members] * schedule.volume[members, day] * hours / 8.5
        count = rng.poisson(mean * rng.gamma(7.0, 1 / 7.0, len(members)))
        person = np.repeat(members, count)
        start_s, part = self._moments(day, person)
        workflows = ROLES[role].workflows
        weights = np.array([flow.weight for flow in workflows]) * world.traits.tastes[person, : len(workflows)]
        edges = np.cumsum(weights, axis=1)
        chosen = (rng.random(len(person))[:, None] * edges[:, -1:] > edges).sum(axis=1)
        for index, flow in enumerate(workflows):
            mine = chosen == index
            if mine.any():
                subject = self._customers(day, flow, person[mine])
                cases = _Cases(person[mine], start_s[mine], part[mine], subject)
                self._run(day, flow, cases, result)

    def _moments(self, day: int, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """When each case starts (seconds) and in which part of the day: bursts, lunch, a late session."""
        world, rng, schedule = self._world, self._rng, self._world.schedule
        count = len(person)
        first, last = schedule.start_h[person, day] + 0.05, schedule.end_h[person, day] - 0.15
        hotspots = rng.random((len(world.people), 5))[person, rng.integers(0, 5, count)]
        place = np.where(rng.random(count) < 0.45, hotspots + rng.normal(0.0, 0.05, count), rng.random(count))
        hour = first + np.abs(np.mod(place, 1.0)) * (last - first)
        noon = schedule.noon_h(person, day)
        lunch = (np.abs(hour - noon) < 0.4) & (rng.random(count) < 0.85)
        hour = np.where(lunch, hour + 0.8, hour)
        part = (hour > noon).astype(np.int64)
        late = schedule.evening[person, day] & (rng.random(count) < 0.15)
        hour = np.where(late, rng.uniform(20.3, 23.6, count), hour)
        part = np.where(late, EVENING, part)
        return world.calendar.midnights_s[day] + hour * HOUR_S, part

    def _customers(self, day: int, flow: Workflow, person: np.ndarray) -> np.ndarray:
        """The customer of each case, new or known: Zipf over the own (or a covered) book."""
        world, rng, schedule = self._world, self._rng, self._world.schedule
        count = len(person)
        chance = np.minimum(flow.fresh * world.traits.fresh[person] * schedule.fresh[person, day], 0.97)
        fresh = rng.random(count) < chance
        cover = schedule.cover[person, day]
        owner = np.where((cover >= 0) & (rng.random(count) < 0.4), cover, person)
        draw = rng.random((2, count))
        sizes = np.array([len(world.books[one]) for one in owner])
        known = np.array(
            [world.books[one][at] for one, at in zip(owner, (sizes ** draw[0] - 1).astype(np.int64), strict=True)]
        )
        subject = np.where(fresh, world.customers_of(person, rng), known)
        if flow.fresh > 0:
            slots = (sizes ** draw[1] - 1).astype(np.int64)
            for case in np.flatnonzero(fresh & (owner == person) & ~np.isin(subject, world.honey)):
                book = world.books[person[case]]
                book[slots[case] % len(book)] = subject[case]
        return subject

    def _run(self, day: int, flow: Workflow, cases: _Cases, result: Day) -> None:
        """Turn cases into accesses: which steps happen, when, and how many records they disclose."""
        world, rng = self._world, self._rng
        person, steps = cases.person, flow.steps
        count, length = len(person), len(steps)
        knob = np.array([KNOBS.index(step.knob) for step in steps])
        habits = world.traits.knobs[person] * world.schedule.knobs[person, day]
        chance = np.minimum(np.array([step.chance for step in steps]) * habits[:, knob], 0.98)
        happens = rng.random((count, length)) < chance
        dwell = np.array([step.dwell_s for step in steps]) * world.traits.dwell[person][:, None]
        moment = cases.start_s[:, None] + np.cumsum(dwell * rng.lognormal(-0.2, 0.75, (count, length)), axis=1)
        size = np.where([step.action == "export" for step in steps], world.traits.report_size[person][:, None], 1.0)
        median = np.array([step.rows for step in steps]) * size
        spread = np.array([step.spread for step in steps])
        rows = np.maximum(np.rint(median * np.exp(spread * rng.normal(size=(count, length)))), 1).astype(np.int64)
        masked = rng.random((count, length)) > np.array([step.unmasked for step in steps])
        outcome = outcome_codes(rng.random((count, length)))
        purposes = self._purposes(day, flow, cases, result)
        bare = rng.random((count, length)) < 0.04
        case, at = np.nonzero(happens)
        for c, s, time_s, number, hidden, ends, plain in zip(
            case.tolist(), at.tolist(), moment[case, at].tolist(), rows[case, at].tolist(),
            masked[case, at].tolist(), outcome[case, at].tolist(), bare[case, at].tolist(), strict=True,
        ):  # fmt: skip
            step, who, part = steps[s], int(person[c]), int(cases.part[c])
            subjects = self._subjects(step, who, int(cases.subject[c]), number)
            place = self._place(day, who, part)
            purpose = "" if plain else purposes[c]
            shown = number if ends == 0 else 0
            result.accesses.append(
                Access(time_s, who, step, subjects, shown, OUTCOMES[ends], hidden, purpose, place, part)
            )

    def _purposes(self, day: int, flow: Workflow, cases: _Cases, result: Day) -> list[str]:
        """The purpose of each case, empty where none is given; new ones are assigned, some late or never."""
        rng, count = self._rng, len(cases.person)
        if not flow.purpose:
            return [""] * count
        habit = self._world.traits.knobs[cases.person, EXPLAIN] * self._world.schedule.knobs[cases.person, day, EXPLAIN]
        given = rng.random(count) > (1.0 - flow.explained) * habit
        told, lag = rng.random(count), rng.exponential(4.0 * HOUR_S, count)
        serial = rng.integers(1_000_000, 9_000_000, count)
        planted = np.isin(cases.subject, self._world.honey)
        purposes = []
        for at in range(count):
            subject = int(cases.subject[at])
            linked = flow.purpose in LINKED
            purpose = purpose_of(flow.purpose, subject) if linked else occasion(flow.purpose, int(serial[at]))
            purposes.append(purpose if given[at] else "")
            known = (int(cases.person[at]), purpose)
            if flow.purpose != "report" and told[at] < 0.9 and known not in self._known and not planted[at]:
                if linked:
                    self._known.add(known)
                shift = lag[at] if told[at] < 0.05 else -lag[at] / 8
                result.assignments.append((float(cases.start_s[at] + shift), known[0], subject, purpose))
        return purposes

    def _subjects(self, step: Step, person: int, subject: int, rows: int) -> tuple[int, ...]:
        """The customers that the log names for one access."""
        if step.reach == "case":
            return (subject,)
        if step.reach == "none":
            return ()
        book = self._world.books[person]
        picked = self._rng.integers(0, len(book), min(rows, MOST_SUBJECTS))
        return tuple(dict.fromkeys(book[picked].tolist()))

    def _place(self, day: int, person: int, part: int) -> Place:
        key = (day, person, part == EVENING)
        if key not in self._places:
            self._places[key] = self._world.place(person, day, HOME if part == EVENING else None)
        return self._places[key]
