"""Incidents as CSV that a spreadsheet reads as text, whatever is in them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Final

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                   "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
"""How a cell begins that a spreadsheet may take for a formula (OWASP, CSV Injection)."""


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header and a line for each row, by RFC 4180; every cell is quoted."""
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[cell(row[column]) for column in columns] for row in rows])
    return out.getvalue()


def cell(value: Any) -> str:
    """The text of a cell; what would begin a formula is put behind an apostrophe.

    >>> cell("=1+1"), cell(72.5)
    ("'=1+1", '72.5')
    """
    text = str(value)
    return f"'{text}" if text.startswith(FORMULAS) else text
