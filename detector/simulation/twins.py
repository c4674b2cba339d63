"""The benign twins: the same surface as an insider, with a reason."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from detector.simulation.calendar import DAY_S
from detector.simulation.roles import ROLES
from detector.simulation.scene import Scene, Story
from detector.simulation.schedule import OWN, SECOND
from detector.simulation.steps import CHANGE_CONTACT, FIND_POLICY, KNOBS, POLICY, UNMASK_ID, UNMASK_PHONE
from detector.simulation.stories import cast_actor, first_day
from detector.simulation.workday import MOST_SUBJECTS
from detector.simulation.world import World, purpose_of

TWINS_DRAWN = 6
UNMASK, EXPORT = KNOBS.index("unmask"), KNOBS.index("export")


def regulator_export(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """Large exports at every month-end by the person whose job it is, with an approved purpose."""
    actor = cast_actor(world, ("finance", "policy_administrator", "supervisor"), taken, rng)
    scene = Scene(world, actor, 0, rng)
    size = scene.usual_rows * float(rng.uniform(8.0, 25.0))
    present = set(world.schedule.present(actor).tolist())
    ends = [day for day in np.flatnonzero(world.calendar.month_end).tolist() if day in present]
    chosen = ends or [int(world.schedule.present(actor)[-1])]
    for day in chosen:
        for hour in scene.hours(day, int(rng.integers(1, 3))).tolist():
            rows = int(size * rng.lognormal(0.0, 0.25)) + 1
            named = dict.fromkeys(scene.own_book(min(rows, MOST_SUBJECTS)).tolist())
            scene.add(
                world.calendar.moment_s(day, hour),
                scene.export,
                named,
                rows=rows,
                purpose="report:RP-SUPERVISION",
            )
    story = scene.story("regulator_export", "twin", ())
    last = [access.time_s for access in story.accesses if access.time_s > story.end_s - 7 * DAY_S]
    return replace(story, start_s=min(last) - 1.0)


def surge_overtime(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """Evenings and many customers in the catastrophe, as the whole team."""
    actor = cast_actor(world, ("claims_adjuster",), taken, rng)
    days = [day for day in world.schedule.surge if not np.isnan(world.schedule.start_h[actor, day])]
    days = days or list(world.schedule.surge[:1])
    world.schedule.volume[actor, days] *= 1.3
    world.schedule.end_h[actor, days] = np.maximum(world.schedule.end_h[actor, days], 21.0)
    return Scene(world, actor, days[0], rng).window("surge_overtime", "twin", days)


def new_joiner(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """Someone new who learns fast: no history, a growing volume, every customer for the first time."""
    first = world.calendar.dates[0]
    joined = [
        p.index
        for p in world.people
        if p.hired > first and p.index not in taken and len(world.schedule.present(p.index)) > 0
    ]
    actor = (
        max(joined, key=lambda at: world.people[at].hired)
        if joined
        else cast_actor(world, ("claims_adjuster",), taken, rng)
    )
    days = world.schedule.present(actor)[:12].tolist()
    ramp = np.linspace(0.4, 1.7, len(days))
    world.schedule.volume[actor, days] *= ramp
    world.schedule.fresh[actor, days] *= 1.8
    later = [day for day in days if day >= world.config.warm_up_days] or days[-3:]
    return Scene(world, actor, later[0], rng).window("new_joiner", "twin", later)


def covered_book(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """A colleague's whole book for two weeks, after a reassignment."""
    actor = cast_actor(world, ("claims_adjuster", "underwriter", "collections_agent"), taken, rng)
    scene = Scene(world, actor, first_day(world, actor, 14, rng), rng)
    mate, days = int(rng.choice(scene.colleagues())), scene.days(10)
    world.schedule.cover[actor, days] = mate
    world.schedule.volume[actor, days] *= 1.5
    begin = world.calendar.moment_s(days[0], 7.5)
    kind = {"claims_adjuster": "claim", "underwriter": "policy"}.get(scene.person.role, "case")
    for subject in dict.fromkeys(world.books[mate].tolist()):
        scene.assignments.append((begin, actor, subject, purpose_of(kind, subject)))
    return scene.window("covered_book", "twin", days)


def moved_desk(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """A new workstation in the week of the new system."""
    actor = cast_actor(world, tuple(role.name for role in ROLES), taken, rng)
    present = world.schedule.present(actor)
    later = present[present >= max(world.config.warm_up_days, world.schedule.rollout)]
    begin = int(later[0]) if len(later) else int(present[-1])
    after = np.arange(begin, world.config.days)
    world.schedule.place[actor, after] = np.where(
        world.schedule.place[actor, after] == OWN, SECOND, world.schedule.place[actor, after]
    )
    scene = Scene(world, actor, begin, rng)
    return scene.window("moved_desk", "twin", scene.days(6))


def batch_correction(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """Hundreds of policies with neighbouring numbers corrected under one ticket."""
    actor = cast_actor(world, ("policy_administrator",), taken, rng)
    scene = Scene(world, actor, first_day(world, actor, 5, rng), rng)
    number, ticket = (
        int(rng.integers(110_000, 480_000)),
        f"ticket:TK-{int(rng.integers(1_000_000, 9_000_000))}",
    )
    for day in scene.days(int(rng.integers(1, 4))):
        correct_batch(scene, day, number, scene.number(50, 140), ticket)
        number += 400
    return scene.story("batch_correction", "twin", ())


def correct_batch(scene: Scene, day: int, number: int, count: int, ticket: str) -> None:
    """Work through neighbouring customers under a ticket: find, read, correct."""
    scene.displace(day, count)
    moment = scene.world.calendar.moment_s(day, float(scene.hours(day, 1, 0.0, 0.5)[0]))
    for _ in range(count):
        number += int(scene.rng.choice([1, 1, 1, 2, 5]))
        if scene.rng.random() < 0.5:
            scene.add(moment, FIND_POLICY, (number,), purpose=ticket)
        scene.add(moment + 9.0, POLICY, (number,), purpose=ticket)
        scene.add(moment + 22.0, CHANGE_CONTACT, (number,), purpose=ticket)
        moment += 30.0 + float(scene.rng.gamma(2.0, 15.0))


def identity_campaign(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """A week of identity checks for a whole team: many unmasked fields, one campaign."""
    actor = cast_actor(world, ("branch_clerk", "policy_administrator", "collections_agent"), taken, rng)
    team = [p.index for p in world.people if p.role == world.people[actor].role]
    start = first_day(world, actor, 9, rng)
    mine = Scene(world, actor, start, rng)
    stories = []
    for member in team:
        scene = Scene(world, member, start, rng) if member != actor else mine
        for day in scene.days(5):
            count = int(rng.poisson(14))
            scene.displace(day, 2 * count)
            for hour, subject in zip(scene.hours(day, count).tolist(), scene.own_book(count), strict=True):
                moment = world.calendar.moment_s(day, hour)
                scene.add(moment, POLICY, (subject,), purpose="campaign:KC-2026")
                step = UNMASK_ID if rng.random() < 0.7 else UNMASK_PHONE
                scene.add(moment + 15.0, step, (subject,), purpose="campaign:KC-2026")
        stories.append(scene)
    story = mine.story("identity_campaign", "twin", ())
    world.errands.extend(access for scene in stories if scene is not mine for access in scene.accesses)
    return story


def swapped_shift(world: World, taken: set[int], rng: np.random.Generator) -> Story:
    """Four night shifts swapped with a colleague."""
    actor = cast_actor(world, ("call_centre_agent",), taken, rng)
    scene = Scene(world, actor, first_day(world, actor, 7, rng), rng)
    days = scene.days(4)
    world.schedule.start_h[actor, days] = 21.0 + rng.normal(0.0, 0.2, len(days))
    world.schedule.end_h[actor, days] = 30.5
    world.schedule.evening[actor, days] = False
    return scene.window("swapped_shift", "twin", [*days, min(days[-1] + 1, world.config.days - 1)])


TWINS: dict[str, Callable[[World, set[int], np.random.Generator], Story]] = {
    "regulator_export": regulator_export,
    "surge_overtime": surge_overtime,
    "new_joiner": new_joiner,
    "covered_book": covered_book,
    "moved_desk": moved_desk,
    "batch_correction": batch_correction,
    "identity_campaign": identity_campaign,
    "swapped_shift": swapped_shift,
}
"""The twins that an insurer may have."""


def plan_twins(world: World, taken: set[int], rng: np.random.Generator) -> tuple[Story, ...]:
    """Draw six of the twins, each with an actor in no other story; the world's schedule changes with them."""
    busy = set(taken)
    names = sorted(TWINS)
    drawn = sorted(rng.choice(len(names), TWINS_DRAWN, replace=False).tolist())
    stories = []
    for at in drawn:
        story = TWINS[names[at]](world, busy, rng)
        busy.add(story.actor)
        stories.append(story)
    return tuple(stories)
