"""A record that could not become an event, and why."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from streams.position import Position


class Reason(StrEnum):
    """Why a record was rejected."""

    NOT_JSON = "not_json"  # malformed, not UTF-8, or nested too deeply
    TOO_LARGE = "too_large"  # longer than the source keeps; its raw bytes are cut
    TRUNCATED = "truncated"  # the source ended where it should not have, or lost bytes
    INVALID = "invalid"  # JSON, but not an AccessEvent
    DUPLICATE_KEY = "duplicate_key"  # one object says the same key twice: which one is meant?
    UNPRINTABLE = "unprintable"  # control, bidirectional or surrogate characters in an identifier
    UNMAPPED = "unmapped"  # the mapping could not give a required field
    FUTURE = "future"  # its time lies ahead of everything the log agrees on
    WRONG_KEY = "wrong_key"  # filed under another key than its actor, so perhaps in another place than the rest


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """One record kept out of the stream; `detail` names paths and expectations, never the record's values."""

    reason: Reason
    detail: str
    position: Position
    raw: bytes
    key: bytes | None = None
    content_type: str = ""
