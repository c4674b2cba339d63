"""What a source gives: bytes and where they stood."""

from __future__ import annotations

import msgspec

from streams.position import Position
from streams.rejected import Reason, Rejected


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record, not yet decoded.

    `flaw` is what the source itself already knows to be wrong (too long, cut short), with `detail` in words;
    a format rejects such a record with that reason instead of decoding it. `key` is what the source filed it
    under, None where a source has no keys; `content_type` names the envelope that it came in, "" for none.
    """

    raw: bytes
    position: Position
    flaw: Reason | None = None
    detail: str = ""
    key: bytes | None = None
    content_type: str = ""

    def rejected(self, reason: Reason, detail: str) -> Rejected:
        """This record as one that is kept out, with all that is needed to try it again."""
        return Rejected(reason, detail, self.position, self.raw, self.key, self.content_type)
