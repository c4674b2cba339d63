"""What a promotion rests on: the report of a backtest, of exactly this bundle, against exactly the present champion."""

from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from alerts.bundles import SHORT, Book
from detector.errors import ReportError

SCHEMA: Final = "innerwatch-backtest/1"
SHOWN: Final = 5
"""Reasons for not passing that are told in one line."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``innerwatch backtest`` wrote, as far as a promotion goes; what else is in it is for people.

    `champion` and `challenger` are digests of the bundles that were compared, a `champion` of "" the online models
    alone; `passes` is whether the challenger may take its place, and `reasons` why or why not.
    """

    schema: str
    champion: str
    challenger: str
    passes: bool
    reasons: tuple[str, ...] = ()


class _Opening(msgspec.Struct):
    schema: str = ""


def read_report(path: Path) -> tuple[Report, str]:
    """The report in a file, and the file's SHA-256.

    Raises:
        ReportError: it is none, or of a schema that this release does not know.
        OSError: it cannot be read.
    """
    body = path.read_bytes()
    try:
        schema = msgspec.json.decode(body, type=_Opening).schema
        if schema != SCHEMA:
            raise ReportError(
                f"{path}: the schema is {schema[:40]!r}, and this release reads {SCHEMA!r}; give the report.json of "
                "innerwatch backtest"
            )
        return msgspec.json.decode(body, type=Report), sha256(body).hexdigest()
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ReportError(f"{path}: no report of a backtest ({error}); give its report.json") from error


def require_backing(report: Report, path: Path, book: Book, digest: str) -> None:
    """Refuse, by a ``ReportError``, a report that does not speak for a bundle in the place of the present champion."""
    champion = book.roles.champion
    if report.challenger != digest:
        raise ReportError(
            f"{path}: it is about bundle {report.challenger[:SHORT] or 'none'}, not {book.name_of(digest)}; run "
            "innerwatch backtest with this one"
        )
    if report.champion != champion:
        raise ReportError(
            f"{path}: it compares with {_champion(book, report.champion)}, and now the champion is "
            f"{_champion(book, champion)}; run innerwatch backtest again"
        )
    if not report.passes:
        reasons = "; ".join(report.reasons[:SHOWN]) or "it gives no reason"
        raise ReportError(f"{path}: {book.name_of(digest)} has not passed: {reasons}")


def _champion(book: Book, digest: str) -> str:
    return book.name_of(digest) if digest else "the online models alone"
