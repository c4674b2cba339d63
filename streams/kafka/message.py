"""What a message of Kafka is to the rest of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES

CONTENT_TYPE = "content-type"
ENVELOPES = "application/cloudevents"
KEPT_KEY_BYTES = 1025  # an actor's id has at most 256 characters of 4 bytes, so a key that is cut is nobody's
KEPT_TYPE_BYTES = 256


def name_of(topic: str, partition: int) -> str:
    """How positions, shards and messages to people name a partition.

    >>> name_of("access-events", 3)
    'access-events-3'
    """
    return f"{topic}-{partition}"


def record_of(message: Any) -> Record:
    """The record in a message that the client gave: a tombstone is an empty one, a giant is cut and flawed.

    Its key is never None: a message without one has the empty key. Its content type is kept where it says that
    the value is an envelope of CloudEvents; in their binary mode the value is the data, like everybody's.
    """
    raw, position = message.value or b"", Position(name_of(message.topic, message.partition), message.offset)
    key = message.key or b""
    if len(key) > KEPT_KEY_BYTES:
        key = key[:KEPT_KEY_BYTES]
    content_type = _envelope_of(message.headers) if message.headers else ""
    if len(raw) > MAX_RECORD_BYTES:
        detail = f"longer than {MAX_RECORD_BYTES} bytes"
        return Record(raw[:KEPT_BYTES], position, Reason.TOO_LARGE, detail, key, content_type)
    return Record(raw, position, None, "", key, content_type)


def _envelope_of(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """What the last header of that name says, in lower case, "" if it names no envelope."""
    said = ""
    for name, value in headers:
        if name == CONTENT_TYPE:
            said = (value or b"")[:KEPT_TYPE_BYTES].decode("ascii", "replace").lower()
    return said if said.startswith(ENVELOPES) else ""
