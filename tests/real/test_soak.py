"""What the long run measures with."""

import json
from itertools import islice

from tests.real.soak import DAYS, endless, slope
from tests.real.stream import torn

LINE = b'{"event_id":"ev-1","time":"2026-03-02T01:05:39.892+08:00","actor":{"id":"E1"},"action":"read"}'


def test_a_log_begins_again_on_later_days_under_other_ids() -> None:
    messages = list(islice(endless([LINE, LINE.replace(b"ev-1", b"ev-2")]), 5))
    events = [json.loads(value) for _, value in messages]
    assert {key for key, _ in messages} == {b"E1"}
    assert len({event["event_id"] for event in events}) == 5
    assert [event["time"] for event in events[::2]] == [
        "2026-03-02T01:05:39.892+08:00",
        "2026-03-30T01:05:39.892+08:00",
        "2026-04-27T01:05:39.892+08:00",
    ]
    assert DAYS % 7 == 0
    assert events[2]["actor"] == {"id": "E1"}
    assert events[2]["action"] == "read"


def test_a_worker_that_holds_more_shards_for_a_while_has_not_grown() -> None:
    flat = [(minute / 6, 200.0 + (80.0 if 10 <= minute < 25 else 0.0)) for minute in range(120)]
    assert slope(flat) == 0.0
    leaking = [(minute, memory + 3.0 * minute) for minute, memory in flat]
    assert round(slope(leaking), 2) == 3.0


def test_every_so_many_lines_one_is_torn() -> None:
    assert list(torn([LINE] * 4, 2)) == [LINE, LINE[:40], LINE, LINE[:40]]
