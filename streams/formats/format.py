"""What a format promises."""

from __future__ import annotations

from typing import Protocol

import msgspec

from streams.event import AccessEvent
from streams.record import Record
from streams.rejected import Rejected
from streams.sources.framing import Framing

MAX_NAMES = 100  # unknown keys counted by name; a producer that invents names lands in OTHERS
OTHERS = "(others)"


class FormatCounts(msgspec.Struct):
    """What a format ignored: unknown keys by name (bounded), and records a drop rule took out."""

    unknown: dict[str, int] = {}
    dropped: int = 0

    def ignore(self, name: str) -> None:
        """Count one unknown key; names are cut to 64 characters and escaped, since anyone can write them."""
        name = ascii(name[:64])[1:-1]
        if name not in self.unknown and len(self.unknown) >= MAX_NAMES:
            name = OTHERS
        self.unknown[name] = self.unknown.get(name, 0) + 1


class Format(Protocol):
    """Turns records into events."""

    @property
    def framing(self) -> Framing:
        """How the files of this format are cut into records."""

    @property
    def counts(self) -> FormatCounts:
        """What was ignored so far."""

    def decode(self, record: Record) -> AccessEvent | Rejected | None:
        """The event of this record; why there is none; or None when a drop rule took it out. Never raises."""
