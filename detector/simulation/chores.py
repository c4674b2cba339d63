"""What interrupts ordinary work now and then: monthly reports, corrections, and a source that makes noise."""

import numpy as np

from detector.simulation.scene import Scene
from detector.simulation.schedule import BORROWED, OWN
from detector.simulation.steps import BIG_LIST, LETTER, PROBE, SHARED_FILE
from detector.simulation.twins import correct_batch
from detector.simulation.world import Access, World, occasion

MONTHLY = PROBE._replace(level="C3", fields="contact", rows=30_000, spread=0.9, name="t_portfolio")
NOISY_DAYS = 6  # these three in sixty days, at an insurer of 161
MACRO_DAYS = 14
HELPED_DAYS = 24


def plan_chores(world: World, rng: np.random.Generator) -> list[Access]:
    """The accesses of all chores of the period, in no order; corrections take time from ordinary work."""
    chores = (_monthly_reports, _corrections, _noise, _mailings, _macros, _helping)
    return [*(access for chore in chores for access in chore(world, rng)), *world.errands]


def _monthly_reports(world: World, rng: np.random.Generator) -> list[Access]:
    """Each analyst has a habit of big pulls near the end of a month, and some weekly ones."""
    accesses: list[Access] = []
    for person in world.people:
        if person.role != "analyst":
            continue
        weekly, taste = int(rng.integers(7)), float(rng.lognormal(0.0, 0.7))
        for day in world.schedule.present(person.index).tolist():
            if not world.calendar.month_end[day] and world.calendar.weekdays[day] != weekly:
                continue
            scene = Scene(world, person.index, day, rng)
            for hour in scene.hours(day, int(rng.integers(1, 4))).tolist():
                rows = int(MONTHLY.rows * taste * rng.lognormal(0.0, MONTHLY.spread))
                step = MONTHLY if rng.random() < 0.6 else BIG_LIST
                purpose = "report:RP-MONTHLY" if rng.random() < 0.7 else ""
                scene.add(world.calendar.moment_s(day, hour), step, rows=rows + 1, purpose=purpose)
            accesses.extend(scene.accesses)
    return accesses


def _corrections(world: World, rng: np.random.Generator) -> list[Access]:
    """Small runs through neighbouring numbers under a ticket, part of administration."""
    accesses: list[Access] = []
    for person in world.people:
        if person.role not in ("policy_administrator", "collections_agent"):
            continue
        for day in world.schedule.present(person.index).tolist():
            if rng.random() < 0.02:
                scene = Scene(world, person.index, day, rng)
                ticket = f"ticket:TK-{int(rng.integers(1_000_000, 9_000_000))}"
                correct_batch(scene, day, int(rng.integers(110_000, 480_000)), int(rng.integers(8, 45)), ticket)
                accesses.extend(scene.accesses)
    return accesses


def _noise(world: World, rng: np.random.Generator) -> list[Access]:
    """An indexing agent on a workstation reads a file share under the name of whoever is logged in."""
    accesses: list[Access] = []
    for actor, day in _somewhere(world, NOISY_DAYS, rng):
        scene = Scene(world, actor, day, rng)
        moment = world.calendar.moment_s(day, float(scene.hours(day, 1)[0]))
        for _ in range(int(rng.integers(120, 450))):
            scene.add(moment, SHARED_FILE, rows=0)
            moment += float(rng.gamma(4.0, 0.1))
        accesses.extend(scene.accesses)
    return accesses


def _mailings(world: World, rng: np.random.Generator) -> list[Access]:
    """Printing days: letters to part of the own book under one campaign."""
    accesses: list[Access] = []
    for person in world.people:
        if person.role not in ("branch_clerk", "policy_administrator", "underwriter"):
            continue
        for day in world.schedule.present(person.index).tolist():
            if rng.random() > 0.012:
                continue
            scene, count = Scene(world, person.index, day, rng), int(rng.integers(12, 60))
            purpose = _reference("campaign", 0.7, rng)
            begin = float(rng.uniform(0.1, 0.8))
            for hour, subject in zip(
                scene.hours(day, count, begin, begin + 0.15).tolist(), scene.own_book(count), strict=True
            ):
                scene.add(world.calendar.moment_s(day, hour), LETTER, (subject,), rows=1, purpose=purpose)
            accesses.extend(scene.accesses)
    return accesses


def _macros(world: World, rng: np.random.Generator) -> list[Access]:
    """Approved macros that open customer after customer under a ticket, at the pace of a machine."""
    accesses: list[Access] = []
    for actor, day in _somewhere(world, MACRO_DAYS, rng):
        scene = Scene(world, actor, day, rng)
        if not scene.reads:
            continue
        step = scene.reads[0] if rng.random() < 0.7 else scene.reads[0]._replace(channel="api")
        purpose = _reference("ticket", 0.8, rng)
        moment = world.calendar.moment_s(day, float(scene.hours(day, 1, 0.0, 0.8)[0]))
        pause, count = float(rng.uniform(4.0, 15.0)), int(rng.integers(30, 160))
        for subject in scene.own_book(count):
            scene.add(moment, step, (subject,), purpose=purpose)
            moment += pause * float(rng.gamma(30.0, 1 / 30.0))
        accesses.extend(scene.accesses)
    return accesses


def _helping(world: World, rng: np.random.Generator) -> list[Access]:
    """Half an hour of own work at a colleague's desk, with a login of its own there."""
    accesses: list[Access] = []
    for actor, day in _somewhere(world, HELPED_DAYS, rng):
        scene = Scene(world, actor, day, rng, part=BORROWED)
        if not scene.reads:
            continue
        begin, count = float(rng.uniform(0.0, 0.9)), int(rng.integers(3, 16))
        place = world.place(int(rng.choice(scene.colleagues())), day, OWN)
        scene.browse(
            day,
            scene.hours(day, count, begin, begin + 0.08),
            scene.own_book(count),
            explained=0.8,
            place=place,
        )
        accesses.extend(scene.accesses)
    return accesses


def _somewhere(world: World, days: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Employees and days on which something happens that happens `days` times in the reference period."""
    staff = world.config.staff
    found = []
    for _ in range(max(1, round(days * staff * world.config.days / (161 * 60)))):
        actor = int(rng.integers(staff))
        found.append((actor, int(rng.choice(world.schedule.present(actor)))))
    return found


def _reference(kind: str, chance: float, rng: np.random.Generator) -> str:
    return occasion(kind, int(rng.integers(1_000_000, 9_000_000))) if rng.random() < chance else ""
