"""What a message of Kafka is to the rest of this room."""

from __future__ import annotations

from typing import Any

from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES


def name_of(topic: str, partition: int) -> str:
    """How positions, shards and messages to people name a partition.

    >>> name_of("access-events", 3)
    'access-events-3'
    """
    return f"{topic}-{partition}"


def record_of(message: Any) -> Record:
    """The record in a message that the client gave: a tombstone is an empty one, a giant is cut and flawed."""
    raw, position = message.value or b"", Position(name_of(message.topic, message.partition), message.offset)
    if len(raw) > MAX_RECORD_BYTES:
        return Record(raw[:KEPT_BYTES], position, Reason.TOO_LARGE, f"longer than {MAX_RECORD_BYTES} bytes")
    return Record(raw, position)
