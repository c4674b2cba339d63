"""The partitions of a topic that Kafka places on one member of a group, and takes away again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import kafka  # type: ignore[import-untyped]
from kafka import errors
from kafka.coordinator.assignors.cooperative_sticky import (  # type: ignore[import-untyped]
    CooperativeStickyAssignor,
)

from streams.errors import SourceError
from streams.kafka.client import KafkaConfig, bounds_of, gone, open_consumer, partitions_of, require_topic, servers_of
from streams.kafka.message import name_of, record_of
from streams.record import Record

WAIT_MS = 500  # for records to come; a signal is heard within this time
POLL_S = 300  # a member that does not ask for records for so long is given up
REFRESH_MS = 30_000  # between two looks at the topic: a partition more is noticed within this time
LEAVE_MS = 5_000  # for the farewell to a broker that may be away


class Owner(Protocol):
    """Owns the state of partitions. It is called within `next_batches` and `close`, on a thread of the client's."""

    def assigned(self, partition: int, count: int) -> int | None:
        """A partition of `count` in the topic is ours: the offset to read on from, None for the first there is."""

    def revoked(self, partition: int) -> None:
        """It is still ours, and is to be another's or we leave: record what has been read, and let go."""

    def lost(self, partition: int) -> None:
        """It may be another's by now: forget it."""


class KafkaGroup(kafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the consumer group `config.group`, reading its share of the topic.

    Kafka decides who reads which partition and moves as few as it can when members come and go (cooperative
    sticky assignment). Where to read on is for the owner to say. A broker that is away is waited for.

    `SourceError` when no server answers or the topic does not exist.
    """

    def __init__(self, config: KafkaConfig, owner: Owner) -> None:
        self._config, self._owner = config, owner
        self._held: set[int] = set()
        self._failure: Exception | None = None
        self._consumer = open_consumer(
            config,
            group_id=config.group,
            group_instance_id=config.member,
            partition_assignment_strategy=[CooperativeStickyAssignor()],
            session_timeout_ms=round(config.session_timeout_s * 1_000),
            heartbeat_interval_ms=round(config.session_timeout_s * 1_000 / 10),
            max_poll_interval_ms=POLL_S * 1_000,
            metadata_max_age_ms=REFRESH_MS,
        )
        try:
            require_topic(self._consumer, config)
            self._consumer.subscribe([config.topic], listener=self)
        except BaseException:
            self.close()
            raise

    @property
    def partitions(self) -> int:
        """How many partitions the topic has, as far as is known here."""
        return len(partitions_of(self._consumer, self._config))

    def next_batches(self, limit: int) -> dict[int, list[Record]]:
        """At most `limit` records by partition; waits half a second for the first.

        `SourceError` when a partition does not hold, or no longer holds, the offset to read on from; and whatever
        the owner raises.
        """
        try:
            found = self._consumer.poll(timeout_ms=WAIT_MS, max_records=limit)
        except errors.OffsetOutOfRangeError as error:
            raise SourceError(self._gone(error)) from error
        except errors.RetriableError:
            found = {}  # the broker is away; the client goes on trying
        except errors.KafkaError as error:
            self._raise_failure()
            raise SourceError(f"{self._config.topic}: cannot be read ({error}); check the broker") from error
        self._raise_failure()
        return {key.partition: [record_of(message) for message in messages] for key, messages in found.items()}

    def lag(self, partition: int, offset: int) -> int | None:
        """Records from `offset` on that the partition holds, as the last answer said; None before there was one."""
        key = kafka.TopicPartition(self._config.topic, partition)
        highwater = self._consumer.highwater(key) if key in self._consumer.assignment() else None
        return None if highwater is None else max(highwater - offset, 0)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell Kafka how far we are, for those who watch it there; nothing of ours reads it, and errors are ignored."""
        self._consumer.commit_async(
            {
                kafka.TopicPartition(self._config.topic, partition): kafka.OffsetAndMetadata(offset, "", -1)
                for partition, offset in offsets.items()
                if partition in self._held
            }
        )

    def close(self) -> None:
        """Leave the group, so that others need not wait for the session to end; closing twice is harmless."""
        with suppress(errors.KafkaError):  # then the session ends by itself
            self._consumer.close(autocommit=False, timeout_ms=LEAVE_MS)

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Called by the client."""
        for key in assigned:
            with self._keeping():
                offset = self._owner.assigned(key.partition, self.partitions)
                if offset is None:
                    self._consumer.seek_to_beginning(key)
                else:
                    self._consumer.seek(key, offset)
                self._held.add(key.partition)

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Called by the client."""
        for key in revoked:
            self._held.discard(key.partition)
            with self._keeping():
                self._owner.revoked(key.partition)

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        """Called by the client."""
        for key in lost:
            self._held.discard(key.partition)
            with self._keeping():
                self._owner.lost(key.partition)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        # The client would log the owner's error and go on; it waits here for the end of the call.
        try:
            yield
        except Exception as error:
            self._failure = self._failure or error

    def _gone(self, error: errors.OffsetOutOfRangeError) -> str:
        offsets = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        found = [
            gone(name_of(*key), offset, bounds_of(self._consumer, self._config, key.partition))
            for key, offset in sorted(offsets.items())
        ]
        return "; ".join(found) or f"{self._config.topic}: an offset is out of range at {servers_of(self._config)}"

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
