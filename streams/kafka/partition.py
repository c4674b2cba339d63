"""One partition of a Kafka topic, read like a file: offsets are ours, the broker remembers nothing for us."""

from __future__ import annotations

import kafka  # type: ignore[import-untyped]
from kafka import errors

from streams.errors import SourceError
from streams.kafka.client import ANSWER_MS, KafkaConfig, absent, open_consumer, servers_of
from streams.kafka.message import record_of
from streams.position import Position
from streams.record import Record

WAIT_MS = 500  # for records to come; a signal is heard within this time


class KafkaPartition:
    """The records of one partition from its first offset, or from where `resume` stands.

    With `follow` it waits for more for ever; without, it ends where the partition ended when it was opened.
    Values are given as the bytes they are; a tombstone is an empty record. Records of aborted transactions
    are not given. A broker that is away is waited for.

    `SourceError` when no server answers, the topic or partition does not exist, or the partition no longer,
    or never, had the offset to resume at.
    """

    def __init__(self, config: KafkaConfig, resume: Position | None = None, *, follow: bool = False) -> None:
        if resume is not None and resume.source != config.name:
            raise SourceError(
                f"cannot resume at {resume} in {config.name}; name that topic and partition in source.kafka, or "
                "begin with new state"
            )
        self._config = config
        self._follow = follow
        self._partition = kafka.TopicPartition(config.topic, config.partition)
        self._consumer = open_consumer(config, group_id=None)
        try:
            self._start, self._end = self._bounds()
            self._offset = self._start if resume is None else self._resumed(resume.offset)
            self._first = self._offset
            self._consumer.assign([self._partition])
            self._consumer.seek(self._partition, self._offset)
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> Position:
        """After the last record given."""
        return Position(self._config.name, self._offset)

    @property
    def finished(self) -> bool:
        """Whether the offset was reached at which the partition ended when it was opened; never with `follow`."""
        return not self._follow and self._offset >= self._end

    @property
    def progress(self) -> tuple[int, int]:
        """Records done, and in all as far as that is known."""
        return self._offset - self._first, 0 if self._follow else max(self._end, self._offset) - self._first

    def next_batch(self, limit: int) -> list[Record]:
        """At most `limit` records; waits half a second for the first."""
        if self.finished:
            return []
        if not self._follow:
            limit = min(limit, self._end - self._offset)
        try:
            found = self._consumer.poll(timeout_ms=WAIT_MS, max_records=limit).get(self._partition, [])
            # Without records the position may still move, past the marks that transactions leave.
            self._offset = found[-1].offset + 1 if found else self._consumer.position(self._partition, ANSWER_MS)
        except errors.OffsetOutOfRangeError as error:
            self._start, self._end = self._bounds()  # as it is now, for the message
            raise SourceError(self._gone(self._offset)) from error
        except errors.KafkaTimeoutError:
            return []  # the broker is away; the client goes on trying
        except errors.KafkaError as error:
            raise SourceError(f"{self._config.name}: cannot be read ({error}); check the broker") from error
        return [record_of(one) for one in found]

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        self._consumer.close()

    def _bounds(self) -> tuple[int, int]:
        config, partition = self._config, self._partition
        try:
            there = self._consumer.partitions_for_topic(config.topic) or set()
            if config.partition not in there:
                raise SourceError(absent(config, there))
            start = self._consumer.beginning_offsets([partition], ANSWER_MS)[partition]
            return start, self._consumer.end_offsets([partition], ANSWER_MS)[partition]
        except errors.KafkaError as error:
            raise SourceError(
                f"{config.name}: {servers_of(config)} did not answer ({error}); check the broker"
            ) from error

    def _resumed(self, offset: int) -> int:
        if not self._start <= offset <= self._end:
            raise SourceError(self._gone(offset))
        return offset

    def _gone(self, offset: int) -> str:
        return (
            f"{self._config.name}: cannot resume at offset {offset}, the partition holds {self._start} to {self._end}: "
            "records were deleted before they were read, or the topic was made anew; begin with new state, and mind "
            "the gap"
        )
