"""The insiders: one function a story, most of them mild beside the noise, some gross."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from detector.simulation.roles import ROLES
from detector.simulation.scene import Scene, Story
from detector.simulation.schedule import BORROWED, HOME, OWN
from detector.simulation.steps import (
    ARCHIVE,
    CHANGE_BANK,
    CHANGE_CONTACT,
    CLAIM_PRINT,
    COPY_USB,
    FIND,
    FOREIGN_TABLES,
    HISTORY,
    LETTER,
    MAIL_FILE,
    POLICY,
    TAKE_FILE,
    UNMASK_BANK,
    UNMASK_ID,
    UNMASK_PHONE,
)
from detector.simulation.workday import MOST_SUBJECTS
from detector.simulation.world import World

FRONT = (
    "claims_adjuster",
    "call_centre_agent",
    "underwriter",
    "policy_administrator",
    "collections_agent",
    "branch_clerk",
)
DESKS = (
    "claims_adjuster",
    "underwriter",
    "policy_administrator",
    "collections_agent",
    "branch_clerk",
    "finance",
)
EVERYBODY = tuple(role.name for role in ROLES)
WAREHOUSE = ("analyst", "it_dba")


class Insider(NamedTuple):
    """A story: who may play it, the days it needs at most, what should notice it, and how it is told."""

    roles: tuple[str, ...]
    longest: int
    expects: tuple[str, ...]
    tell: Callable[[Scene], None]


def bulk_export(scene: Scene) -> None:
    """A book leaves in one afternoon, in one to five exports."""
    day = scene.days(1)[0]
    total = scene.usual_rows * scene.number(5, 30)
    hours = scene.hours(day, int(scene.rng.integers(1, 6)), 0.55, 0.95)
    for hour in hours.tolist():
        rows = max(1, int(total / len(hours) * scene.rng.lognormal(0.0, 0.4)))
        _take_list(scene, day, hour, rows, explained=0.4)


def medium_exports(scene: Scene) -> None:
    """A week of exports, each of usual size."""
    for day in scene.days(5):
        for hour in scene.hours(day, scene.number(1.3, 3.5)).tolist():
            _take_list(scene, day, hour, max(1, int(scene.usual_rows * scene.rng.lognormal(0.3, 0.5))), explained=0.4)


def slow_drip(scene: Scene) -> None:
    """Three weeks of a few more customers a day than the work needs."""
    for day in scene.days(15):
        count = scene.number(7, 20)
        scene.displace(day, count)
        scene.browse(day, scene.hours(day, count), scene.strangers(count), explained=0.15)


def breadth(scene: Scene) -> None:
    """Some days of customers from outside the own book."""
    for day in scene.days(int(scene.rng.integers(2, 6))):
        count = scene.number(18, 70)
        scene.displace(day, count)
        scene.browse(day, scene.hours(day, count), scene.strangers(count), explained=0.2)


def off_hours(scene: Scene) -> None:
    """Late evenings at ordinary volume, from the own desk or from home."""
    kind = int(scene.rng.choice([HOME, OWN]))
    for day in scene.days(int(scene.rng.integers(2, 7))):
        if scene.accesses and scene.rng.random() < 0.2:
            continue
        count = scene.number(10, 35)
        late = max(float(scene.world.schedule.end_h[scene.actor, day]) + 1.5, 21.3)
        hours = np.sort(scene.rng.uniform(late, late + 2.2, count))
        half = count // 2
        subjects = np.concatenate([scene.own_book(half), scene.strangers(count - half)])
        scene.browse(day, hours, subjects, explained=0.3, place=scene.world.place(scene.actor, day, kind))
        scene.displace(day, count / 2)


def weekend_session(scene: Scene) -> None:
    """An office that is empty, on one or two free days."""
    schedule, calendar = scene.world.schedule, scene.world.calendar
    closed = np.flatnonzero(~calendar.working)
    later = closed[closed >= scene.world.config.warm_up_days].tolist()
    free = [day for day in later if day >= scene.first_day and np.isnan(schedule.start_h[scene.actor, day])]
    free = free or later[-1:]  # after the last free weekend of the period, that one
    for day in free[: int(scene.rng.integers(1, 3))]:
        count = scene.number(20, 70)
        begin = float(scene.rng.uniform(9.0, 18.0))
        hours = np.sort(scene.rng.uniform(begin, begin + 2.5, count))
        place = scene.world.place(scene.actor, day, int(scene.rng.choice([HOME, OWN])))
        scene.browse(day, hours, scene.strangers(count), explained=0.2, place=place)
        for _ in range(int(scene.rng.integers(0, 3))):
            _take_list(scene, day, begin + 2.6, int(scene.usual_rows * scene.rng.lognormal(0.2, 0.5)) + 1)


def enumeration(scene: Scene) -> None:
    """Customer numbers one after the other, typed into the search at human pace."""
    number = int(scene.rng.integers(110_000, 480_000))
    for day in scene.days(int(scene.rng.integers(1, 4))):
        count = scene.number(30, 120)
        scene.displace(day, count)
        begin = float(scene.hours(day, 1, 0.0, 0.6)[0])
        moment = scene.world.calendar.moment_s(day, begin)
        for _ in range(count):
            number += int(scene.rng.choice([1, 1, 1, 1, 2, 3]))
            if scene.rng.random() < 0.7:
                scene.add(moment, FIND, (number,), rows=1)
            scene.add(moment + 8.0, scene.reads[0], (number,))
            moment += 14.0 + float(scene.rng.gamma(2.0, 12.0))


def scripted_access(scene: Scene) -> None:
    """A script opens customers through the interface behind the screens."""
    step = scene.reads[0]._replace(channel="api")
    agent = str(scene.rng.choice(["", "python-requests/2.31", "curl/8.4.0"]))
    for day in scene.days(int(scene.rng.integers(1, 3))):
        count = scene.number(90, 400)
        place = scene.world.place(scene.actor, day)
        place = place._replace(agent=agent or place.agent)
        begin = scene.world.calendar.moment_s(day, float(scene.hours(day, 1, 0.0, 0.8)[0]))
        pause = float(scene.rng.uniform(1.5, 9.0))
        moments = begin + np.cumsum(pause * scene.rng.gamma(40.0, 1 / 40.0, count))
        for moment, subject in zip(moments.tolist(), scene.strangers(count), strict=True):
            scene.add(moment, step, (subject,), place=place)


def unmask_abuse(scene: Scene) -> None:
    """Ordinary customers in ordinary number, but with identity, phone and bank shown."""
    steps = (UNMASK_PHONE, UNMASK_ID, UNMASK_BANK)
    for day in scene.days(int(scene.rng.integers(3, 9))):
        count = scene.number(7, 22)
        scene.displace(day, 2.0 * count)
        for hour, subject in zip(scene.hours(day, count).tolist(), scene.own_book(count), strict=True):
            moment = scene.world.calendar.moment_s(day, hour)
            purpose = scene.purpose(int(subject)) if scene.rng.random() < 0.6 else ""
            scene.add(moment, scene.reads[0], (subject,), purpose=purpose)
            scene.add(moment + 20.0, steps[int(scene.rng.integers(3))], (subject,), purpose=purpose)


def honey_record(scene: Scene) -> None:
    """Browsing that meets a planted customer."""
    for day in scene.days(int(scene.rng.integers(1, 3))):
        count = scene.number(12, 45)
        subjects = scene.strangers(count)
        subjects[int(scene.rng.integers(count))] = int(scene.rng.choice(scene.world.honey))
        scene.displace(day, count)
        scene.browse(day, scene.hours(day, count), subjects, explained=0.25)


def borrowed_login(scene: Scene) -> None:
    """Somebody else uses the actor's login at another desk, some of it while the actor works."""
    scene.part = BORROWED
    thief = int(scene.rng.choice(scene.colleagues()))
    for day in scene.days(int(scene.rng.integers(1, 4))):
        count = scene.number(15, 70)
        place = scene.world.place(thief, day, OWN)
        subjects = scene.strangers(count)
        scene.browse(day, scene.hours(day, count, *_part(scene.rng)), subjects, explained=0.2, place=place)


def leaver_takes_files(scene: Scene) -> None:
    """In the last days before leaving: lists, files to a stick, mails home."""
    for day in scene.days(8):
        if scene.rng.random() < 0.35:
            continue
        for hour in scene.hours(day, scene.number(1, 3), 0.3).tolist():
            _take_list(scene, day, hour, int(scene.usual_rows * scene.rng.lognormal(0.4, 0.5)) + 1, explained=0.3)
        for hour in scene.hours(day, scene.number(2, 12), 0.5).tolist():
            moment = scene.world.calendar.moment_s(day, hour)
            step = (TAKE_FILE, ARCHIVE, COPY_USB, MAIL_FILE)[int(scene.rng.choice(4, p=[0.45, 0.1, 0.3, 0.15]))]
            scene.add(moment, step, rows=scene.number(5, 80))
    if not scene.accesses:
        _take_list(scene, scene.days(1)[0], 15.0, int(scene.usual_rows * 4) + 1)


def curiosity(scene: Scene) -> None:
    """Looking up the famous and the colleagues, without a case."""
    colleagues = scene.world.traits.customer
    for day in scene.days(int(scene.rng.integers(3, 11))):
        count = scene.number(1, 5)
        scene.displace(day, count)
        pool = np.concatenate([scene.world.vips, colleagues])
        scene.browse(day, scene.hours(day, count), scene.rng.choice(pool, count))


def camera_harvest(scene: Scene) -> None:
    """Opening customers in a steady rhythm, photographing the screen, leaving no work behind."""
    for day in scene.days(int(scene.rng.integers(2, 7))):
        count = scene.number(25, 90)
        scene.displace(day, count)
        moment = scene.world.calendar.moment_s(day, float(scene.hours(day, 1, 0.0, 0.7)[0]))
        pause, half = float(scene.rng.uniform(13.0, 26.0)), count // 2
        subjects = np.concatenate([scene.own_book(half), scene.strangers(count - half)])
        for subject in scene.rng.permutation(subjects):
            purpose = scene.purpose(int(subject)) if scene.rng.random() < 0.4 else ""
            scene.add(moment, scene.reads[0], (subject,), purpose=purpose)
            moment += pause * float(scene.rng.normal(1.0, 0.1))


def print_run(scene: Scene) -> None:
    """Customer files on paper."""
    step = CLAIM_PRINT if "claims" in scene.role.systems[:1] else LETTER
    for day in scene.days(int(scene.rng.integers(1, 4))):
        count = scene.number(10, 45)
        begin = float(scene.rng.uniform(0.3, 0.8))
        for hour, subject in zip(
            scene.hours(day, count, begin, begin + 0.15).tolist(), scene.own_book(count), strict=True
        ):
            moment = scene.world.calendar.moment_s(day, hour)
            purpose = scene.purpose(int(subject)) if scene.rng.random() < 0.4 else ""
            scene.add(moment, step, (subject,), rows=int(scene.rng.integers(1, 12)), purpose=purpose)


def lookup_then_change(scene: Scene) -> None:
    """Research a customer, come back, change where letters and money go; repeated, small."""
    for day in scene.days(int(scene.rng.integers(4, 11))):
        count = scene.number(1, 3)
        scene.displace(day, 5 * count)
        for hour, subject in zip(scene.hours(day, count, 0.0, 0.6).tolist(), scene.strangers(count), strict=True):
            moment = scene.world.calendar.moment_s(day, hour)
            for step in (FIND, POLICY, HISTORY, UNMASK_BANK):
                scene.add(moment, step, (subject,))
                moment += step.dwell_s * float(scene.rng.lognormal(0.0, 0.5))
            moment += float(scene.rng.uniform(0.1, 2.5)) * 3600.0
            scene.add(moment, CHANGE_CONTACT, (subject,))
            scene.add(moment + float(scene.rng.uniform(60.0, 900.0)), CHANGE_BANK, (subject,))


def warehouse_dump(scene: Scene) -> None:
    """Whole tables of a system that the person never queried."""
    steps = scene.rng.permutation(len(FOREIGN_TABLES))[: int(scene.rng.integers(1, 3))]
    for day in scene.days(int(scene.rng.integers(1, 3))):
        for hour in scene.hours(day, scene.number(2, 8), *_part(scene.rng)).tolist():
            step = FOREIGN_TABLES[int(scene.rng.choice(steps))]
            rows = int(np.exp(scene.rng.normal(np.log(4000.0), 1.3)) * scene.strength) + 50
            scene.add(scene.world.calendar.moment_s(day, hour), step, rows=rows)


INSIDERS: dict[str, Insider] = {
    "bulk_export": Insider(DESKS, 2, ("bulk_export",), bulk_export),
    "medium_exports": Insider(DESKS, 7, ("bulk_export", "cumulative_drip"), medium_exports),
    "slow_drip": Insider(FRONT, 21, ("cumulative_drip", "unexplained_access"), slow_drip),
    "breadth": Insider(DESKS[:5], 7, ("breadth", "unexplained_access"), breadth),
    "off_hours": Insider(DESKS, 9, ("odd_hours",), off_hours),
    "weekend_session": Insider(DESKS, 9, ("odd_hours",), weekend_session),
    "enumeration": Insider(FRONT, 5, ("enumeration",), enumeration),
    "scripted_access": Insider(FRONT, 4, ("automation",), scripted_access),
    "unmask_abuse": Insider(FRONT, 11, ("unmask_abuse",), unmask_abuse),
    "honey_record": Insider(FRONT, 4, ("honey_record", "unexplained_access"), honey_record),
    "borrowed_login": Insider(DESKS, 5, ("borrowed_login",), borrowed_login),
    "leaver_takes_files": Insider(EVERYBODY, 12, ("leaver_window", "bulk_export", "usb"), leaver_takes_files),
    "curiosity": Insider((*FRONT, "supervisor"), 14, ("relationship_snooping",), curiosity),
    "camera_harvest": Insider(FRONT, 9, ("look_and_leave",), camera_harvest),
    "print_run": Insider(DESKS, 5, ("print",), print_run),
    "lookup_then_change": Insider(FRONT, 14, ("lookup_then_change",), lookup_then_change),
    "warehouse_dump": Insider(WAREHOUSE, 4, ("console_query", "role_drift"), warehouse_dump),
}  # fmt: skip
"""The insiders of every insurer; one actor each."""


def plan_insiders(world: World, rng: np.random.Generator) -> tuple[Story, ...]:
    """Tell every story once, each with an actor of its own, after the warm-up.

    The world's schedule changes: what a story takes of the working time is missing from the ordinary work.
    """
    taken: set[int] = set()
    stories = []
    for name in sorted(INSIDERS, key=lambda each: (each != "leaver_takes_files", each != "warehouse_dump", each)):
        insider = INSIDERS[name]
        if name == "leaver_takes_files":
            actor, first = _leaver(world)
        else:
            actor = cast_actor(world, insider.roles, taken, rng)
            first = first_day(world, actor, insider.longest, rng)
        taken.add(actor)
        strength = float(np.clip(rng.lognormal(0.0, 0.5), 0.45, 2.6))
        scene = Scene(world, actor, first, rng, strength)
        insider.tell(scene)
        stories.append(scene.story(name, "insider", insider.expects))
    return tuple(stories)


def cast_actor(world: World, roles: tuple[str, ...], taken: set[int], rng: np.random.Generator) -> int:
    """Someone of these roles who works steadily through the period, stays, and is in no story yet."""
    warm = world.config.warm_up_days
    busiest = max(len(world.schedule.present(p.index)) for p in world.people)
    steady = [
        person.index
        for person in world.people
        if person.index not in taken
        and person.leaves is None
        and person.hired < world.calendar.dates[0]
        and person.type == "employee"
        and len(set(world.schedule.role[person.index].tolist())) == 1
        and (world.schedule.present(person.index) >= warm).sum() >= 3
    ]
    best = [at for at in steady if len(world.schedule.present(at)) > 0.6 * busiest]
    fits = [at for at in best if world.people[at].role in roles] or best or steady
    return int(rng.choice(fits))


def first_day(world: World, actor: int, longest: int, rng: np.random.Generator) -> int:
    """A working day of the actor after the warm-up that leaves `longest` days where there are so many."""
    warm, days = world.config.warm_up_days, world.config.days
    present = world.schedule.present(actor)
    later = present[present >= warm]
    good = later[later <= max(warm, days - longest - 1)]
    return int(rng.choice(good if len(good) else later[:1]))


def _leaver(world: World) -> tuple[int, int]:
    """The person whose last day is inside the period, and a day about eight working days before it."""
    last = world.calendar.dates[-1]
    person = min((p for p in world.people if p.leaves is not None and p.leaves <= last), key=lambda p: p.index)
    present = world.schedule.present(person.index)
    late = present[present >= world.config.warm_up_days]
    return person.index, int(late[-min(len(late), 8)] if len(late) else present[-1])


def _take_list(scene: Scene, day: int, hour: float, rows: int, explained: float = 0.0) -> None:
    """One export in the manner of the role, naming customers of the own book."""
    step = scene.export
    named = scene.own_book(min(rows, MOST_SUBJECTS)) if step.reach == "many" else ()
    purpose = f"report:RP-{int(scene.rng.integers(1_000_000, 9_000_000))}" if scene.rng.random() < explained else ""
    scene.add(
        scene.world.calendar.moment_s(day, hour),
        step,
        dict.fromkeys(int(one) for one in named),
        rows=rows,
        purpose=purpose,
    )


def _part(rng: np.random.Generator) -> tuple[float, float]:
    begin = float(rng.uniform(0.0, 0.6))
    return begin, begin + 0.35
