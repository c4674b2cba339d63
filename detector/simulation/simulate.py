"""Simulates the insurer and writes its files."""

import csv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from detector.simulation.calendar import DAY_S, ZONE
from detector.simulation.chores import plan_chores
from detector.simulation.config import SimulationConfig
from detector.simulation.scene import Story
from detector.simulation.services import service_day
from detector.simulation.sessions import session_ends
from detector.simulation.steps import Step
from detector.simulation.stories import plan_insiders
from detector.simulation.twins import plan_twins
from detector.simulation.workday import Workdays
from detector.simulation.world import Access, World, build_world, purpose_of
from detector.simulation.writer import EventWriter

BOOK_PURPOSE = {
    "claims_adjuster": "claim", "underwriter": "policy", "policy_administrator": "policy",
    "collections_agent": "case", "branch_clerk": "policy", "finance": "claim",
}  # fmt: skip
NEW_SYSTEM = "workbench"


@dataclass(frozen=True)
class Manifest:
    """What a simulation wrote.

    Attributes:
        config: What was asked for.
        events: Lines of `events.jsonl`.
        staff: Employees.
        services: Service accounts.
        insiders: Names of the insider stories.
        twins: Names of the benign twins.
    """

    config: SimulationConfig
    events: int
    staff: int
    services: int
    insiders: tuple[str, ...]
    twins: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The manifest as plain values, ready for JSON."""
        return asdict(self)


def simulate(config: SimulationConfig, out: Path, progress: Callable[[int, int], None] | None = None) -> Manifest:
    """Write the events, their context (roster, assignments, honey, VIPs), the labels and a manifest.

    The same configuration gives byte-identical files. Memory is bounded by two days of events.

    Args:
        config: The size, the length and the seed.
        out: A folder, made if missing; `events.jsonl`, `roster.csv`, `assignments.jsonl`, `honey.txt`,
            `vips.txt`, `labels.jsonl` and `manifest.json` in it are replaced.
        progress: Called after each day with the days done and the days in all.

    Returns:
        The manifest: how many events, which stories.
    """
    out.mkdir(parents=True, exist_ok=True)
    world = build_world(config, _rng(config, 0))
    insiders = plan_insiders(world, _rng(config, 1))
    twins = plan_twins(world, {story.actor for story in insiders}, _rng(config, 2))
    chores = plan_chores(world, _rng(config, 3))
    _write_context(world, out)
    events = _write_days(world, (*insiders, *twins), chores, out, progress)
    services = sum(person.type == "service" for person in world.people)
    insider_names, twin_names = (tuple(story.name for story in group) for group in (insiders, twins))
    manifest = Manifest(config, events, config.staff, services, insider_names, twin_names)
    (out / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest.as_dict())) + b"\n")
    return manifest


def _rng(config: SimulationConfig, purpose: int) -> np.random.Generator:
    """A source of chance for one purpose, so that a change in one leaves the others as they were."""
    return np.random.default_rng([config.seed, purpose])


def _write_days(
    world: World,
    stories: tuple[Story, ...],
    chores: list[Access],
    out: Path,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write events, assignments and labels; the number of events."""
    config = world.config
    extra, given = _by_day(world, [*chores, *_numbered(stories)]), _given(world, stories)
    windows = [(at, story) for at, story in enumerate(stories) if not story.accesses]
    workdays, machine, habit = Workdays(world, _rng(config, 4)), _rng(config, 5), _rng(config, 6)
    with (
        EventWriter(out / "events.jsonl", world, _rng(config, 7)) as writer,
        (out / "assignments.jsonl").open("wb") as assignments,
    ):
        assignments.write(_assignments(world, _initial_books(world)))
        for day in range(config.days):
            work = workdays.work(day)
            accesses = [*work.accesses, *extra[day]]
            accesses += [*session_ends(world, accesses, habit), *service_day(world, day, machine)]
            accesses = _roll_out(world, day, accesses, habit)
            last = day == config.days - 1
            until_s = float("inf") if last else float(world.calendar.midnights_s[day]) + DAY_S
            writer.write(_claimed(windows, accesses), until_s)
            assignments.write(_assignments(world, [*given[day], *sorted(work.assignments)]))
            if progress is not None:
                progress(day + 1, config.days)
    _write_labels(world, stories, writer.story_events, out / "labels.jsonl")
    return writer.written


def _numbered(stories: tuple[Story, ...]) -> list[Access]:
    """The accesses of all stories; a habit of former months, outside a story's time, is unmarked."""
    return [
        access._replace(story=at if story.start_s <= access.time_s <= story.end_s else -1)
        for at, story in enumerate(stories)
        for access in story.accesses
    ]


def _by_day(world: World, accesses: list[Access]) -> list[list[Access]]:
    """Group accesses by day; those after the last day belong to it."""
    days: list[list[Access]] = [[] for _ in range(world.config.days)]
    first = float(world.calendar.midnights_s[0])
    for access in accesses:
        days[min(max(int((access.time_s - first) // DAY_S), 0), world.config.days - 1)].append(access)
    return days


def _given(world: World, stories: tuple[Story, ...]) -> list[list[tuple[float, int, int, str]]]:
    days: list[list[tuple[float, int, int, str]]] = [[] for _ in range(world.config.days)]
    first = float(world.calendar.midnights_s[0])
    for story in stories:
        for line in story.assignments:
            days[int((line[0] - first) // DAY_S)].append(line)
    return days


def _claimed(windows: list[tuple[int, Story]], accesses: list[Access]) -> list[Access]:
    """Mark the accesses of actors whose whole work belongs to a story in its time."""
    actors = {story.actor: (at, story) for at, story in windows}
    marked = []
    for access in accesses:
        at, story = actors.get(access.person, (-1, None))
        inside = story is not None and story.start_s <= access.time_s <= story.end_s
        marked.append(access._replace(story=at) if inside else access)
    return marked


def _roll_out(world: World, day: int, accesses: list[Access], rng: np.random.Generator) -> list[Access]:
    """From the day of the roll-out, more and more searches happen in the new system."""
    since = day - world.schedule.rollout
    if since < 0:
        return accesses
    share = min(0.8, 0.45 + 0.05 * since)
    moved: dict[Step, Step] = {}
    result = []
    for access, draw in zip(accesses, rng.random(len(accesses)).tolist(), strict=True):
        if access.step.action == "search" and draw < share:
            step = moved.setdefault(access.step, access.step._replace(system=NEW_SYSTEM))
            result.append(access._replace(step=step))
        else:
            result.append(access)
    return result


def _initial_books(world: World) -> list[tuple[float, int, int, str]]:
    """The books as they are on the first morning, for the roles whose customers are assigned."""
    begin = world.calendar.moment_s(0, 0.0)
    return [
        (begin, person.index, subject, purpose_of(BOOK_PURPOSE[person.role], subject))
        for person in world.people
        if person.role in BOOK_PURPOSE
        for subject in dict.fromkeys(world.books[person.index].tolist())
    ]


def _assignments(world: World, lines: list[tuple[float, int, int, str]]) -> bytes:
    encode = msgspec.json.encode
    return b"".join(
        encode(
            {
                "time": _text(time_s),
                "actor": world.people[who].id,
                "subject": f"C-{subject}",
                "purpose": purpose,
            }
        )
        + b"\n"
        for time_s, who, subject, purpose in lines
    )


def _write_context(world: World, out: Path) -> None:
    with (out / "roster.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("id", "name", "role", "department", "hired", "leaves", "host"))
        for person in world.people:
            leaves = person.leaves.isoformat() if person.leaves else ""
            table.writerow(
                (
                    person.id,
                    person.name,
                    person.role,
                    person.department,
                    person.hired.isoformat(),
                    leaves,
                    person.host,
                )
            )
    for name, subjects in (("honey.txt", world.honey), ("vips.txt", world.vips)):
        (out / name).write_text("".join(f"C-{subject}\n" for subject in subjects.tolist()), encoding="utf-8")


def _write_labels(world: World, stories: tuple[Story, ...], events: dict[int, list[str]], path: Path) -> None:
    lines = [
        {
            "story": story.name, "kind": story.kind, "actor": world.people[story.actor].id,
            "start": _text(story.start_s), "end": _text(story.end_s),
            "event_ids": events.get(at, []), "expects": list(story.expects),
        }
        for at, story in enumerate(stories)
    ]  # fmt: skip
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def _text(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, ZONE).isoformat(timespec="milliseconds")
