"""Where a story is told: one actor, a first day, and the accesses added so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from detector.simulation.calendar import DAY_S, HOUR_S
from detector.simulation.people import Person
from detector.simulation.roles import ROLES, Role
from detector.simulation.steps import LIST, Step
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

USUAL_ACCESSES = 55.0  # of an employee on a working day; a story displaces part of them


@dataclass(frozen=True)
class Story:
    """What happened, for the labels.

    Attributes:
        name: The story, such as `bulk_export`.
        kind: `insider` or `twin`.
        actor: Index of the person.
        start_s: Seconds since 1970 UTC.
        end_s: Seconds since 1970 UTC.
        expects: The detections that one would hope for; empty for a twin.
        accesses: The story's own accesses; empty if all of the actor's accesses in that time are meant.
        assignments: Assignments that come with it: time, person, subject, purpose.
    """

    name: str
    kind: str
    actor: int
    start_s: float
    end_s: float
    expects: tuple[str, ...]
    accesses: tuple[Access, ...] = ()
    assignments: tuple[tuple[float, int, int, str], ...] = ()


@dataclass
class Scene:
    """Adds the accesses of one story to the world, in the manner of its actor.

    Attributes:
        world: The insurer; stories change its schedule.
        actor: Index of the person.
        first_day: The day from which the story may happen.
        rng: The source of the story's chance.
        strength: About one; how bold this actor is.
        part: The session that all accesses belong to; the part of the day decides if it is not given.
        accesses: What was added.
        assignments: Assignments that come with it.
    """

    world: World
    actor: int
    first_day: int
    rng: np.random.Generator
    strength: float = 1.0
    part: int | None = None
    accesses: list[Access] = field(default_factory=list)
    assignments: list[tuple[float, int, int, str]] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """The actor."""
        return self.world.people[self.actor]

    @property
    def role(self) -> Role:
        """The actor's role on the first day."""
        return ROLES[int(self.world.schedule.role[self.actor, self.first_day])]

    @property
    def reads(self) -> list[Step]:
        """The reads of single customers that the actor's role does."""
        steps = [step for flow in self.role.workflows for step in flow.steps]
        return [step for step in steps if step.action == "read" and step.reach == "case"]

    @property
    def export(self) -> Step:
        """The export that the actor's role knows."""
        steps = [step for flow in self.role.workflows for step in flow.steps]
        return next((step for step in steps if step.action == "export"), LIST)

    @property
    def usual_rows(self) -> float:
        """The usual size of an export of the actor."""
        return self.role.report_rows * float(self.world.traits.report_size[self.actor])

    def colleagues(self) -> list[int]:
        """Others of the actor's role; any other employee if there is none."""
        others = [p for p in self.world.people if p.index != self.actor and p.type == "employee"]
        return [p.index for p in others if p.role == self.person.role] or [p.index for p in others]

    def days(self, count: int) -> list[int]:
        """The next `count` days on which the actor works, fewer at the end of the simulation."""
        present = self.world.schedule.present(self.actor)
        return [int(day) for day in present[present >= self.first_day][:count]]

    def number(self, low: float, high: float) -> int:
        """A count between the two, log-uniform, times the strength; at least one."""
        return max(1, round(float(np.exp(self.rng.uniform(np.log(low), np.log(high)))) * self.strength))

    def hours(self, day: int, count: int, begin: float = 0.0, end: float = 1.0) -> np.ndarray:
        """Ascending local hours inside a part of the actor's shift."""
        schedule = self.world.schedule
        first, last = schedule.start_h[self.actor, day] + 0.2, schedule.end_h[self.actor, day] - 0.2
        length = last - first
        return np.sort(self.rng.uniform(first + begin * length, first + end * length, count))

    def add(
        self,
        time_s: float,
        step: Step,
        subjects: Iterable[int] = (),
        *,
        rows: int = 1,
        purpose: str = "",
        place: Place | None = None,
    ) -> None:
        """Add one access; the place is where the actor sits that day unless given."""
        calendar = self.world.calendar
        day = min(max(int((time_s - calendar.midnights_s[0]) // DAY_S), 0), self.world.config.days - 1)
        where = place or self.world.place(self.actor, day)
        hour = (time_s - float(calendar.midnights_s[day])) / HOUR_S
        part = self.world.schedule.part(self.actor, day, hour) if self.part is None else self.part
        ends = int(outcome_codes(self.rng.random(1))[0])
        masked = bool(self.rng.random() > step.unmasked)
        named = tuple(int(subject) for subject in subjects)
        self.accesses.append(
            Access(
                time_s,
                self.actor,
                step,
                named,
                0 if ends else rows,
                OUTCOMES[ends],
                masked,
                purpose,
                where,
                part,
            )
        )

    def purpose(self, subject: int) -> str:
        """A purpose for a customer as the actor's role would give it."""
        kind = next((flow.purpose for flow in self.role.workflows if flow.purpose), "ticket")
        return (
            purpose_of(kind, subject)
            if kind in LINKED
            else occasion(kind, int(self.rng.integers(1_000_000, 9_000_000)))
        )

    def browse(
        self,
        day: int,
        hours: np.ndarray,
        subjects: Iterable[int],
        *,
        explained: float = 0.0,
        place: Place | None = None,
    ) -> None:
        """Open one customer at each hour, with the role's own screens: one to three reads each."""
        reads = self.reads
        weights = np.array([step.chance for step in reads])
        for hour, subject in zip(hours.tolist(), subjects, strict=True):
            moment = self.world.calendar.moment_s(day, hour)
            purpose = self.purpose(int(subject)) if self.rng.random() < explained else ""
            for _ in range(int(self.rng.choice([1, 1, 2, 3]))):
                step = reads[int(self.rng.choice(len(reads), p=weights / weights.sum()))]
                self.add(moment, step, (subject,), purpose=purpose, place=place)
                moment += step.dwell_s * float(self.rng.lognormal(-0.3, 0.6))

    def displace(self, day: int, accesses: float) -> None:
        """Let the story take working time: the actor's ordinary work of the day shrinks."""
        share = min(0.6, 0.6 * accesses / USUAL_ACCESSES)
        self.world.schedule.volume[self.actor, day] *= 1.0 - share

    def strangers(self, count: int) -> np.ndarray:
        """Customers from anywhere, most outside the own book and department."""
        everyone = np.arange(100_000, 500_000)
        found = self.rng.choice(everyone, count)
        return np.where(np.isin(found, self.world.honey), found + 1, found)

    def own_book(self, count: int) -> np.ndarray:
        """Customers of the actor's own book."""
        return self.rng.choice(self.world.books[self.actor], count)

    def story(self, name: str, kind: str, expects: tuple[str, ...]) -> Story:
        """The finished story of the accesses added."""
        times = [access.time_s for access in self.accesses]
        return Story(
            name, kind, self.actor, min(times) - 1.0, max(times) + 1.0, expects,
            tuple(self.accesses), tuple(self.assignments),
        )  # fmt: skip

    def window(self, name: str, kind: str, days: list[int]) -> Story:
        """A story of everything that the actor does on some days."""
        calendar = self.world.calendar
        start_s, end_s = calendar.moment_s(days[0], 0.0), calendar.moment_s(days[-1], 24.0)
        return Story(name, kind, self.actor, start_s, end_s, (), (), tuple(self.assignments))
