"""Who works at the insurer, and how much each differs from colleagues of the same role."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from detector.simulation.config import SimulationConfig
from detector.simulation.roles import ROLES
from detector.simulation.steps import KNOBS

SERVICES = 6
LEAVERS = 3
STAFF_PER_DEPARTMENT = 20
SPREADS = (0.0, 0.8, 0.65, 0.8, 0.35, 0.3, 0.6, 0.5)
"""Sigma of the logarithm of each knob between people of one role."""
FAMILY_NAMES = (
    "Chen",
    "Li",
    "Wang",
    "Zhang",
    "Liu",
    "Huang",
    "Lin",
    "Wu",
    "Zhou",
    "Xu",
    "Sun",
    "Ma",
    "Zhu",
    "Hu",
    "He",
    "Gao",
)
GIVEN_NAMES = (
    "Yan",
    "Min",
    "Jun",
    "Lei",
    "Fang",
    "Hao",
    "Jing",
    "Tao",
    "Xue",
    "Ping",
    "Rui",
    "Qiang",
    "Na",
    "Bo",
    "Hui",
    "Kai",
)


@dataclass(frozen=True)
class Person:
    """An employee or a service account: one roster line."""

    index: int
    id: str
    name: str
    role: str
    role_index: int
    department: str
    hired: date
    leaves: date | None
    host: str
    type: str = "employee"


@dataclass(frozen=True)
class Traits:
    """What makes people of one role differ; every array has one row a person.

    Attributes:
        pace: Factor on cases a day, (people,).
        knobs: Factor on the chance of a step, (people, knobs).
        report_size: Factor on the rows of an export, (people,).
        fresh: Factor on the share of customers outside the own book, (people,).
        offset_h: Hours by which the person starts early (negative) or late, (people,).
        overtime: Chance of overtime on a working day, (people,).
        evening: Chance of an evening session from home, (people,).
        weekend: Factor on the role's chance of weekend work, (people,).
        home: Chance of a day at home, (people,).
        dwell: Factor on the seconds between steps, (people,).
        tastes: Factor on the weight of each workflow of the role, (people, workflows).
        customer: Each employee's own customer number, (people,).
    """

    pace: np.ndarray
    knobs: np.ndarray
    report_size: np.ndarray
    fresh: np.ndarray
    offset_h: np.ndarray
    overtime: np.ndarray
    evening: np.ndarray
    weekend: np.ndarray
    home: np.ndarray
    dwell: np.ndarray
    tastes: np.ndarray
    customer: np.ndarray


def hire_people(config: SimulationConfig, rng: np.random.Generator) -> tuple[Person, ...]:
    """Fill the insurer: `config.staff` employees by the roles' shares, then the service accounts."""
    edges = np.cumsum([role.share for role in ROLES])
    places = (np.arange(config.staff) + 0.5) / config.staff
    roles = np.minimum(np.searchsorted(edges, places), len(ROLES) - 1)
    departments = max(2, config.staff // STAFF_PER_DEPARTMENT)
    numbers = rng.choice(np.arange(1000, 1000 + 12 * config.staff), config.staff, replace=False)
    joiners = set(rng.choice(config.staff, max(2, config.staff // 40), replace=False).tolist())
    leavers = rng.choice(np.setdiff1d(np.arange(config.staff), list(joiners)), LEAVERS, replace=False).tolist()
    span = (config.warm_up_days + 6, config.days + 12)
    last_days = dict(zip(leavers, rng.integers(*span, LEAVERS).tolist(), strict=True))
    last_days[leavers[0]] = int(rng.integers(config.warm_up_days + 6, config.days))
    people = []
    for index in range(config.staff):
        role = ROLES[int(roles[index])]
        ago = int(rng.integers(3, 60)) * -1 if index not in joiners else int(rng.integers(4, max(5, config.days - 18)))
        years = 0 if index in joiners else int(rng.gamma(2.0, 3.0) * 365) + 60
        hired = config.first_day + timedelta(days=ago - years if years else ago)
        first, second = rng.integers(len(FAMILY_NAMES)), rng.integers(len(GIVEN_NAMES), size=2)
        name = f"{FAMILY_NAMES[first]} {GIVEN_NAMES[second[0]]}{GIVEN_NAMES[second[1]].lower()}"
        department = f"B{int(rng.integers(departments)) + 1:02d}"
        leaves = config.first_day + timedelta(days=last_days[index]) if index in last_days else None
        host = f"WS-{index + 101}"
        identifier = f"E{numbers[index]}"
        people.append(Person(index, identifier, name, role.name, int(roles[index]), department, hired, leaves, host))
    return (*people, *_services(config))


def draw_traits(people: tuple[Person, ...], rng: np.random.Generator) -> Traits:
    """Draw how much each person differs; log-normal, so that a few differ a lot."""
    count = len(people)

    def around_one(sigma: float) -> np.ndarray:
        return rng.lognormal(0.0, sigma, count)

    knobs = np.stack([around_one(sigma) for sigma in SPREADS], axis=1)
    assert knobs.shape[1] == len(KNOBS)
    home = np.array([ROLES[person.role_index].home for person in people]) * around_one(0.6)
    return Traits(
        pace=around_one(0.3),
        knobs=knobs,
        report_size=around_one(0.5),
        fresh=around_one(0.25),
        offset_h=rng.normal(0.0, 0.55, count),
        overtime=np.minimum(0.09 * around_one(0.8), 0.6),
        evening=np.minimum(0.012 * around_one(1.1), 0.25),
        weekend=around_one(1.0),
        home=np.minimum(home, 0.8),
        dwell=around_one(0.2),
        tastes=rng.lognormal(0.0, 0.35, (count, max(len(role.workflows) for role in ROLES))),
        customer=rng.integers(100_000, 500_000, count),
    )


def _services(config: SimulationConfig) -> tuple[Person, ...]:
    names = (
        "svc-policy-batch",
        "svc-claims-rpa",
        "svc-dwh-load",
        "svc-billing-run",
        "svc-mailer",
        "svc-index",
    )
    hired = config.first_day - timedelta(days=900)
    return tuple(
        Person(
            config.staff + at,
            name,
            name,
            "service_account",
            -1,
            "B01",
            hired,
            None,
            f"SRV-{at + 11}",
            "service",
        )
        for at, name in enumerate(names[:SERVICES])
    )
