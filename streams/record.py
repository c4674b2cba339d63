"""What a source gives: bytes and where they stood."""

from __future__ import annotations

import msgspec

from streams.position import Position
from streams.rejected import Reason


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record, not yet decoded.

    `flaw` is what the source itself already knows to be wrong (too long, cut short), with `detail` in words;
    a format rejects such a record with that reason instead of decoding it.
    """

    raw: bytes
    position: Position
    flaw: Reason | None = None
    detail: str = ""
