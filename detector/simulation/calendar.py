"""Working days of the insurer: weekends, public holidays and the Saturdays worked in exchange."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import holidays
import numpy as np

ZONE = timezone(timedelta(hours=8))
DAY_S = 86_400.0
HOUR_S = 3_600.0


@dataclass(frozen=True)
class WorkCalendar:
    """The simulated days, by index.

    Attributes:
        dates: One date a day.
        midnights_s: Local midnight of each day, seconds since 1970 UTC.
        weekdays: 0 (Monday) to 6.
        working: True where offices are open.
        month_end: True on the last three working days of a month and the first of the next.
    """

    dates: tuple[date, ...]
    midnights_s: np.ndarray
    weekdays: np.ndarray
    working: np.ndarray
    month_end: np.ndarray

    def moment_s(self, day: int, hour: float) -> float:
        """Seconds since 1970 UTC of a local hour of a day; hours above 24 fall on the next day."""
        return float(self.midnights_s[day]) + hour * HOUR_S


def work_calendar(first: date, days: int) -> WorkCalendar:
    """The calendar of `days` days from `first`, with the Chinese public holidays of those years.

    Examples:
        >>> calendar = work_calendar(date(2026, 4, 3), 4)
        >>> calendar.working.tolist()  # Friday, then Qingming
        [True, False, False, False]
    """
    dates = tuple(first + timedelta(days=day) for day in range(days))
    around = [first + timedelta(days=day) for day in range(-7, days + 7)]
    public = holidays.country_holidays("CN", years=sorted({day.year for day in around}))
    swapped = public.weekend_workdays
    open_days = [day for day in around if day not in public and (day.weekday() < 5 or day in swapped)]
    month_end = {
        day
        for place, day in enumerate(open_days)
        if (place + 3 < len(open_days) and open_days[place + 3].month != day.month)
        or (place > 0 and open_days[place - 1].month != day.month)
    }
    opened = set(open_days)
    return WorkCalendar(
        dates=dates,
        midnights_s=np.array([datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() for day in dates]),
        weekdays=np.array([day.weekday() for day in dates]),
        working=np.array([day in opened for day in dates]),
        month_end=np.array([day in month_end for day in dates]),
    )
