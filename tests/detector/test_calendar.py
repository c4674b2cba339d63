"""Local time, accounting days and working days."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.calendar import Calendar, read_overrides
from detector.errors import ContextError

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
EPOCH = date(1970, 1, 1)


def utc(*parts: int, zone: ZoneInfo = SHANGHAI) -> float:
    return datetime(*parts, tzinfo=zone).timestamp()  # type: ignore[misc, arg-type]


def day_of(*parts: int) -> int:
    return (date(*parts) - EPOCH).days


def test_a_late_evening_belongs_to_the_day_that_it_followed() -> None:
    calendar = Calendar("Asia/Shanghai")
    times = np.array([utc(2026, 3, 3, 3, 59), utc(2026, 3, 3, 4, 0), utc(2026, 3, 3, 23, 59), utc(2026, 3, 4, 1, 0)])
    assert calendar.days(times).tolist() == [day_of(2026, 3, 2), *[day_of(2026, 3, 3)] * 3]


def test_hours_of_working_days_and_of_days_off_have_bins_of_their_own() -> None:
    calendar = Calendar("Asia/Shanghai", "CN")
    times = np.array([utc(2026, 3, 6, 9, 30), utc(2026, 3, 7, 9, 30)])  # Friday, Saturday
    assert calendar.bins(times).tolist() == [9, 33]


@pytest.mark.parametrize(
    ("when", "working"),
    [
        (date(2026, 5, 9), True),  # a Saturday worked for the holiday in May
        (date(2026, 5, 16), False),  # an ordinary one
        (date(2026, 5, 1), False),  # Labour Day, a Friday
        (date(2026, 5, 8), True),
    ],
)
def test_holidays_and_the_days_worked_for_them_are_those_of_the_country(when: date, working: bool) -> None:
    assert Calendar("Asia/Shanghai", "CN").is_working((when - EPOCH).days) is working


def test_without_a_country_only_weekends_are_off() -> None:
    calendar = Calendar("Asia/Shanghai")
    assert calendar.is_working(day_of(2026, 5, 1))
    assert not calendar.is_working(day_of(2026, 5, 9))


def test_an_override_has_the_last_word() -> None:
    calendar = Calendar("Asia/Shanghai", "CN", {date(2026, 5, 9): False, date(2026, 5, 10): True})
    assert not calendar.is_working(day_of(2026, 5, 9))
    assert calendar.is_working(day_of(2026, 5, 10))


def test_an_unknown_country_is_refused_in_words() -> None:
    with pytest.raises(ContextError, match=r"time\.country.*'XX'.*ISO 3166"):
        Calendar("Asia/Shanghai", "XX")


def test_a_person_in_another_zone_has_their_own_clock() -> None:
    calendar, time = Calendar("Asia/Shanghai", "CN"), utc(2026, 3, 6, 23, 30)
    times = np.array([time, time])
    assert calendar.bins(times, {1: ZoneInfo("Europe/London")}).tolist() == [23, 15]


def test_whether_a_person_works_today_is_a_question_of_their_own_date() -> None:
    calendar, time = Calendar("Asia/Shanghai", "CN"), utc(2026, 3, 7, 2, 30)  # Saturday there, Friday in London
    assert calendar.bins(np.array([time, time]), {1: ZoneInfo("Europe/London")}).tolist() == [26, 18]


@pytest.mark.parametrize("month_day", [(3, 29), (10, 25)])
def test_an_hour_of_the_clock_keeps_its_bin_over_a_change_of_time(month_day: tuple[int, int]) -> None:
    calendar = Calendar("Europe/Berlin", "DE")
    month, day = month_day
    times = np.array([utc(2026, month, day + step, 9, 0, zone=BERLIN) for step in (-2, 1)])
    assert calendar.bins(times).tolist() == [9, 9]
    assert np.diff(calendar.days(times)).tolist() == [3]
    assert times[1] - times[0] != 3 * 86_400


@settings(max_examples=60)
@given(st.lists(st.floats(1.5e9, 2.0e9), min_size=1, max_size=8), st.sampled_from(["Asia/Kathmandu", "Europe/Berlin"]))
def test_bins_and_days_are_those_of_the_clock(times: list[float], zone: str) -> None:
    calendar = Calendar(zone)
    array = np.array(times)
    local = [datetime.fromtimestamp(int(time), ZoneInfo(zone)) for time in times]
    assert (calendar.bins(array) % 24).tolist() == [one.hour for one in local]
    days = [(one.date() - EPOCH).days - (one.hour < 4) for one in local]
    assert calendar.days(array).tolist() == days
    assert all(calendar.date_of(day) == date.fromordinal(EPOCH.toordinal() + day) for day in days)


def test_overrides_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "calendar.csv"
    path.write_text("\ufeffdate,day\n2026-05-09, Working\n2026-12-24,off\n", encoding="utf-8")
    assert read_overrides(path) == {date(2026, 5, 9): True, date(2026, 12, 24): False}


@pytest.mark.parametrize("line", ["2026-13-01,off", "2026-05-09,maybe", "2026-05-09", ",working"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "calendar.csv"
    path.write_text(f"date,day\n2026-01-01,off\n{line}\n", encoding="utf-8")
    with pytest.raises(ContextError, match=r"calendar\.csv:3: expected a date"):
        read_overrides(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match=r"nowhere\.csv: cannot read"):
        read_overrides(tmp_path / "nowhere.csv")


def test_times_have_no_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    time = np.array([datetime(2026, 3, 6, 1, 30, tzinfo=UTC).timestamp()])
    monkeypatch.setenv("TZ", "America/New_York")
    assert Calendar("Asia/Shanghai").bins(time).tolist() == [9]
