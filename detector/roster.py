"""Who works here: the roster and the lists of honey and VIP subjects."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from detector.errors import ColumnError, ContextError

REQUIRED = ("id",)
OPTIONAL = ("name", "role", "department", "hired", "leaves", "host", "zone", "shift", "leave")


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the roster.

    Attributes:
        id: the actor id that the events carry.
        role: the peer group.
        hired: first day, if known.
        leaves: last day, if known.
        host: hosts that are this person's own, separated by blanks or semicolons in the file.
        zone: the person's own time zone, where it is not the organisation's.
        shift: start and end of the working shift on the person's clock; the end may lie past midnight.
        leave: days of leave, first and last day of each stretch.
    """

    id: str
    name: str = ""
    role: str = ""
    department: str = ""
    hired: date | None = None
    leaves: date | None = None
    host: tuple[str, ...] = ()
    zone: ZoneInfo | None = None
    shift: tuple[time, time] | None = None
    leave: tuple[tuple[date, date], ...] = ()

    def on_leave(self, day: date) -> bool:
        """Whether the person is away on that day."""
        return any(first <= day <= last for first, last in self.leave)

    def on_shift(self, hour: int) -> bool | None:
        """Whether an hour (0 to 23) of the person's clock touches their shift; ``None`` if no shift is known."""
        if self.shift is None:
            return None
        start, end = (at.hour + at.minute / 60 for at in self.shift)
        if start < end:
            return start - 1 < hour < end
        return hour > start - 1 or hour < end


def read_roster(path: Path) -> Mapping[str, Person]:
    """Read a roster: CSV with the column ``id`` and any of the optional columns.

    Dates are ISO 8601; ``shift`` is ``22:00-06:00``; ``leave`` is ``2026-03-02/2026-03-06``, several separated by
    semicolons. Other columns are ignored.

    Raises:
        ContextError: the file cannot be read, has no column ``id``, names a person twice, or a value is malformed.
    """
    people: dict[str, Person] = {}
    for number, row in _rows(path):
        where = f"{path}:{number}"
        actor = row["id"]
        if not actor:
            raise ContextError(f"{where}: the column 'id' is empty; every person needs the actor id of the events")
        if actor in people:
            raise ContextError(f"{where}: {actor!r} is listed twice; keep one line a person")
        try:
            people[actor] = person_of(row)
        except ColumnError as error:
            raise ContextError(f"{where}: {error}") from error
    return people


def person_of(row: Mapping[str, str]) -> Person:
    """The person of whom a line, or an entry of a topic, tells; every column is there, "" where nothing is known.

    Raises:
        ColumnError: a value is malformed.
    """
    return Person(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        department=row["department"],
        hired=_date(row["hired"], "hired"),
        leaves=_date(row["leaves"], "leaves"),
        host=tuple(row["host"].replace(";", " ").split()),
        zone=_zone(row["zone"]),
        shift=_shift(row["shift"]),
        leave=tuple(_stretch(part) for part in row["leave"].split(";") if part.strip()),
    )


def read_subjects(path: Path) -> tuple[str, ...]:
    """Read a list of subject ids, one a line; blank lines and lines that begin with ``#`` are skipped.

    Raises:
        ContextError: the file cannot be read as UTF-8 text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ContextError(f"{path}: cannot read the list of subjects: {error}") from error
    return tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise ContextError(
                    f"{path}: the roster has no column {missing[0]!r}; its first line must name the columns"
                )
            for row in reader:
                yield reader.line_num, {name: (row.get(name) or "").strip() for name in REQUIRED + OPTIONAL}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ContextError(f"{path}: cannot read the roster: {error}") from error


def _date(text: str, column: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise ColumnError(column, text, "a date such as 2026-03-02") from error


def _zone(text: str) -> ZoneInfo | None:
    if not text:
        return None
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ColumnError("zone", text, "an IANA name such as Asia/Shanghai") from error


def _shift(text: str) -> tuple[time, time] | None:
    if not text:
        return None
    try:
        start, end = (time.fromisoformat(part.strip().zfill(5)) for part in text.split("-"))
    except ValueError as error:
        raise ColumnError("shift", text, "two times such as 22:00-06:00") from error
    return start, end


def _stretch(text: str) -> tuple[date, date]:
    first, _, last = text.strip().partition("/")
    start, end = _date(first, "leave"), _date(last or first, "leave")
    if start is None or end is None or end < start:
        raise ColumnError("leave", text.strip(), "a first and last day such as 2026-03-02/2026-03-06")
    return start, end
