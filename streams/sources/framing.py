"""How a file is cut into records."""

from __future__ import annotations

from typing import Literal

import msgspec


class Framing(msgspec.Struct, frozen=True):
    """One record a line, or one record an element of a list inside a whole JSON document.

    `envelope` is the dotted path of that list, "" when the document is the list; only for `kind` "document".
    """

    kind: Literal["lines", "document"] = "lines"
    envelope: str = ""


LINES = Framing()
