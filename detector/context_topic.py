"""A context in a compacted topic: one key for each person, planted customer and day; what is malformed is left out.

What is said of an entry names its place and its kind and nobody's data, since it goes to logs.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import msgspec

from detector.calendar import read_word
from detector.errors import ColumnError, ContextError
from detector.roster import OPTIONAL, Person, person_of

if TYPE_CHECKING:
    from streams.kafka import Entry

MOST_COMPLAINTS: Final = 20
"""Said one by one; the others are counted."""


class Entries:
    """What the entries of a topic come to.

    Args:
        table: the last value of every key, as ``read_table`` gives it.
    """

    def __init__(self, table: "Mapping[bytes, Entry]") -> None:
        self.roster: dict[str, Person] = {}
        self.honey: list[str] = []
        self.overrides: dict[date, bool] = {}
        self.complaints: list[str] = []
        self._kinds: dict[str, Callable[[str, dict[str, Any]], None]] = {
            "roster": self._person,
            "honey": self._planted,
            "calendar": self._day,
            "vip": _nothing_yet,
            "assignment": _nothing_yet,
        }
        skipped = 0
        for key, entry in sorted(table.items(), key=lambda item: item[1].position):
            kind, _, name = key.decode("utf-8", "replace").partition("/")
            try:
                self._take(kind, name, entry.value)
            except ContextError as error:
                skipped += 1
                if skipped <= MOST_COMPLAINTS:
                    what = f"{kind}/..." if kind in self._kinds else "an entry"
                    self.complaints.append(f"{entry.position}: {what} was left out: {_without_data(error)}")
        if skipped > MOST_COMPLAINTS:
            self.complaints.append(f"{skipped - MOST_COMPLAINTS:,} more entries were left out")

    def _take(self, kind: str, name: str, value: bytes) -> None:
        if kind not in self._kinds or not name or "\ufffd" in name:
            raise ContextError(f"the key is none; expected one of {', '.join(f'{one}/ID' for one in self._kinds)}")
        self._kinds[kind](name, _object(value))

    def _person(self, name: str, value: dict[str, Any]) -> None:
        if value.get("id", name) != name:
            raise ContextError("the id in the value is another than that in the key")
        row = {column: _text(value, column) for column in OPTIONAL}
        self.roster[name] = person_of({**row, "id": name})

    def _planted(self, name: str, _: dict[str, Any]) -> None:
        self.honey.append(name)

    def _day(self, name: str, value: dict[str, Any]) -> None:
        try:
            day, working = date.fromisoformat(name), read_word(_text(value, "day"))
        except ValueError as error:
            raise ContextError(
                "expected a date such as 2026-05-09 in the key, and as day 'working' or 'off'"
            ) from error
        self.overrides[day] = working


def _nothing_yet(_: str, __: dict[str, Any]) -> None:
    """No detection uses it."""


def _object(value: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ContextError("the value is no JSON object") from error


def _text(value: dict[str, Any], column: str) -> str:
    text = value.get(column)
    if text is not None and not isinstance(text, str):
        raise ContextError(f"{column} is no text; write it as in the column of the file")
    return (text or "").strip()


def _without_data(error: ContextError) -> str:
    return f"{error.column} is malformed; expected {error.wanted}" if isinstance(error, ColumnError) else str(error)
