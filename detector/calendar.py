"""Whose clock it is and whether people work that day."""

import csv
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

from detector.errors import ContextError

DAY_S = 86_400
DAY_STARTS_S = 4 * 3_600
"""A working day begins at 04:00 local time, so that a late evening belongs to the day it followed."""
OFFSET_STEP_S = 900
"""Every zone of the IANA database changes its offset on a quarter of an hour."""
BINS = 48
"""Hours of a working day (0 to 23) and of any other day (24 to 47)."""

MAX_CACHED = 4_096

_EPOCH = date(1970, 1, 1)
_WORDS = {"working": True, "off": False}


class Calendar:
    """Local time, accounting days and working days of one organisation.

    Args:
        zone: IANA name; the zone in which the organisation counts its days.
        country: ISO 3166 code of the public holidays, with working days moved to weekends where the country
            does so; empty for weekends alone.
        overrides: dates that differ from the country's calendar, true where people work.
    """

    def __init__(self, zone: str, country: str = "", overrides: dict[date, bool] | None = None) -> None:
        self._zone = ZoneInfo(zone)
        try:
            self._holidays = holidays.country_holidays(country) if country else None
        except NotImplementedError as error:
            raise ContextError(
                f"time.country: no holidays are known for {country!r}; use an ISO 3166 code such as CN, "
                "or leave it empty and list holidays in time.calendar"
            ) from error
        self._overrides = dict(overrides or {})
        self._offsets: dict[tuple[ZoneInfo, int], float] = {}
        self._working: dict[int, bool] = {}

    @property
    def overrides(self) -> Mapping[date, bool]:
        """The dates that differ from the country's calendar."""
        return self._overrides

    def days(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """The accounting day (days since 1970, beginning at 04:00 local) of each time, UTC seconds, shape (n,)."""
        return (times + self._offsets_of(times, self._zone) - DAY_STARTS_S).astype(np.int64) // DAY_S

    def bins(self, times: NDArray[np.float64], zones: Mapping[int, ZoneInfo] | None = None) -> NDArray[np.int64]:
        """The hour bin (0 to 47) of each time, (n,), on the clock of the organisation.

        ``zones`` names, by index, the events whose actor has another clock.
        """
        offsets = self._offsets_of(times, self._zone)
        for index, zone in (zones or {}).items():
            offsets[index] = self._offset(zone, int(times[index]) // OFFSET_STEP_S)
        local = (times + offsets).astype(np.int64)
        days, place = np.unique(local // DAY_S, return_inverse=True)
        free = np.array([not self.is_working(day) for day in days.tolist()], np.bool_)
        return (local % DAY_S) // 3_600 + 24 * free[place]

    def is_working(self, day: int) -> bool:
        """Whether people work on the date that many days after 1970-01-01."""
        known = self._working.get(day)
        if known is None:
            when = self.date_of(day)
            if when in self._overrides:
                known = self._overrides[when]
            elif self._holidays is not None:
                known = bool(self._holidays.is_working_day(when))
            else:
                known = when.weekday() < 5
            self._working[day] = known
        return known

    @staticmethod
    def date_of(day: int) -> date:
        """The date that many days after 1970-01-01."""
        return _EPOCH + timedelta(days=day)

    def _offsets_of(self, times: NDArray[np.float64], zone: ZoneInfo) -> NDArray[np.float64]:
        steps, place = np.unique(times.astype(np.int64) // OFFSET_STEP_S, return_inverse=True)
        return np.array([self._offset(zone, step) for step in steps.tolist()], np.float64)[place]

    def _offset(self, zone: ZoneInfo, step: int) -> float:
        offset = self._offsets.get((zone, step))
        if offset is None:
            if len(self._offsets) > MAX_CACHED:
                self._offsets.clear()
            moment = datetime.fromtimestamp(step * OFFSET_STEP_S, zone).utcoffset()
            offset = moment.total_seconds() if moment is not None else 0.0
            self._offsets[(zone, step)] = offset
        return offset


def read_word(text: str) -> bool:
    """Whether people work on a day of which it is said so; ValueError for what is neither of the two words.

    >>> read_word("working"), read_word("Off ")
    (True, False)
    """
    try:
        return _WORDS[text.strip().lower()]
    except KeyError as error:
        raise ValueError(f"{text!r} is neither working nor off") from error


def read_overrides(path: Path) -> dict[date, bool]:
    """Read a calendar file: CSV with the columns ``date`` (ISO 8601) and ``day`` (``working`` or ``off``).

    Raises:
        ContextError: the file cannot be read, or a line is not a date and one of the two words.
    """
    overrides: dict[date, bool] = {}
    for number, row in _rows(path):
        try:
            overrides[date.fromisoformat(row["date"].strip())] = read_word(row["day"])
        except (KeyError, ValueError, AttributeError) as error:
            raise ContextError(
                f"{path}:{number}: expected a date such as 2026-05-09 and 'working' or 'off' in the columns date,day"
            ) from error
    return overrides


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from enumerate(csv.DictReader(file), start=2)
    except (OSError, UnicodeDecodeError) as error:
        raise ContextError(f"{path}: cannot read the calendar: {error}") from error
