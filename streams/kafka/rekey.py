"""A stage before the detector: the same messages in another topic, each under its actor's id."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from kafka import TopicPartition, errors  # type: ignore[import-untyped]
from kafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]

from streams.deadletters import tried_again
from streams.errors import SourceError
from streams.event import AccessEvent
from streams.formats.format import Format
from streams.kafka.client import ANSWER_MS, KafkaConfig, leave, open_consumer, open_producer, servers_of, settle
from streams.kafka.letters import letter_of
from streams.kafka.message import CONTENT_TYPE, name_of, record_of
from streams.record import Record

AT_ONCE = 5_000  # messages, between two commits
WAIT_MS = 500
SESSION_MS = 10_000  # after which the partitions of a process that was killed are given to another
COMMIT_MS = 30_000
FLUSH_S = 130.0  # longer than the client goes on trying


class RekeyPlan(msgspec.Struct, frozen=True):
    """What is read, by which consumer group, and whether it ends.

    With `until_end` it ends where the partitions ended when it began. `letters` says that what is read are dead
    letters: those that still cannot be decoded are left where they are.
    """

    origin: str
    group: str = "innerwatch-rekey"
    until_end: bool = False
    letters: bool = False


class Rekey:
    """Passes messages of `plan.origin` on to `config.topic`: the bytes and headers they had, a new key.

    The key is the id of the actor that `format_` finds; a message that cannot be decoded has the empty key, so
    that the detector makes it a dead letter. What the format drops is dropped. Offsets are committed after the
    messages have arrived, so a crash repeats some and loses none; the repeats have the same event ids, which the
    guard drops. Messages get a new time, or a short retention would take a back-fill. `SourceError` when a topic
    is missing, no server answers, or a message does not arrive.
    """

    def __init__(self, config: KafkaConfig, plan: RekeyPlan, format_: Format) -> None:
        if format_.framing.kind != "lines":
            raise SourceError(
                "source.mapping takes records out of documents, but a Kafka record is one event; give a mapping whose "
                "framing is lines"
            )
        self.counts: Counter[str] = Counter()
        """Messages: keyed, undecodable, dropped; and commits that were refused, after which some come again."""
        self._config, self._plan, self._decode = config, plan, format_.decode
        self._consumer = open_consumer(
            msgspec.structs.replace(config, topic=plan.origin),
            group_id=plan.group,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
        )
        self._producer: Any = None
        try:
            self._producer = open_producer(config, compression_type="lz4")
            self._unread = self._ends()
        except BaseException:
            self.close()
            raise
        self._consumer.subscribe([plan.origin])

    @property
    def finished(self) -> bool:
        """Whether everything was passed on that there was at the beginning; never without `until_end`."""
        return self._plan.until_end and not self._unread

    def step(self) -> int:
        """Pass on what is there, at most some thousands; how many it took. Waits half a second for the first."""
        try:
            found = self._consumer.poll(timeout_ms=WAIT_MS, max_records=AT_ONCE)
            if not found:
                self._look_idle()
                return 0
        except errors.KafkaTimeoutError:
            return 0  # the broker is away; the client goes on trying
        except errors.KafkaError as error:
            raise SourceError(f"{self._plan.origin}: cannot be read ({error}); check the broker") from error
        taken = [one for messages in found.values() for one in messages]
        self._arrived([(one, future) for one in taken if (future := self._passed(one)) is not None])
        self._commit({partition: messages[-1].offset + 1 for partition, messages in found.items()})
        return len(taken)

    def close(self) -> None:
        """Leave the group and the broker; closing twice is harmless."""
        self._consumer.close()
        if self._producer is not None:
            leave(self._producer, FLUSH_S)

    def _ends(self) -> dict[TopicPartition, int]:
        """Where the partitions that hold anything end now."""
        origin = self._plan.origin
        try:
            there = [TopicPartition(origin, one) for one in self._consumer.partitions_for_topic(origin) or ()]
            if not there:
                raise SourceError(_missing(origin, self._config))
            starts = self._consumer.beginning_offsets(there, ANSWER_MS)
            ends = self._consumer.end_offsets(there, ANSWER_MS)
        except errors.KafkaError as error:
            raise SourceError(f"{origin}: {servers_of(self._config)} did not answer ({error})") from error
        try:
            self._producer.partitions_for(self._config.topic)
        except errors.KafkaError as error:
            raise SourceError(_missing(self._config.topic, self._config)) from error
        return {partition: end for partition, end in ends.items() if end > starts[partition]}

    def _passed(self, message: Any) -> Any:
        """Send one message on; None when it was left out."""
        record = self._record(message)
        event = self._decode(record) if record is not None else None
        if event is None:
            self.counts["dropped"] += 1
            return None
        if isinstance(event, AccessEvent):
            self.counts["keyed"] += 1
            key = event.actor.id.encode()
        else:
            self.counts["undecodable"] += 1
            key = b""
            if self._plan.letters:
                return None
        headers = [(name, value or b"") for name, value in message.headers]
        if self._plan.letters:  # the others say why it was rejected
            headers = [(name, value) for name, value in headers if name == CONTENT_TYPE]
        try:
            return self._producer.send(self._config.topic, message.value, key, headers)
        except errors.KafkaError as error:
            raise self._stuck(message, error) from error

    def _record(self, message: Any) -> Record | None:
        if not self._plan.letters:
            return record_of(message)
        letter = letter_of(message)
        return tried_again(letter) if letter is not None else None

    def _arrived(self, sent: list[tuple[Any, Any]]) -> None:
        """Wait for all, and look at each: a flush may end with messages that did not arrive."""
        settle(self._producer, [future for _, future in sent], FLUSH_S)
        for message, future in sent:
            if not future.succeeded():
                raise self._stuck(message, future.exception or "no answer in time")

    def _commit(self, reached: dict[TopicPartition, int]) -> None:
        try:
            offsets = {one: OffsetAndMetadata(offset, "", -1) for one, offset in reached.items()}
            self._consumer.commit(offsets, COMMIT_MS)
        except (errors.CommitFailedError, errors.KafkaTimeoutError):
            self.counts["refused"] += 1  # others have the partitions now and pass the same on, or the broker is away
            return
        except errors.KafkaError as error:
            raise SourceError(
                f"{self._plan.origin}: the group {self._plan.group} cannot commit ({error}); check our rights"
            ) from error
        for partition, offset in reached.items():
            if offset >= self._unread.get(partition, offset + 1):
                del self._unread[partition]

    def _look_idle(self) -> None:
        """What ends in marks of transactions, or was read by others of the group, is read as well."""
        ours = self._consumer.assignment()
        for partition, end in list(self._unread.items()) if self._plan.until_end else ():
            ask = self._consumer.position if partition in ours else self._consumer.committed
            if (ask(partition, timeout_ms=ANSWER_MS) or 0) >= end:
                del self._unread[partition]

    def _stuck(self, message: Any, error: object) -> SourceError:
        where = f"{name_of(message.topic, message.partition)}@{message.offset}"
        return SourceError(
            f"{where}: did not arrive in {self._config.topic} at {servers_of(self._config)} ({error}); check the "
            "broker, our rights, and max.message.bytes of the topic, then go on: nothing is lost"
        )


def _missing(topic: str, config: KafkaConfig) -> str:
    return f"{topic}: no such topic at {servers_of(config)}, or not ours to use; make it, or check its name"
