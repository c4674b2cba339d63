"""Stories of insiders for people of a real log, in amounts of their own: what to put in, and how that is labelled."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
import numpy as np

from detector.backtest.planting import Planting
from detector.backtest.usual import Clock, Subject, Survey, Usual
from detector.errors import BacktestError
from detector.evaluation import Label
from detector.span import Span
from streams import AccessEvent, Position, Records, Session, Src

LEAST_DAYS: Final = 10
"""Active days of whoever is in a story: a newcomer is no part in it."""
LEAST_READS: Final = 5
LEAST_ROWS: Final = 20.0
"""Records that are worth taking out, however little somebody ordinarily sees."""
HOUR_S: Final = 3_600.0
EVENING: Final = (17.5, 20.0)
"""Hours after the accounting day began, at 04:00, between which a story goes on at night: from 21:30 to midnight."""


@dataclass(slots=True)
class Scene:
    """One story while it is told.

    Attributes:
        usual: what is usual for whoever acts.
        days: the working days on which it may be told, the first of the story first.
        strangers: customers of others.
        clock: says when days begin.
        rng: of this story alone.
        strength: 1 for an ordinary insider.
    """

    usual: Usual
    days: Sequence[int]
    strangers: Sequence[Subject]
    clock: Clock
    rng: np.random.Generator
    strength: float
    events: list[AccessEvent] = field(default_factory=list)

    def number(self, least: float, most: float) -> int:
        """A number between, times the strength; at least 1."""
        return max(1, round(float(self.rng.uniform(least, most)) * self.strength))

    def moments(self, day: int, count: int) -> list[float]:
        """Times within the person's own hours on a day, ascending, Unix seconds."""
        first, last = np.quantile(self.usual.moments, [0.15, 0.9]).tolist()
        hours = np.sort(self.rng.uniform(first, max(last, first + HOUR_S), count))
        return [self.clock.begin(day) + hour for hour in hours.tolist()]

    def others(self, count: int) -> list[Subject]:
        """Customers of anybody."""
        return [self.strangers[place] for place in self.rng.integers(len(self.strangers), size=count).tolist()]

    def own(self, count: int) -> list[Subject]:
        """Customers whom the person has opened lately."""
        reads = self.usual.reads
        chosen = [reads[place] for place in self.rng.integers(len(reads), size=count).tolist()]
        return [(event.subjects[0], event.serials[0]) for event in chosen]

    def read(self, moment: float, subject: Subject, source: Src | None = None) -> None:
        """A customer is opened as the person opens customers, without a purpose."""
        like = self.usual.reads[int(self.rng.integers(len(self.usual.reads)))]
        records = msgspec.structs.replace(like.records, count=1) if like.records is not None else Records(count=1)
        self._add(like, moment, subjects=(subject[0],), serials=(subject[1],), records=records, src=source or like.src)

    def take(self, moment: float, rows: int) -> None:
        """Records are taken out, as the person takes them out, or else as an export of what the person reads."""
        takes = self.usual.takes
        like = takes[int(self.rng.integers(len(takes)))] if takes else self.usual.reads[-1]
        action = like.action if takes else "export"
        self._add(like, moment, action=action, subjects=(), serials=(), records=Records(count=rows), src=like.src)

    def _add(self, like: AccessEvent, moment: float, **fields: object) -> None:
        time = datetime.fromtimestamp(round(moment, 3), UTC)
        session = Session(f"injected-{int(self.clock.begin(self.days[0]))}")
        self.events.append(msgspec.structs.replace(like, time=time, purpose=None, session=session, **fields))


class Story(NamedTuple):
    """A kind of story: its name, the working days that it needs, and how it is told."""

    name: str
    days: int
    tell: Callable[[Scene], None]


def bulk_export(scene: Scene) -> None:
    """Many times an ordinary export, or an ordinary day's customers, leave on one day."""
    total = max(scene.usual.rows, scene.usual.touches, LEAST_ROWS) * scene.number(6, 30)
    moments = scene.moments(scene.days[0], int(scene.rng.integers(1, 5)))
    for moment in moments:
        scene.take(moment, max(1, round(total / len(moments))))


def slow_drip(scene: Scene) -> None:
    """Three weeks of more customers a day than the work needs."""
    for day in scene.days:
        count = max(6, round(scene.number(40, 100) / 100 * scene.usual.touches))
        for moment, subject in zip(scene.moments(day, count), scene.others(count), strict=True):
            scene.read(moment, subject)


def night_reading(scene: Scene) -> None:
    """Late evenings over customers, half of them the person's own."""
    for day in scene.days:
        count = max(10, round(scene.number(50, 150) / 100 * scene.usual.touches))
        hours = np.sort(scene.rng.uniform(*EVENING, count))
        subjects = scene.own(count // 2) + scene.others(count - count // 2)
        for hour, subject in zip(hours.tolist(), subjects, strict=True):
            scene.read(scene.clock.begin(day) + HOUR_S * hour, subject)


def browsing(scene: Scene) -> None:
    """Some days over many customers of others."""
    for day in scene.days:
        count = max(18, round(scene.number(100, 300) / 100 * scene.usual.touches))
        for moment, subject in zip(scene.moments(day, count), scene.others(count), strict=True):
            scene.read(moment, subject)


def enumeration(scene: Scene) -> None:
    """Customer numbers one after the other, at human pace."""
    serial = int(scene.rng.integers(2**40))
    for day in scene.days:
        moment = scene.moments(day, 1)[0]
        for _ in range(scene.number(30, 110)):
            serial += int(scene.rng.choice([1, 1, 1, 2]))
            scene.read(moment, (scene.rng.bytes(8).hex(), serial))
            moment += 12.0 + float(scene.rng.gamma(2.0, 8.0))


def scripted_access(scene: Scene) -> None:
    """A script opens customers through the interface behind the screens."""
    for day in scene.days:
        count = scene.number(90, 350)
        pause = float(scene.rng.uniform(1.5, 9.0))
        moments = scene.moments(day, 1)[0] + np.cumsum(pause * scene.rng.gamma(40.0, 1 / 40.0, count))
        source = msgspec.structs.replace(scene.usual.reads[-1].src or Src(), channel="api")
        for moment, subject in zip(moments.tolist(), scene.others(count), strict=True):
            scene.read(moment, subject, source)


STORIES: Final = (
    Story("bulk_export", 1, bulk_export),
    Story("slow_drip", 15, slow_drip),
    Story("night_reading", 4, night_reading),
    Story("browsing", 3, browsing),
    Story("enumeration", 2, enumeration),
    Story("scripted_access", 1, scripted_access),
)
"""The kinds, told in turn."""


@dataclass(frozen=True, slots=True)
class Injected:
    """What is put into a log, and the labels of that, by real ids."""

    planting: Planting
    labels: tuple[Label, ...]


def inject(found: Survey, stories: int, seed: int, span: Span, zone: str, taken: Collection[str] = ()) -> Injected:
    """Tell stories to a log, one a person, as many as there are people for.

    Args:
        found: what is usual in the log.
        stories: how many are wanted.
        seed: of who is in them and how they go.
        span: the accounting days on which they happen.
        zone: of these days.
        taken: ids of people who are in other stories already.

    Raises:
        BacktestError: there is nobody to tell any story about.
    """
    clock = Clock(zone)
    people = [one for one in found.people if one.actor not in taken and _is_steady(one)]
    events: dict[str, list[tuple[AccessEvent, Position]]] = {}
    labels: list[Label] = []
    for person in people:
        number = len(labels)
        if number == stories:
            break
        rng = np.random.default_rng([seed, 2, number])
        story, days = _chosen(person, number, span, rng)
        if not days:
            continue
        strength = float(np.clip(rng.lognormal(0.0, 0.4), 0.5, 2.5))
        scene = Scene(person, days, found.customers, clock, rng, strength)
        story.tell(scene)
        placed = _placed(scene, found, f"injected-{seed}-{number}")
        if placed:
            events.setdefault(person.shard, []).extend(placed)
            times = [event.time for event, _ in placed]
            labels.append(Label(story.name, "insider", person.actor, min(times), max(times)))
    if not labels:
        raise BacktestError(
            f"nobody in this log has {LEAST_DAYS} active days with customers and then days enough for a story; give a "
            "longer log, or fewer days between --from and --to"
        )
    return Injected(Planting(events), tuple(labels))


def _is_steady(person: Usual) -> bool:
    return len(person.days) >= LEAST_DAYS and len(person.reads) >= LEAST_READS


def _chosen(person: Usual, number: int, span: Span, rng: np.random.Generator) -> tuple[Story, list[int]]:
    """The kind whose turn it is, or the next that the person has days for, with these; no days for none."""
    mine = [day for day in sorted(person.days) if day in span]
    turn = number % len(STORIES)
    story = next((one for one in (*STORIES[turn:], *STORIES[:turn]) if one.days <= len(mine)), STORIES[turn])
    start = int(rng.integers(max(len(mine) - story.days, 0) + 1))
    return story, mine[start : start + story.days] if len(mine) >= story.days else []


def _placed(scene: Scene, found: Survey, name: str) -> list[tuple[AccessEvent, Position]]:
    """The events with where they belong; those after the log's end have no place."""
    marks = found.marks[scene.usual.shard]
    placed = []
    for number, event in enumerate(scene.events):
        position = marks.after(event.time.timestamp())
        if position is not None:
            placed.append((msgspec.structs.replace(event, event_id=f"{name}-{number}"), position))
    return placed
