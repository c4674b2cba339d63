"""Where a record stands."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place in a source: the byte offset of a line, or the index of a document's element.

    Positions of one source are ordered by offset. Offsets count the uncompressed stream, so that a compressed
    file and its content have the same positions.

    >>> Position("claims.jsonl", 10) < Position("claims.jsonl", 200)
    True
    >>> str(Position("claims.jsonl", 10))
    'claims.jsonl@10'
    """

    source: str
    offset: int

    def __str__(self) -> str:
        return f"{self.source}@{self.offset}"
