"""Who is at work when and where, day by day, and what is special about that day.

Stories and twins change a schedule before any event is made: a thief's own work shrinks, a team works late.
"""

from dataclasses import dataclass, field

import numpy as np

from detector.simulation.calendar import WorkCalendar
from detector.simulation.config import SimulationConfig
from detector.simulation.people import Person, Traits
from detector.simulation.roles import ROLE_INDEX, ROLES
from detector.simulation.steps import KNOBS

OWN, DESK, HOME, VIRTUAL, SECOND = range(5)
MORNING, AFTERNOON, EVENING, BORROWED = range(4)  # parts of a day, each a session of its own
SEASONS = {
    "month_end": ("finance", "analyst", "collections_agent", "supervisor"),
    "surge": ("claims_adjuster", "call_centre_agent"),
}
EXPORT = np.array([KNOBS.index("export")])
RENEWAL_ROLES = ("underwriter", "policy_administrator")


@dataclass
class Schedule:
    """The plan of the whole period; every array is (people, days) unless said otherwise.

    Attributes:
        start_h: Local hour at which work starts; not a number on days off.
        end_h: Local hour at which it ends, above 24 for night shifts.
        evening: A second session from home, late.
        volume: Factor on the number of cases.
        knobs: Factor on the chance of steps, (people, days, knobs).
        fresh: Factor on the share of customers outside the own book.
        place: Where the person sits: own desk, shared desk, home, virtual desktop, second workstation.
        role: Index of the role worked in.
        cover: Index of the colleague whose book is worked as well, or -1.
        surge: Days of the catastrophe.
        rollout: Day on which a new system replaces searching in the old one.
    """

    start_h: np.ndarray
    end_h: np.ndarray
    evening: np.ndarray
    volume: np.ndarray
    knobs: np.ndarray
    fresh: np.ndarray
    place: np.ndarray
    role: np.ndarray
    cover: np.ndarray
    surge: tuple[int, ...]
    rollout: int
    desks: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))

    def present(self, person: int) -> np.ndarray:
        """The days on which a person works, ascending."""
        days: np.ndarray = np.flatnonzero(~np.isnan(self.start_h[person]))
        return days

    def noon_h(self, person: np.ndarray, day: int) -> np.ndarray:
        """The local hour of the lunch break of each person on a day."""
        hours: np.ndarray = (self.start_h[person, day] + self.end_h[person, day]) / 2.0
        return hours

    def part(self, person: int, day: int, hour: float) -> int:
        """The part of the day, and so the session, in which a person's local hour falls."""
        start, end = float(self.start_h[person, day]), float(self.end_h[person, day])
        if not start - 1.0 <= hour <= end + 1.2:
            return EVENING  # also on a day off: a session apart
        return AFTERNOON if hour > (start + end) / 2.0 else MORNING


def plan_schedule(
    config: SimulationConfig,
    calendar: WorkCalendar,
    people: tuple[Person, ...],
    traits: Traits,
    rng: np.random.Generator,
) -> Schedule:
    """Plan shifts, leave, sickness, part-time, seasons, the surge, the roll-out, a role change and covers."""
    count, days = len(people), config.days
    first_surge = int(rng.integers(config.warm_up_days, max(config.warm_up_days + 1, days - 9)))
    late = int(rng.integers(config.warm_up_days // 2, max(config.warm_up_days // 2 + 1, days - 8)))
    schedule = Schedule(
        start_h=np.full((count, days), np.nan),
        end_h=np.full((count, days), np.nan),
        evening=np.zeros((count, days), dtype=bool),
        volume=_volumes(count, days, rng),
        knobs=rng.lognormal(0.0, 0.25, (count, days, len(KNOBS))),
        fresh=np.ones((count, days)),
        place=np.zeros((count, days), dtype=np.int8),
        role=np.tile(np.array([person.role_index for person in people])[:, None], (1, days)),
        cover=np.full((count, days), -1),
        surge=tuple(range(first_surge, min(days, first_surge + int(rng.integers(5, 9))))),
        rollout=late,
        desks=rng.integers(0, 40, (count, days)),
    )
    for person in people:
        if person.type == "employee":
            _plan_person(schedule, calendar, person, traits, rng)
    _apply_seasons(schedule, calendar, people, rng)
    _change_role(schedule, config, people, rng)
    _cover_absences(schedule, people, rng)
    return schedule


def _volumes(count: int, days: int, rng: np.random.Generator) -> np.ndarray:
    """Correlated ups and downs: the insurer's day and a slow wandering of each person."""
    weeks = days // 7 + 1
    wander = np.exp(np.cumsum(rng.normal(0.0, 0.09, (count, weeks)), axis=1))
    return np.repeat(wander, 7, axis=1)[:, :days] * rng.gamma(40.0, 1 / 40.0, days)[None, :]


def _plan_person(
    schedule: Schedule, calendar: WorkCalendar, person: Person, traits: Traits, rng: np.random.Generator
) -> None:
    """Attendance, hours and place of one person for the whole period."""
    at, role, days = person.index, ROLES[person.role_index], len(calendar.dates)
    away = _absences(calendar, person, days, rng)
    rota, night = int(rng.integers(6)), role.name == "call_centre_agent" and rng.random() < 0.08
    weekend = min(0.6, role.weekend * (traits.weekend[at] if len(role.shifts) == 1 else 1.0))
    day_off, moves = int(rng.integers(5)), rng.random() < 0.12
    for day in range(days):
        open_day = bool(calendar.working[day])
        if away[day] or (not open_day and rng.random() > weekend):
            continue
        if open_day and len(role.shifts) > 2 and calendar.weekdays[day] == (day_off + day // 7) % 5:
            continue  # the rota gives a day back for weekends
        start, end = (21.0, 31.0) if night else role.shifts[(rota + day // 7) % len(role.shifts)]
        exact = 0.3 if len(role.shifts) > 2 else 1.0
        start += exact * traits.offset_h[at] + rng.normal(0.0, 0.2)
        end += exact * 0.6 * traits.offset_h[at] + rng.normal(0.0, 0.3)
        if not open_day and len(role.shifts) == 1:
            start, end = start + rng.exponential(1.5), min(end, start + 2.5 + rng.exponential(2.0))
        elif rng.random() < traits.overtime[at]:
            end += rng.exponential(1.3)
        schedule.start_h[at, day], schedule.end_h[at, day] = start, max(end, start + 1.0)
        schedule.evening[at, day] = not night and rng.random() < traits.evening[at]
        schedule.place[at, day] = _place(role.hot_desk, traits.home[at], moves, rng)


def _place(hot_desk: float, home: float, moves: bool, rng: np.random.Generator) -> int:
    draw = rng.random()
    if draw < home:
        return HOME
    if rng.random() < hot_desk:
        return DESK
    if moves and rng.random() < 0.35:
        return SECOND
    return VIRTUAL if rng.random() < 0.03 else OWN


def _absences(calendar: WorkCalendar, person: Person, days: int, rng: np.random.Generator) -> np.ndarray:
    """Days before hiring and after leaving, holidays taken, sickness, part-time and training."""
    away = np.array(
        [day < person.hired or (person.leaves is not None and day > person.leaves) for day in calendar.dates]
    )
    if person.leaves is not None:
        return away  # notice is worked
    if rng.random() < 0.4:
        begin = int(rng.integers(days))
        away[begin : begin + int(rng.integers(3, 9))] = True
    for begin in np.flatnonzero(rng.random(days) < 0.008).tolist():
        away[begin : begin + int(rng.geometric(0.45))] = True
    if rng.random() < 0.08:
        away |= calendar.weekdays == rng.integers(5)
    return away


def _apply_seasons(
    schedule: Schedule, calendar: WorkCalendar, people: tuple[Person, ...], rng: np.random.Generator
) -> None:
    """Mondays, month-ends, the renewal season, the surge, training days and bursts shared by a department."""
    monday = calendar.weekdays == 0
    by_role = {role.name: [p.index for p in people if p.role == role.name] for role in ROLES}
    for name, members in by_role.items():
        rows = np.array(members, dtype=np.int64)
        schedule.volume[rows] *= rng.gamma(30.0, 1 / 30.0, len(calendar.dates))[None, :]
        schedule.volume[np.ix_(rows, monday)] *= 1.25 if name == "call_centre_agent" else 1.08
        if name in SEASONS["month_end"]:
            schedule.knobs[np.ix_(rows, calendar.month_end, EXPORT)] *= 2.2
            schedule.volume[np.ix_(rows, calendar.month_end)] *= 1.25
        if name in RENEWAL_ROLES:
            season = np.array([day.month in (3, 6, 12) and day.day > 12 for day in calendar.dates])
            schedule.volume[np.ix_(rows, season)] *= 1.25
        if name in SEASONS["surge"]:
            _surge(schedule, rows, strong=name == "claims_adjuster", rng=rng)
    for person in people:
        for day in rng.integers(0, len(calendar.dates), 2).tolist():
            schedule.volume[person.index, day] *= rng.choice([0.35, 0.5, 1.6, 1.9])


def _surge(schedule: Schedule, rows: np.ndarray, *, strong: bool, rng: np.random.Generator) -> None:
    """The catastrophe: more cases from everywhere, and evenings for most of the claims team."""
    for day in schedule.surge:
        schedule.volume[rows, day] *= 1.7 if strong else 1.3
        schedule.fresh[rows, day] *= 1.4
        late = rows[(rng.random(len(rows)) < 0.7) & strong]
        schedule.end_h[late, day] += rng.uniform(1.5, 3.5, len(late))


def _change_role(
    schedule: Schedule, config: SimulationConfig, people: tuple[Person, ...], rng: np.random.Generator
) -> None:
    """One claims adjuster becomes a supervisor and one agent a policy administrator in mid-period."""
    for old, new in (("claims_adjuster", "supervisor"), ("call_centre_agent", "policy_administrator")):
        members = [person.index for person in people if person.role == old]
        who = int(rng.choice(members))
        schedule.role[who, int(rng.integers(config.days // 3, config.days)) :] = ROLE_INDEX[new]


def _cover_absences(schedule: Schedule, people: tuple[Person, ...], rng: np.random.Generator) -> None:
    """When somebody is away for a working week, a colleague of the role takes part of the book."""
    for person in people:
        if person.type != "employee" or len(ROLES[person.role_index].shifts) > 2:
            continue
        gone = np.isnan(schedule.start_h[person.index])
        runs = [day for day in range(len(gone) - 6) if gone[day : day + 6].all() and not gone[max(0, day - 1)]]
        mates = [p.index for p in people if p.role == person.role and p.index != person.index]
        for begin in runs[:1]:
            if mates and rng.random() < 0.6:
                mate = int(rng.choice(mates))
                schedule.cover[mate, begin : begin + 6] = person.index
                schedule.volume[mate, begin : begin + 6] *= 1.25
