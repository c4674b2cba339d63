"""What is wrong with a record, in words that do not quote it."""

from __future__ import annotations

import msgspec

BOM = b"\xef\xbb\xbf"


def without_values(message: str) -> str:
    """A msgspec message without the value it may quote: only enumerations quote it.

    >>> without_values("Invalid enum value 'secret' - at `$.action`")
    'Expected one of the listed words - at `$.action`'
    """
    if message.startswith("Invalid enum value"):
        return f"Expected one of the listed words - at {message.rpartition(' - at ')[2]}"
    return message


def malformed(error: Exception) -> str:
    """Why a text is no JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error) if isinstance(error, msgspec.DecodeError) else "not JSON"


def strings_in(raw: bytes) -> int:
    """How many strings, keys and values, this JSON text has: two quotes each, escaped ones apart."""
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return raw.count(b'"') // 2
