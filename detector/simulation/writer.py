"""Writes accesses as records of the input contract, in the order in which they would arrive."""

from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
import numpy as np

from detector.simulation.calendar import HOUR_S
from detector.simulation.roles import ROLES
from detector.simulation.steps import FIELDS, Step
from detector.simulation.world import Access, Place, World

JITTER_S = 20.0  # accesses overtake each other by less than this
OVERTAKEN = 0.1  # share of accesses
LATE = 0.0004  # share of accesses that a source delivers hours late
MOST_LABELLED = 200
NO_RECORDS = ("login", "logout", "grant")


class _Actor(msgspec.Struct):
    id: str
    role: str
    department: str
    type: str


class _Resource(msgspec.Struct):
    system: str
    type: str
    id: str


class _Records(msgspec.Struct):
    count: int
    bytes: int


class _Data(msgspec.Struct):
    level: str = msgspec.field(name="class")
    fields: tuple[str, ...] = ()


class _Source(msgspec.Struct):
    ip: str
    host: str
    channel: str
    user_agent: str


class _Session(msgspec.Struct):
    id: str


class _Record(msgspec.Struct, omit_defaults=True):
    event_id: str
    time: str
    actor: _Actor
    action: str
    resource: _Resource
    outcome: str
    subjects: list[str] = []
    records: _Records | None = None
    data: _Data | None = None
    masked: bool | None = None
    purpose: str = ""
    src: _Source | None = None
    session: _Session | None = None


class EventWriter:
    """Writes `events.jsonl`; remembers the event ids of stories.

    Args:
        path: The file, replaced if it exists.
        world: The insurer, for names of people, and its calendar.
        rng: The source of delays and sizes.
    """

    def __init__(self, path: Path, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._file: BinaryIO = path.open("wb")
        self._waiting: list[tuple[float, Access]] = []
        self._encode = msgspec.json.Encoder()
        self._actors: dict[tuple[int, int], _Actor] = {}
        self._sources: dict[tuple[Place, str], _Source] = {}
        self._data: dict[Step, _Data] = {}
        self.written = 0
        self.story_events: dict[int, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, accesses: Iterable[Access], until_s: float) -> None:
        """Add accesses and write all that arrive before `until_s`; what arrives later waits."""
        fresh = list(accesses)
        delay = self._rng.uniform(0.0, JITTER_S, len(fresh)) * (self._rng.random(len(fresh)) < OVERTAKEN)
        late = self._rng.random(len(fresh)) < LATE
        delay[late] += self._rng.exponential(1.5 * HOUR_S, int(late.sum()))
        self._waiting.extend((access.time_s + wait, access) for access, wait in zip(fresh, delay.tolist(), strict=True))
        self._waiting.sort(key=itemgetter(0))
        ready = [access for arrival, access in self._waiting if arrival < until_s]
        del self._waiting[: len(ready)]
        moments = np.array([access.time_s for access in ready]) * 1000.0 + 8 * HOUR_S * 1000.0
        texts = np.datetime_as_string(moments.astype(np.int64).astype("datetime64[ms]"), unit="ms").tolist()
        sizes = np.rint(self._rng.lognormal(6.2, 0.4, len(ready))).astype(np.int64).tolist()
        lines = []
        for access, text, size in zip(ready, texts, sizes, strict=True):
            lines.append(self._encode.encode(self._record(access, text, size)))
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")

    def _record(self, access: Access, text: str, size: int) -> _Record:
        step, person = access.step, access.person
        self.written += 1
        event_id = f"ev-{self.written:08d}"
        if access.story >= 0:
            known = self.story_events.setdefault(access.story, [])
            if len(known) < MOST_LABELLED:
                known.append(event_id)
        record = _Record(
            event_id, text + "+08:00", self._actor(access), step.action,
            _Resource(step.system, step.kind, self._resource_id(access)), access.outcome,
        )  # fmt: skip
        if access.subjects:
            record.subjects = [f"C-{number}" for number in access.subjects]
        if step.action not in NO_RECORDS:
            record.records = _Records(access.rows, access.rows * size)
            record.masked = access.masked
            if step not in self._data:
                self._data[step] = _Data(step.level, FIELDS[step.fields])
            record.data = self._data[step]
        record.purpose = access.purpose
        record.src = self._source(access.place, step.channel)
        day = int((access.time_s - self._world.calendar.midnights_s[0]) // (24 * HOUR_S))
        code = (day * 9973 + person * 131 + access.part * 17) * 2_654_435_761 % 2**32
        record.session = _Session(f"s-{code:08x}")
        return record

    def _actor(self, access: Access) -> _Actor:
        who = self._world.people[access.person]
        first = self._world.calendar.midnights_s[0]
        day = min(max(int((access.time_s - first) // (24 * HOUR_S)), 0), self._world.config.days - 1)
        role = int(self._world.schedule.role[access.person, day])
        key = (access.person, role)
        if key not in self._actors:
            name = ROLES[role].name if role >= 0 else who.role
            self._actors[key] = _Actor(who.id, name, who.department, who.type)
        return self._actors[key]

    def _source(self, place: Place, channel: str) -> _Source:
        key = (place, channel)
        if key not in self._sources:
            self._sources[key] = _Source(place.ip, place.host, channel, place.agent)
        return self._sources[key]

    def _resource_id(self, access: Access) -> str:
        step = access.step
        if step.name:
            return step.name
        if step.reach == "case" and access.subjects:
            return f"{step.kind}-{access.subjects[0] * 7 + len(step.kind)}"
        return f"{step.kind}-{int(access.time_s) % 99_991}"
