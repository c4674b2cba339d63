"""What is known beside the events: who works here, what is planted, whose holidays count, what was trained."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from alerts.store import Store
from detector.bundles import present_bundles
from detector.calendar import Calendar, read_overrides
from detector.config import Config, TimeConfig
from detector.errors import CheckpointError, ContextError
from detector.lessons import Lesson, lessons_of
from detector.roster import Person, read_roster, read_subjects
from streams import Tokens

if TYPE_CHECKING:
    from models.bundles import Bundle

SCHEMA: Final = "innerwatch-context/1"


@dataclass(frozen=True)
class Context:
    """What a shard goes by, part of its state: see ``detector/trail.py``.

    Attributes:
        roster: people by actor id; empty if there is no roster.
        honey: tokens of planted subjects as numbers, sorted, (h,) uint64.
        calendar: local time and working days.
        key: tells with which key the tokens were made, without telling the key.
        complaints: what could not be understood and was left out, in words without anybody's data.
        lessons: what analysts' verdicts teach, by number.
        champion: the bundle whose learners judge; ``None`` leaves it to the online models.
        challenger: the bundle that is scored beside them and never tells.
    """

    roster: Mapping[str, Person]
    honey: NDArray[np.uint64]
    calendar: Calendar
    key: str = ""
    complaints: tuple[str, ...] = field(default=(), compare=False)
    lessons: tuple[Lesson, ...] = ()
    champion: "Bundle | None" = None
    challenger: "Bundle | None" = None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the canonical form, in hexadecimal: the same for contexts that judge alike."""
        return sha256(self._canonical).hexdigest()

    @cached_property
    def body(self) -> bytes:
        """The canonical form, compressed, from which ``context_of`` makes the context again."""
        return zstandard.ZstdCompressor().compress(self._canonical)

    @property
    def _canonical(self) -> bytes:
        """JSON of what the detector uses and no more: no names of people, and tokens and digests for the rest."""
        people = [
            _Row(one.id, one.role, one.department, one.zone.key if one.zone else "", one.shift, one.leave)
            for _, one in sorted(self.roster.items())
        ]
        honey = [f"{token:016x}" for token in self.honey.tolist()]
        overrides = sorted(self.calendar.overrides.items())
        champion, challenger = (one.digest if one is not None else "" for one in (self.champion, self.challenger))
        body = _Body(SCHEMA, self.key, people, honey, overrides, self.lessons, champion, challenger)
        return msgspec.json.encode(body)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    id: str
    role: str
    department: str
    zone: str
    shift: tuple[time, time] | None
    leave: tuple[tuple[date, date], ...]


class _Body(msgspec.Struct, frozen=True, omit_defaults=True):
    schema: str
    key: str
    roster: list[_Row]
    honey: list[str]
    calendar: list[tuple[date, bool]]
    lessons: tuple[Lesson, ...] = ()
    champion: str = ""
    challenger: str = ""


def context_of(
    body: bytes,
    digest: str,
    time_config: TimeConfig,
    tokens: Tokens,
    bundle_of: "Callable[[str], Bundle] | None" = None,
) -> Context:
    """The context of a body, on the clock of the configuration.

    Args:
        body: as ``Context.body`` gave it.
        digest: what it stands for.
        time_config: whose clock.
        tokens: of the key with which it was made.
        bundle_of: gives the bundle of a digest; without it bundles are left out, and the digest is another.

    Raises:
        CheckpointError: the body is not what the digest stands for, or was made with another key.
        RefusedBundleError, StoreError: what ``bundle_of`` raises.
    """
    try:
        plain = zstandard.ZstdDecompressor().decompress(body)
        if sha256(plain).hexdigest() != digest:
            raise CheckpointError(f"the context {digest[:12]} is damaged: its checksum is wrong; restore a backup")
        found = msgspec.json.decode(plain, type=_Body)
    except (zstandard.ZstdError, msgspec.DecodeError, UnicodeError) as error:
        raise CheckpointError(f"the context {digest[:12]} cannot be read ({error}); restore a backup") from error
    if found.schema != SCHEMA:
        raise CheckpointError(f"the context {digest[:12]} is of another schema; use the release that wrote it")
    if found.key != check_of(tokens):
        raise CheckpointError(
            f"the context {digest[:12]} was made with another key, so that no planted record would be recognised; "
            "give that key by privacy.key_file"
        )
    people = (
        Person(
            id=row.id,
            role=row.role,
            department=row.department,
            zone=ZoneInfo(row.zone) if row.zone else None,
            shift=row.shift,
            leave=row.leave,
        )
        for row in found.roster
    )
    return Context(
        roster={person.id: person for person in people},
        honey=np.array([int(token, 16) for token in found.honey], np.uint64),
        calendar=Calendar(time_config.zone, time_config.country, dict(found.calendar)),
        key=found.key,
        lessons=found.lessons,
        champion=bundle_of(found.champion) if bundle_of is not None and found.champion else None,
        challenger=bundle_of(found.challenger) if bundle_of is not None and found.challenger else None,
    )


def check_of(tokens: Tokens) -> str:
    """A word that tells one key from another."""
    return tokens.token("check", "key")


def read_context(config: Config, tokens: Tokens) -> Context:
    """Read every context file that the configuration names, or its topic.

    Of a topic, what is malformed is left out and complained of.

    Raises:
        ContextError: a file cannot be read, or a line is malformed; the message names file, line and column.
        SourceError: there is no such topic, or it cannot be read.
    """
    files, times = config.context, config.time
    if files.topic:
        return _read_topic(config, tokens)
    honey = read_subjects(files.honey) if files.honey is not None else ()
    if files.vips is not None:
        read_subjects(files.vips)
    if files.assignments is not None and not files.assignments.is_file():
        raise ContextError(f"{files.assignments}: no such file of assignments; check context.assignments")
    return Context(
        roster=read_roster(files.roster) if files.roster is not None else {},
        honey=planted(honey, tokens),
        calendar=Calendar(
            times.zone, times.country, read_overrides(times.calendar) if times.calendar is not None else None
        ),
        key=check_of(tokens),
    )


def present_context(config: Config, tokens: Tokens, store: Store | None, former: Context | None = None) -> Context:
    """Everything that is known now: ``read_context``, and what the store says of verdicts and of bundles.

    Args:
        config: what is read.
        tokens: of the key of this installation.
        store: has verdicts and the registry of bundles; ``None`` leaves both as they were.
        former: what a live run had until now: files are not read again, and a champion that is refused is complained of
            and leaves the former one. The same one is given back if nothing has changed.

    Raises:
        ContextError, SourceError, StoreError: as there, or the store cannot be read.
        RefusedBundleError: the champion is refused, and there is no former context.
    """
    again = former is not None and not config.context.topic
    read = former if former is not None and again else read_context(config, tokens)
    if store is None:
        return read
    known = with_lessons(read, store)
    champion, challenger, refused = present_bundles(store, config.bundles, former)
    complaints = (*(() if again else read.complaints), *refused)
    if known.champion is champion and known.challenger is challenger and known.complaints == complaints:
        return known
    return replace(known, champion=champion, challenger=challenger, complaints=complaints)


def with_lessons(context: Context, store: Store | None) -> Context:
    """A context with what the verdicts in the store say now; the same one if that is what it has."""
    lessons = lessons_of(store.feedback()) if store is not None else context.lessons
    return context if lessons == context.lessons else replace(context, lessons=lessons)


def _read_topic(config: Config, tokens: Tokens) -> Context:
    if not config.source.kafka.servers:
        raise ContextError(
            "context.topic is read at source.kafka.servers, which is not set or replaced by the files named on the "
            "command line; name the context's files there too, such as --roster"
        )
    # The client takes a seventh of a second to import, which a log of files should not pay.
    from detector.context_topic import Entries  # noqa: PLC0415
    from streams.kafka import read_table  # noqa: PLC0415

    found = Entries(read_table(config.source.kafka.client(), config.context.topic))
    return Context(
        roster=found.roster,
        honey=planted(found.honey, tokens),
        calendar=Calendar(config.time.zone, config.time.country, found.overrides),
        key=check_of(tokens),
        complaints=tuple(found.complaints),
    )


def planted(subjects: Iterable[str], tokens: Tokens) -> NDArray[np.uint64]:
    """The tokens of subjects as the numbers that events carry, sorted, each once."""
    return np.unique(np.array([int(tokens.token("subject", subject), 16) for subject in subjects], np.uint64))
