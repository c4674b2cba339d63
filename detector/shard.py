"""Hops 2 to 7 for one shard: records in, alerts that opened or changed out; a pure function of the log."""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from alerts.alert import Alert
from alerts.condense import Condenser, CondenserConfig, Reason
from detector.calendar import DAY_S
from detector.closing import Closed
from detector.config import Config
from detector.context import Context, check_of
from detector.engine import Engine
from detector.errors import CheckpointError
from detector.people import STRANGERS_GROUP
from detector.priors import REFINED, REFINED_GROUPS
from detector.snapshot import State
from detector.state import packed_values, unpacked_values
from detector.telling import Told
from streams import (
    STDIN,
    Admitted,
    Format,
    Framing,
    Guard,
    GuardConfig,
    Position,
    Record,
    Rejected,
    Tokens,
    open_format,
)
from streams import Reason as Refusal

SHARD: Final = "0"
"""The name of the only shard of files: their positions say the rest."""
CROWD_NAME: Final = "E-crowd"
"""Stands for all actors for whom there was no room."""

WRONG_KEY: Final = (
    "the message's key is not the actor's id, so another partition may hold part of this actor's history; produce "
    "with that key, or put innerwatch rekey before it"
)


class Known(msgspec.Struct, frozen=True, array_like=True):
    """Who is behind a pseudonym: the actor's id, role and department as far as they are known."""

    id: str
    role: str | None
    department: str | None


def pseudonym_of(tokens: Tokens, actor: str) -> str:
    """The name under which an actor appears everywhere outside this process.

    >>> pseudonym_of(Tokens(b"sixteen byte key"), "E1042")
    'E-ba191438c8ba2190'
    """
    return f"E-{tokens.token('actor', actor)}" if actor else CROWD_NAME


def partition_shard(topic: str, partition: int, count: int) -> str:
    """The name of the shard of a topic's partition: another one when the topic has another number of partitions.

    >>> partition_shard("access-events", 3, 4)
    'access-events-3-of-4'
    """
    return f"{topic}-{partition}-of-{count}"


def partition_count(topic: str, shard: str) -> int | None:
    """How many partitions the topic had when the shard was named; ``None`` for a shard of another topic.

    >>> partition_count("access-events", "access-events-3-of-4"), partition_count("access-events", "0")
    (4, None)
    """
    found = re.fullmatch(re.escape(topic) + r"-\d+-of-(\d+)", shard)
    return int(found[1]) if found is not None else None


def place_of(position: Position, paths: Sequence[str]) -> str:
    """A position as alerts name it: the same wherever the log was put, and different for every input of it.

    >>> place_of(Position("/data/log/march/a.jsonl", 7), ["/data/log"])
    'march/a.jsonl@7'
    >>> place_of(Position("a.jsonl", 7), ["a.jsonl"])
    'a.jsonl@7'
    >>> place_of(Position("b/a.jsonl", 7), ["a/a.jsonl", "b/a.jsonl"])
    'b/a.jsonl@7'
    """
    files = [os.path.abspath(path) for path in paths if path != STDIN]  # noqa: PTH100 - links are not followed
    if position.source == STDIN or not files:
        return str(position)
    name = os.path.relpath(position.source, os.path.commonpath(files))
    return f"{Path(position.source).name if name == os.curdir else name}@{position.offset}"


class Shard:
    """Everything between a source of records and its alerts.

    However the records are cut into calls, the alerts, the counts and the dead letters are the same.

    Args:
        name: part of its alerts' ids.
        config: the configuration.
        context: roster, honey subjects and calendar.
        tokens: makes the pseudonyms.
        reject: is given every rejected record, in order.
    """

    def __init__(
        self, name: str, config: Config, context: Context, tokens: Tokens, reject: Callable[[Rejected], None]
    ) -> None:
        self.name = name
        self.engine = Engine(config, context)
        self.counts: Counter[str] = Counter()
        """Totals by name: records, events, late, duplicates, dropped, unknown_keys, rejected.*, findings.*, alerts
        and alerts.*, employee_days, days.* by what the gate decided, feedback.*."""
        self.known: dict[str, Known] = {}
        """Who is behind the pseudonyms that have alerts."""
        self.format: Format = open_format(config.source.mapping, tokens)
        """Decodes its records."""
        self._tokens, self._reject_one = tokens, reject
        self.mapping, self._paths = config.source.mapping, config.source.paths
        self._asks_key = config.source.kafka.key == "actor"
        intake = config.intake
        self._guard = Guard(GuardConfig(intake.lateness_s, intake.skew_s, intake.duplicates))
        episode_s = config.risk.episode_days * DAY_S
        self._condenser = Condenser(CondenserConfig(episode_s=episode_s, zone=config.time.zone))
        self._refine(context)

    def process(self, records: Sequence[Record]) -> list[Alert]:
        """Take in records in order; the alerts that opened or changed, each in its latest state."""
        decided: list[Admitted | Rejected] = []
        asks_key = self._asks_key
        for record in records:
            event = self.format.decode(record)
            if isinstance(event, Rejected):
                decided.append(event)
            elif event is not None:
                if asks_key and record.key is not None and record.key != event.actor.id.encode():
                    decided.append(record.rejected(Refusal.WRONG_KEY, WRONG_KEY))
                else:
                    decided += self._guard.admit(event, record)
        self.counts["records"] += len(records)
        return self._judge(decided)

    def adopt(self, context: Context) -> None:
        """Go by another context from the next record on."""
        names = {lesson.actor for lesson in context.lessons}
        actors = {name: self.known[name].id for name in sorted(names & self.known.keys())}
        if unknown := names - actors.keys():  # an exception may be about somebody who has had no alert
            found = {pseudonym_of(self._tokens, actor): actor for actor in self.engine.people.ids}
            actors |= {name: found[name] for name in sorted(unknown & found.keys())}
        former = self.engine.context.champion
        self.engine.adopt(context, actors)
        if context.champion is not former:
            self._refine(context)

    def conclude(self, arrived: float | None) -> list[Alert]:
        """The log ends here: judge what was held back and close the open days.

        Args:
            arrived: when the input is known to have existed, Unix seconds; events held back for being ahead of the log
                are admitted up to then. ``None`` rejects them all.
        """
        changed = self._judge(self._guard.flush(arrived))
        self.engine.finish()
        return changed

    def closed(self) -> list[Closed]:
        """The days closed since the last call."""
        closed = self.engine.closed()
        self.counts["employee_days"] += sum(len(day.rows) for day in closed)
        self.counts.update({f"days.{name}": days for name, days in self.engine.gate.decided().items()})
        self.counts.update({f"feedback.{number}": days for number, days in self.engine.lessons.differences().items()})
        return closed

    @property
    def holding(self) -> int:
        """Events that are ahead of the log and wait for it."""
        return self._guard.holding

    @property
    def framing(self) -> Framing:
        """How the files are cut into records."""
        return self.format.framing

    def pseudonym(self, actor: str) -> str:
        """The pseudonym of an actor id."""
        return pseudonym_of(self._tokens, actor)

    def snapshot(self) -> State:
        """Everything to go on from here, as arrays by name."""
        own = {
            "key": check_of(self._tokens),
            "mapping": self.mapping,
            "counts": dict(sorted(self.counts.items())),
            "known": msgspec.to_builtins(dict(sorted(self.known.items()))),
            "guard": self._guard.snapshot(),
            "condenser": self._condenser.snapshot(),
        }
        return {"shard": packed_values(own)} | {f"engine/{k}": v for k, v in self.engine.snapshot().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot of a shard with the same key, mapping and detections.

        Raises:
            CheckpointError: one of them is another.
        """
        own = unpacked_values(state["shard"])
        if own["key"] != check_of(self._tokens):
            raise CheckpointError(
                "the saved state was made with another key, so that nobody in it would be recognised; give that key "
                "by privacy.key_file, or begin with an empty state folder"
            )
        if own["mapping"] != self.mapping:
            raise CheckpointError(
                f"the saved state was made with the mapping {own['mapping']!r}, not {self.mapping!r}; give that "
                "one, or begin with an empty state folder"
            )
        self.counts = Counter(own["counts"])
        self.known = msgspec.convert(own["known"], dict[str, Known])
        self._guard.restore(own["guard"])
        self._condenser.restore(own["condenser"])
        self.engine.restore({k.removeprefix("engine/"): v for k, v in state.items() if k.startswith("engine/")})

    def _refine(self, context: Context) -> None:
        """Go by the peer groups of the context's champion, which knows people by their pseudonyms."""
        priors = context.champion.priors if context.champion is not None else {}
        actors, groups = (priors[name].tolist() if name in priors else [] for name in (REFINED, REFINED_GROUPS))
        known = dict(zip(actors, groups, strict=True))
        self.engine.refine(lambda actor: known.get(pseudonym_of(self._tokens, actor), "") if known else "")

    def _judge(self, decided: Sequence[Admitted | Rejected]) -> list[Alert]:
        admitted = [item for item in decided if isinstance(item, Admitted)]
        for item in decided if len(admitted) < len(decided) else ():
            if isinstance(item, Rejected):
                self.counts[f"rejected.{item.reason.value}"] += 1
                self._reject_one(item)
        self.counts["events"] += len(admitted)
        self.counts["late"] += sum([item.late for item in admitted])
        self.counts["duplicates"] = self._guard.duplicates
        self._count_ignored()
        changed: dict[str, Alert] = {}
        for told in self.engine.process(admitted):
            self._submit(told, changed)
        self.counts["crowded"] = self.engine.people.crowded
        return list(changed.values())

    def _submit(self, told: Told, changed: dict[str, Alert]) -> None:
        for finding in told.findings:
            self.counts[f"findings.{finding.detection}"] += 1
        name = self.pseudonym(told.actor)
        self.known[name] = known = self._who(told.actor)
        decision = self._condenser.submit(
            name, told.findings, told.risk, told.time, self.name, place_of(told.position, self._paths)
        )
        if decision.reason is Reason.OPENED:
            self.counts["alerts"] += 1
            self.counts[f"alerts.{decision.alert.severity.value}"] += 1
        if decision.reason is not Reason.UNCHANGED:
            alert = msgspec.structs.replace(decision.alert, role=known.role, department=known.department)
            changed[alert.alert_id] = alert
            if self.engine.tap is not None:
                self.engine.tap.changed(alert)

    def _who(self, actor: str) -> Known:
        people = self.engine.people
        row = people.find(actor)
        person = people.persons[row] if row is not None else None
        if person is not None:
            return Known(actor, person.role or None, person.department or None)
        group = people.group_names[people.groups[row]] if row is not None else STRANGERS_GROUP
        return Known(actor, None if group == STRANGERS_GROUP else group, None)

    def _count_ignored(self) -> None:
        ignored = self.format.counts
        self.counts["unknown_keys"] += sum(ignored.unknown.values())
        self.counts["dropped"] += ignored.dropped
        ignored.unknown.clear()
        ignored.dropped = 0
