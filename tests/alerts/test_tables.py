from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.tables import time_text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)), max_size=5))  # noqa: DTZ001
def test_times_as_texts_sort_as_times(times):
    assert sorted(map(time_text, times)) == list(map(time_text, sorted(times)))


def test_a_time_of_another_zone_is_stored_in_utc():
    shanghai = timezone(timedelta(hours=8))
    assert time_text(datetime(2026, 3, 2, 9, 14, tzinfo=shanghai)) == "2026-03-02T01:14:00.000000+00:00"
