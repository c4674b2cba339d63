"""Standard input."""

from __future__ import annotations

import io
import sys
from typing import cast

from streams.sources.content import Content
from streams.sources.lines import Lines

STDIN = "-"


def open_stdin(offset: int = 0) -> Lines:
    """The lines of standard input, which may be compressed.

    A pipe cannot go back: to resume, it must give the same bytes again from its beginning, and the first
    `offset` are passed over; `SourceError` when no line begins there.
    """
    return Lines(Content(cast("io.BufferedIOBase", sys.stdin.buffer), STDIN), STDIN, offset=offset)
