"""Topics as the broker has them: made when missing, and what about them would lose or cut records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from kafka import errors  # type: ignore[import-untyped]
from kafka.admin import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]

from streams.errors import SourceError
from streams.kafka.client import KafkaConfig, open_admin, servers_of
from streams.sources.source import MAX_RECORD_BYTES

Use = Literal["source", "alerts", "dead_letters", "context"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ENVELOPE_BYTES = 16_384  # room for keys, headers and framing around a record
LETTER_LIMIT = 2 * MAX_RECORD_BYTES  # so that no record is too large to be a dead letter
SETTINGS_OF: dict[Use, dict[str, str]] = {
    "dead_letters": {"max.message.bytes": str(LETTER_LIMIT)},
    "context": {"cleanup.policy": "compact"},
}
"""What a topic is made with, where that is not the broker's to say."""
SETTINGS = ("cleanup.policy", "max.message.bytes", "min.insync.replicas", "retention.bytes", "retention.ms")


class Topic(msgspec.Struct, frozen=True):
    """What is so about a topic; `settings` has no values when we may not see them, `rights` is None if unknown."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]
    rights: frozenset[str] | None

    def number(self, setting: str) -> int | None:
        """A setting as a number, None when it cannot be seen."""
        return int(self.settings[setting]) if setting in self.settings else None

    def __str__(self) -> str:
        limit, insync = self.number("max.message.bytes"), self.number("min.insync.replicas")
        return (
            f"{self.name}: {self.partitions} partitions, replication {self.replication}, min.insync.replicas "
            f"{insync or 'unknown'}, {_kept(self)}, messages of at most {limit or 'unknown'} bytes"
        )


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a topic, and what to do; a `grave` one must be mended."""

    grave: bool
    words: str


class Topics:
    """Makes and describes topics; `SourceError` when the servers refuse or do not answer."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._admin = open_admin(config)

    def describe(self, name: str) -> Topic | None:
        """The topic; None when there is none, or none that we may know of."""
        try:
            (found,) = self._admin.describe_topics([name])
            if found["error_code"] == errors.UnknownTopicOrPartitionError.errno:
                return None
            if found["error_code"]:
                raise errors.for_code(found["error_code"])
            resource = ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(SETTINGS))
            settings = self._admin.describe_configs([resource], config_filter="all")["topic"][name]
        except errors.KafkaError as error:
            raise self._failed(name, "cannot be described", error) from error
        rights = found["authorized_operations"]
        return Topic(
            name,
            len(found["partitions"]),
            min((len(one["replica_nodes"]) for one in found["partitions"]), default=0),
            {key: value["value"] for key, value in settings.items()},
            frozenset(rights) if rights else None,
        )

    def make(self, name: str, partitions: int, replication: int, use: Use) -> bool:
        """Make the topic unless there is one, which stays as it is; whether it was made."""
        settings = SETTINGS_OF.get(use, {})
        wanted = {"num_partitions": partitions, "replication_factor": replication, "configs": settings}
        try:
            (made,) = self._admin.create_topics({name: wanted}, raise_errors=False)["topics"]
            if made["error_code"] == errors.TopicAlreadyExistsError.errno:
                return False
            if made["error_code"]:
                raise errors.for_code(made["error_code"])(made.get("error_message") or "")
            self._admin.wait_for_topics([name])
        except errors.KafkaError as error:
            raise self._failed(name, "cannot be made", error) from error
        return True

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        self._admin.close()

    def _failed(self, name: str, what: str, error: Any) -> SourceError:
        return SourceError(f"{name}: {what} at {servers_of(self._config)} ({error}); check the topic and our rights")


def faults_of(topic: Topic, use: Use) -> Iterator[Fault]:
    """What would lose or cut records in a topic of this use, grave or not."""
    need = "READ" if use in ("source", "context") else "WRITE"
    if topic.rights is not None and need not in topic.rights:
        yield Fault(True, f"we may not {need.lower()} it; grant {need} to our user")
    if not topic.settings:
        yield Fault(False, "its settings cannot be seen; grant DESCRIBE_CONFIGS to our user")
    if use == "context" and topic.settings and topic.settings["cleanup.policy"] != "compact":
        yield Fault(True, "what is old in it is deleted, the last word on a key too; set cleanup.policy=compact")
    if use in ("source", "dead_letters") and "compact" in topic.settings.get("cleanup.policy", ""):
        yield Fault(
            True, "it is compacted, so that all but the last record of a key disappear; set cleanup.policy=delete"
        )
    if topic.replication == 1:
        yield Fault(False, "there is one copy of it: what its broker loses is gone")
    elif topic.replication <= (topic.number("min.insync.replicas") or 0):
        yield Fault(False, "one broker away stops all writing; set min.insync.replicas below the replication")
    retention, limit = topic.number("retention.ms"), topic.number("max.message.bytes")
    if use in ("source", "dead_letters") and retention is not None and 0 <= retention < DAY_MS:
        yield Fault(False, f"{_span(retention)} is soon: what is not read by then is gone; set retention.ms to days")
    if use == "source" and limit is not None and limit > MAX_RECORD_BYTES + ENVELOPE_BYTES:
        yield Fault(False, f"records longer than {MAX_RECORD_BYTES} bytes are rejected, though it takes them")
    if use == "dead_letters" and limit is not None and limit < MAX_RECORD_BYTES + ENVELOPE_BYTES:
        yield Fault(False, f"a record near {limit} bytes would be kept cut; set max.message.bytes={LETTER_LIMIT}")


def _kept(topic: Topic) -> str:
    retention, size = topic.number("retention.ms"), topic.number("retention.bytes")
    if retention is None:
        return "retention unknown"
    words = "kept for ever" if retention < 0 else f"kept {_span(retention)}"
    return words if size is None or size < 0 else f"{words} or {size} bytes a partition"


def _span(milliseconds: int) -> str:
    """A time in words.

    >>> _span(7 * DAY_MS), _span(90 * 60_000)
    ('7.0 days', '1.5 hours')
    """
    if milliseconds >= DAY_MS:
        return f"{milliseconds / DAY_MS:.1f} days"
    return f"{milliseconds / HOUR_MS:.1f} hours"
