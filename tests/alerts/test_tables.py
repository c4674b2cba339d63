from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from alerts.tables import metadata, time_text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)), max_size=5))  # noqa: DTZ001
def test_times_as_texts_sort_as_times(times):
    assert sorted(map(time_text, times)) == list(map(time_text, sorted(times)))


def test_a_time_of_another_zone_is_stored_in_utc():
    shanghai = timezone(timedelta(hours=8))
    assert time_text(datetime(2026, 3, 2, 9, 14, tzinfo=shanghai)) == "2026-03-02T01:14:00.000000+00:00"


def test_the_tables_can_be_made_in_postgresql_too():
    statements = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in metadata.sorted_tables]
    assert len(statements) == 3
    assert all("CREATE TABLE" in statement for statement in statements)
