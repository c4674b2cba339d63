"""A compacted topic, read as the table that it is: the last value of every key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import kafka  # type: ignore[import-untyped]
import msgspec
from kafka import errors

from streams.errors import SourceError
from streams.kafka.client import ANSWER_MS, KafkaConfig, open_consumer, require_topic, servers_of
from streams.kafka.message import name_of
from streams.position import Position
from streams.sources.source import MAX_RECORD_BYTES

WAIT_MS = 500  # for records to come
MOST_WAITS = 60  # in a row without any: half a minute
MAX_BYTES = 256 << 20  # of keys and values; a roster of 100,000 people has a tenth of it


class Entry(msgspec.Struct, frozen=True):
    """The last value of a key, and where it stands; one that is longer than a record may be is cut."""

    value: bytes
    position: Position


def read_table(config: KafkaConfig, topic: str) -> dict[bytes, Entry]:
    """What a topic at the servers of `config` holds, from its beginning to where it ended when it was opened.

    A key without a value was taken out. A message without a key counts as one of the empty key. Should one key
    be in several partitions, which a producer that goes by the key never does, the highest partition wins.

    `SourceError` when no server answers, there is no such topic, it does not give its records within half a minute,
    or it holds more than a table of a context can.
    """
    config = msgspec.structs.replace(config, topic=topic)
    consumer = open_consumer(config, group_id=None)
    try:
        keys = [kafka.TopicPartition(topic, number) for number in sorted(require_topic(consumer, config, KEY))]
        tables = _Tables(config, _read(consumer, keys))
    except errors.KafkaError as error:
        raise SourceError(f"{topic}: {servers_of(config)} did not give it ({error}); check the broker") from error
    finally:
        consumer.close()
    return tables.merged()


KEY = "context.topic"
"""What names the topic in the configuration."""


class _Tables:
    """What has been read so far, by partition; `SourceError` when that becomes too much."""

    def __init__(self, config: KafkaConfig, messages: Iterable[Any]) -> None:
        self._by_partition: dict[int, dict[bytes, Entry]] = {}
        self._bytes = 0
        for message in messages:
            self._take(message)
            if self._bytes > MAX_BYTES:
                raise SourceError(
                    f"{config.topic}: holds more than {MAX_BYTES >> 20} MiB of the last values of its keys; check {KEY}"
                )

    def merged(self) -> dict[bytes, Entry]:
        """All partitions, in order."""
        return {key: entry for _, table in sorted(self._by_partition.items()) for key, entry in table.items()}

    def _take(self, message: Any) -> None:
        table, key = self._by_partition.setdefault(message.partition, {}), message.key or b""
        former = table.pop(key, None)
        self._bytes -= len(key) + len(former.value) if former is not None else 0
        if message.value is not None:
            place = Position(name_of(message.topic, message.partition), message.offset)
            table[key] = Entry(message.value[:MAX_RECORD_BYTES], place)
            self._bytes += len(key) + len(table[key].value)


def _read(consumer: Any, keys: list[Any]) -> Iterable[Any]:
    """The messages of the partitions up to their ends as they are now, each partition's in order."""
    starts, ends = consumer.beginning_offsets(keys, ANSWER_MS), consumer.end_offsets(keys, ANSWER_MS)
    consumer.assign(keys)
    for key in keys:
        consumer.seek(key, starts[key])
    waits = 0
    while any(consumer.position(key, ANSWER_MS) < ends[key] for key in keys):
        found = consumer.poll(timeout_ms=WAIT_MS)
        waits = 0 if found else waits + 1
        if waits == MOST_WAITS:
            raise errors.KafkaTimeoutError(f"nothing came for {MOST_WAITS * WAIT_MS // 1_000} s")
        for key, messages in found.items():
            yield from (message for message in messages if message.offset < ends[key])
