"""The simulated insurer as a whole, and the one record of an access that everything in it produces."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from detector.simulation.calendar import WorkCalendar, work_calendar
from detector.simulation.config import SimulationConfig
from detector.simulation.people import Person, Traits, draw_traits, hire_people
from detector.simulation.roles import ROLES
from detector.simulation.schedule import DESK, HOME, SECOND, VIRTUAL, Schedule, plan_schedule
from detector.simulation.steps import Step

LOWEST_CUSTOMER, HIGHEST_CUSTOMER = 100_000, 500_000
BLOCK = 100  # customers of one department have numbers in blocks of this size
HONEY, VIPS, FAMOUS = 60, 120, 200
LINKED = ("claim", "policy", "case")  # purposes that belong to the customer, not to the occasion
OUTCOMES = ("success", "denied", "failure")
DENIED, FAILED = 0.004, 0.008  # shares of accesses
PREFIXES = {
    "claim": "CL",
    "call": "CA",
    "policy": "PO",
    "ticket": "TK",
    "report": "RP",
    "case": "CS",
    "campaign": "KC",
}


ACCIDENT = 0.03  # share of the chance meetings with a planted customer that nothing prevents


class Place(NamedTuple):
    """Where an access came from."""

    host: str
    ip: str
    agent: str


class Access(NamedTuple):
    """One access: `person` is an index, `story` the number of the story it belongs to or -1."""

    time_s: float
    person: int
    step: Step
    subjects: tuple[int, ...]
    rows: int
    outcome: str
    masked: bool
    purpose: str
    place: Place
    part: int
    story: int = -1


@dataclass
class World:
    """Everything that is fixed before the first event, and the books of customers, which change daily.

    Attributes:
        config: What was asked for.
        calendar: The days.
        people: Employees, then service accounts, by index.
        traits: How people differ.
        schedule: Who works when.
        books: The customers of each person, the most used first.
        honey: Planted customers, ascending.
        vips: Important customers, ascending.
        famous: Customers that everybody meets.
        errands: Accesses of people around a story who are in none themselves.
    """

    config: SimulationConfig
    calendar: WorkCalendar
    people: tuple[Person, ...]
    traits: Traits
    schedule: Schedule
    books: list[np.ndarray]
    honey: np.ndarray
    vips: np.ndarray
    famous: np.ndarray
    errands: list[Access] = field(default_factory=list)

    @property
    def departments(self) -> int:
        """How many departments there are."""
        return max(int(person.department[1:]) for person in self.people)

    def place(self, person: int, day: int, kind: int | None = None) -> Place:
        """The host, address and client of a person on a day; addresses change now and then as leases do."""
        who = self.people[person]
        if who.type == "service":
            return Place(who.host, f"10.1.0.{person % 200 + 10}", "batch/3.1")
        where = int(self.schedule.place[person, day]) if kind is None else kind
        desk = int(self.schedule.desks[person, day])
        version = 132 + (day + person % 9) // 19
        agent = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{version}.0.0.0"
        branch = int(who.department[1:])
        lease = (person * 7 + (day + person) // 23) % 230 + 10
        if where == HOME:
            return Place(f"LT-{person + 101}", f"172.16.{desk}.{(person * 31 + day * 17) % 240 + 5}", agent)
        if where == DESK:
            return Place(f"HD-{branch:02d}{desk:02d}", f"10.{20 + branch}.9.{desk + 10}", agent)
        if where == VIRTUAL:
            return Place(f"VDI-{desk:02d}", f"10.5.0.{desk + 10}", agent)
        if where == SECOND:
            return Place(f"WS-{person + 801}", f"10.{20 + branch}.4.{person % 230 + 10}", agent)
        return Place(who.host, f"10.{20 + branch}.{person // 200 + 2}.{lease}", agent)

    def customers(self, person: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """New customers for a person: mostly of the own department's region, a few famous or important."""
        return self.customers_of(np.full(count, person), rng)

    def customers_of(self, persons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One new customer for each entry of `persons`."""
        count, departments = len(persons), self.departments
        blocks = (HIGHEST_CUSTOMER - LOWEST_CUSTOMER) // BLOCK // departments
        own = np.array([int(person.department[1:]) - 1 for person in self.people])[persons]
        anywhere = rng.random(count) < 0.3
        branch = np.where(anywhere, rng.integers(0, departments, count), own)
        block = rng.integers(0, blocks, count) * departments + branch
        found = LOWEST_CUSTOMER + block * BLOCK + rng.integers(0, BLOCK, count)
        luck = rng.random(count)
        famous = self.famous[(len(self.famous) ** rng.random(count) - 1).astype(np.int64)]
        found = np.where(luck < 0.04, famous, found)
        found = np.where(luck > 0.9975, self.vips[rng.integers(0, len(self.vips), count)], found)
        return np.where(np.isin(found, self.honey) & (luck > ACCIDENT), found + 1, found)


def build_world(config: SimulationConfig, rng: np.random.Generator) -> World:
    """Draw the insurer: people, traits, schedule, books of customers, honey and important customers."""
    calendar = work_calendar(config.first_day, config.days)
    people = hire_people(config, rng)
    traits = draw_traits(people, rng)
    schedule = plan_schedule(config, calendar, people, traits, rng)
    special = rng.choice(np.arange(LOWEST_CUSTOMER, HIGHEST_CUSTOMER), HONEY + VIPS + FAMOUS, replace=False)
    honey, vips, famous = np.split(special, [HONEY, HONEY + VIPS])
    world = World(config, calendar, people, traits, schedule, [], np.sort(honey), np.sort(vips), famous)
    for person in people:
        size = ROLES[person.role_index].book if person.type == "employee" else 400
        book = world.customers(person.index, size, rng)
        world.books.append(np.where(np.isin(book, world.honey), book + 1, book))
    return world


def purpose_of(kind: str, subject: int) -> str:
    """The reference of the claim, policy or case of a customer.

    Examples:
        >>> purpose_of("claim", 100_001)
        'claim:CL-300020'
    """
    return f"{kind}:{PREFIXES[kind]}-{subject * 3 + 17}"


def occasion(kind: str, serial: int) -> str:
    """The reference of a call, ticket, report or campaign.

    Examples:
        >>> occasion("call", 1_234_567)
        'call:CA-1234567'
    """
    return f"{kind}:{PREFIXES[kind]}-{serial}"


def outcome_codes(draw: np.ndarray) -> np.ndarray:
    """Indices into `OUTCOMES` for uniform numbers of any shape."""
    return np.where(draw < DENIED, 1, np.where(draw < DENIED + FAILED, 2, 0))
