"""What a source promises."""

from __future__ import annotations

from typing import Protocol

from streams.position import Position
from streams.record import Record

MAX_RECORD_BYTES = 1 << 20  # reliability practice: cap a record before it is parsed
KEPT_BYTES = 4096  # of a record that is too large: enough to recognise it by


class Source(Protocol):
    """Gives records in order. However `next_batch` is called, the records are the same."""

    @property
    def position(self) -> Position:
        """Where to resume: after the last record given."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will ever come."""

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes as they lie on disk, or records: done, and in all (0 when unknown)."""

    def next_batch(self, limit: int) -> list[Record]:
        """At most `limit` records, [] when there is nothing at the moment; `SourceError` if it breaks."""

    def close(self) -> None:
        """Let go of files; closing twice is harmless."""
