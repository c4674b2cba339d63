"""One partition of a Kafka topic, read like a file: offsets are ours, the broker remembers nothing for us."""

from __future__ import annotations

import kafka  # type: ignore[import-untyped]
from kafka import errors

from streams.errors import SourceError
from streams.kafka.client import ANSWER_MS, KafkaConfig, bounds_of, gone, open_consumer, require_topic
from streams.kafka.message import name_of, record_of
from streams.position import Position
from streams.record import Record

WAIT_MS = 500  # for records to come; a signal is heard within this time


class KafkaPartition:
    """The records of one partition, from its first offset or from where `resume` stands to its end when it was opened.

    Values are given as the bytes they are; a tombstone is an empty record. Records of aborted transactions
    are not given. A broker that is away is waited for.

    `SourceError` when no server answers, the topic or partition does not exist, or the partition no longer,
    or never, had the offset to resume at.
    """

    def __init__(self, config: KafkaConfig, partition: int, resume: Position | None = None) -> None:
        self._name = name_of(config.topic, partition)
        if resume is not None and resume.source != self._name:
            raise SourceError(
                f"cannot resume at {resume} in {self._name}; name that topic in source.kafka, or begin with new state"
            )
        self._config = config
        self._partition = kafka.TopicPartition(config.topic, partition)
        self._consumer = open_consumer(config, group_id=None)
        try:
            start, self._end = self._bounds()
            self._offset = self._first = start if resume is None else self._held(resume.offset, start)
            self._consumer.assign([self._partition])
            self._consumer.seek(self._partition, self._offset)
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> Position:
        """After the last record given."""
        return Position(self._name, self._offset)

    @property
    def finished(self) -> bool:
        """Whether the offset was reached at which the partition ended when it was opened."""
        return self._offset >= self._end

    @property
    def progress(self) -> tuple[int, int]:
        """Records done, and in all as far as that is known."""
        return self._offset - self._first, max(self._end, self._offset) - self._first

    def next_batch(self, limit: int) -> list[Record]:
        """At most `limit` records; waits half a second for the first."""
        if self.finished:
            return []
        limit = min(limit, self._end - self._offset)
        try:
            found = self._consumer.poll(timeout_ms=WAIT_MS, max_records=limit).get(self._partition, [])
            # Without records the position may still move, past the marks that transactions leave.
            self._offset = found[-1].offset + 1 if found else self._consumer.position(self._partition, ANSWER_MS)
        except errors.OffsetOutOfRangeError as error:
            raise SourceError(gone(self._name, self._offset, self._bounds())) from error
        except errors.RetriableError:
            return []  # the broker is away; the client goes on trying
        except errors.KafkaError as error:
            raise SourceError(f"{self._name}: cannot be read ({error}); check the broker") from error
        return [record_of(one) for one in found]

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        self._consumer.close()

    def _held(self, offset: int, start: int) -> int:
        if not start <= offset <= self._end:
            raise SourceError(gone(self._name, offset, (start, self._end)))
        return offset

    def _bounds(self) -> tuple[int, int]:
        there = require_topic(self._consumer, self._config)
        if self._partition.partition not in there:
            raise SourceError(f"{self._name}: no such partition, the topic has 0 to {max(there)}")
        return bounds_of(self._consumer, self._config, self._partition.partition)


def count_partitions(config: KafkaConfig) -> int:
    """How many partitions the topic has; `SourceError` when no server answers or there is no such topic."""
    consumer = open_consumer(config, group_id=None)
    try:
        return len(require_topic(consumer, config))
    finally:
        consumer.close()
