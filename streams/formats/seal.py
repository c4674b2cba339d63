"""The last step of every format: what leaves decode is UTC, printable and free of raw subject identifiers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from msgspec.structs import force_setattr

from streams.event import MAX_SUBJECTS, MAX_TEXT, AccessEvent
from streams.rejected import Reason
from streams.tokens import Tokens


class BadEvent(Exception):  # noqa: N818  # not an error of the program: it becomes a Rejected
    """A record that is no event, with the reason; never leaves formats/."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def seal(event: AccessEvent, tokens: Tokens, *, plain: bool = False) -> AccessEvent:
    """The same, freshly decoded event with UTC time, tokens for subjects, and their serials.

    `plain` says that the record has no character that could be unprintable, which saves looking at every
    field. Raises `BadEvent` for unprintable identifiers and for times outside the years 1 to 9999.
    """
    if not plain:
        _check_printable(event)
    if event.time.tzinfo is not UTC:
        try:
            force_setattr(event, "time", event.time.astimezone(UTC))
        except OverflowError:
            raise BadEvent(Reason.INVALID, "Expected a time in the years 1 to 9999 UTC - at `$.time`") from None
    src = event.src
    if src is not None and src.user_agent is not None and len(src.user_agent) > MAX_TEXT:
        force_setattr(src, "user_agent", src.user_agent[:MAX_TEXT])
    subjects = event.subjects
    if subjects:
        known, serials = zip(*[tokens.subject(subject) for subject in subjects[:MAX_SUBJECTS]], strict=True)
        force_setattr(event, "subjects", known)
        force_setattr(event, "serials", serials)
    elif event.serials:
        force_setattr(event, "serials", ())
    return event


def is_plain(raw: bytes) -> bool:
    """Whether nothing in this JSON text can be an unprintable character: ASCII, no escapes, no DEL."""
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _check_printable(event: AccessEvent) -> None:
    for path, value in _identifiers(event):
        if value is not None and not value.isprintable():
            raise BadEvent(Reason.UNPRINTABLE, f"Expected no control or bidirectional characters - at `$.{path}`")


def _identifiers(event: AccessEvent) -> Iterator[tuple[str, str | None]]:
    actor, resource, src = event.actor, event.resource, event.src
    yield "event_id", event.event_id
    yield "actor.id", actor.id
    yield "actor.role", actor.role
    yield "actor.department", actor.department
    yield "resource.system", resource.system
    yield "resource.type", resource.type
    yield "resource.id", resource.id
    yield "purpose", event.purpose
    if event.session is not None:
        yield "session.id", event.session.id
    if event.data is not None:
        yield "data.class", event.data.class_
        for field in event.data.fields:
            yield "data.fields", field
    if src is not None:
        yield "src.ip", src.ip
        yield "src.host", src.host
    for subject in event.subjects:
        yield "subjects", subject
