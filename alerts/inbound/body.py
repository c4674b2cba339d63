"""A sender's JSON, read without trust: whatever is not as it should be is malformed, and never another error."""

import math
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from alerts.errors import MalformedError
from alerts.receivers.identity import SOURCE

LATEST: Final = 1e11
"""Unix seconds, in the year 5138: what is later is no time of an event."""


def decoded(body: bytes) -> dict[str, Any]:
    """The object that a body is.

    Raises:
        MalformedError: it is none.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedError("the body is no JSON object")
    return found


def at(value: Any, *path: str) -> Any:
    """What is at a path of keys, None where it is not there."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, *path: str) -> str:
    """Like `at`, but "" for whatever is neither text nor a whole number."""
    found = at(value, *path)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def items(value: Any, *path: str) -> list[Any]:
    """Like `at`, but empty for whatever is no list."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def needed(value: Any, *path: str) -> str:
    """Like `text`.

    Raises:
        MalformedError: it is empty.
    """
    found = text(value, *path)
    if not found:
        raise MalformedError(f"{'.'.join(path)} is missing")
    return found


def moment(value: Any, *path: str) -> float:
    """The Unix seconds of an RFC 3339 time, or of milliseconds since 1970.

    Raises:
        MalformedError: it is neither.

    >>> moment({"at": "2026-03-02T01:14:05Z"}, "at"), moment({"at": 1772414045000}, "at")
    (1772414045.0, 1772414045.0)
    """
    found, seconds = at(value, *path), math.nan
    try:
        if isinstance(found, str):
            time = datetime.fromisoformat(found)
            seconds = time.timestamp() if time.tzinfo is not None else math.nan
        elif isinstance(found, int | float) and not isinstance(found, bool):
            seconds = found / 1000.0
    except (ValueError, OverflowError):
        pass
    if not 0.0 <= seconds <= LATEST:
        raise MalformedError(f"{'.'.join(path)} is no time")
    return seconds


def rfc3339(time: float) -> str:
    """A time in Unix seconds as others read it, in UTC and whole seconds.

    >>> rfc3339(1772414045.9)
    '2026-03-02T01:14:05Z'
    """
    return f"{datetime.fromtimestamp(int(time), UTC):%Y-%m-%dT%H:%M:%SZ}"


def referred(*names: str) -> tuple[str, ...]:
    """The ids of the alerts that are referred to by what receivers call them.

    >>> referred("soc", "innerwatch-0123456789abcdef0123", "innerwatch")
    ('0123456789abcdef0123',)
    """
    begins = f"{SOURCE}-"
    return tuple(name.removeprefix(begins) for name in names if name.startswith(begins))


def digest(body: bytes) -> str:
    """A name for a message that has none: the same body is the same message."""
    return blake2b(body, digest_size=20).hexdigest()
