"""Who is on call follows a calendar in local time."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.rotation import Override, Rotation

BERLIN = ZoneInfo("Europe/Berlin")
WEEKS = Rotation(
    name="first",
    receivers=("ann", "bo", "cy"),
    starts=datetime.fromisoformat("2026-03-02T09:00"),
    shift=timedelta(days=7),
    zone=BERLIN,
    overrides=(
        Override("bo", datetime.fromisoformat("2026-03-03T18:00"), datetime.fromisoformat("2026-03-04T09:00")),
        Override("cy", datetime.fromisoformat("2026-03-03T20:00"), datetime.fromisoformat("2026-03-03T22:00")),
    ),
)


@pytest.mark.parametrize(
    ("local", "who"),
    [
        ("2026-03-02T08:59", "cy"),
        ("2026-03-02T09:00", "ann"),
        ("2026-03-09T08:59", "ann"),
        ("2026-03-09T09:00", "bo"),
        ("2026-03-23T09:00", "ann"),
        ("2026-03-30T08:59", "ann"),  # in summer time by now, and still at nine
        ("2026-03-30T09:00", "bo"),
        ("2026-03-03T17:59", "ann"),
        ("2026-03-03T18:00", "bo"),
        ("2026-03-03T21:00", "cy"),
        ("2026-03-03T22:00", "bo"),
        ("2026-03-04T09:00", "ann"),
    ],
)
def test_whoever_has_the_shift_is_on_call_unless_somebody_takes_over(local: str, who: str) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=BERLIN).timestamp()
    assert WEEKS.on_call(now) == who
