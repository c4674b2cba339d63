"""A shard: what goes in is counted, what comes out is pseudonymous."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alerts.feedback import EXPECTED
from detector.context import read_context
from detector.lessons import Lesson
from detector.shard import CROWD_NAME, SHARD, Known, Shard, pseudonym_of
from streams import Position, Reason, Record, Rejected, Tokens
from tests.detector.small import KEY, SmallLog

TOKENS = Tokens(KEY)


def shard(log: SmallLog, rejected: list[Rejected], **sections: object) -> Shard:
    config = log.config(**sections)
    return Shard(SHARD, config, read_context(config, TOKENS), TOKENS, rejected.append)


def event(
    number: int, actor: str, subject: str = "C-1", time: str = "2026-03-02T10:00:00+08:00", **more: object
) -> bytes:
    tree = {
        "event_id": f"ev-{number}", "time": time, "actor": {"id": actor, "role": "auditor"}, "action": "read",
        "resource": {"system": "crm"}, "outcome": "success", "subjects": [subject], **more,
    }  # fmt: skip
    return json.dumps(tree).encode()


def records(*raws: bytes) -> list[Record]:
    return [Record(raw, Position("log", place)) for place, raw in enumerate(raws)]


def planted(log: SmallLog) -> str:
    return next(line for line in log.honey.read_text().splitlines() if line and not line.startswith("#"))


def test_a_planted_record_is_told_at_once_under_a_pseudonym_with_role_and_department(small_log: SmallLog) -> None:
    person = small_log.roster.read_text().splitlines()[1].split(",")
    one = shard(small_log, [])
    raws = [event(n, f"E{n}") for n in range(3)] + [event(9, person[0], planted(small_log))]
    changed = one.process(records(*raws))
    (alert,) = changed or one.conclude(None)
    assert alert.actor == pseudonym_of(TOKENS, person[0])
    assert (alert.role, alert.department) == (person[2], person[3])
    assert person[0] not in msgspec.json.encode(alert).decode()
    assert one.known == {alert.actor: Known(person[0], person[2], person[3])}
    assert one.counts["alerts"] == one.counts["alerts.critical"] == one.counts["findings.honey_record"] == 1


def test_an_actor_beyond_the_roster_keeps_the_role_that_the_log_says(small_log: SmallLog) -> None:
    one = shard(small_log, [])
    changed = one.process(records(*[event(n, f"X{n}") for n in range(3)], event(9, "X9", planted(small_log))))
    assert [(alert.role, alert.department) for alert in changed] == [("auditor", None)]


def test_an_exception_holds_for_somebody_who_has_had_no_alert(small_log: SmallLog) -> None:
    one = shard(small_log, [])
    one.process(records(*[event(n, f"X{n}") for n in range(3)]))
    names = (pseudonym_of(TOKENS, "X1"), pseudonym_of(TOKENS, "X9"))
    lessons = tuple(
        Lesson(n, name, EXPECTED, ("bulk_export",), 89.0, 4_000_000_000.0) for n, name in enumerate(names, 1)
    )
    one.adopt(replace(one.engine.context, lessons=lessons))
    assert [(held.lesson.number, held.row) for held in one.engine.lessons.held] == [(1, one.engine.people.find("X1"))]


def test_everything_rejected_is_given_away_in_order_and_counted(small_log: SmallLog) -> None:
    rejected: list[Rejected] = []
    one = shard(small_log, rejected)
    far = event(3, "E3", time="2031-01-01T00:00:00+08:00")
    one.process(records(b"{", event(1, "E1"), event(2, "E2"), far, b"[]", event(2, "E2"), event(4, "E4", unheard=1)))
    one.conclude(None)
    assert [item.position.offset for item in rejected] == [0, 4, 3]
    assert [item.reason for item in rejected][::2] == [Reason.NOT_JSON, Reason.FUTURE]
    assert one.counts["rejected.future"] == 1
    assert (one.counts["records"], one.counts["events"], one.counts["duplicates"]) == (7, 3, 1)
    assert one.counts["unknown_keys"] == 1


@pytest.mark.parametrize(("arrived", "events"), [(None, 2), (2e9, 3)])
def test_an_event_held_back_is_admitted_at_the_end_if_its_time_has_come(
    small_log: SmallLog, arrived: float | None, events: int
) -> None:
    one = shard(small_log, [])
    one.process(records(event(1, "E1"), event(2, "E2"), event(3, "E3", time="2031-01-01T00:00:00+08:00")))
    one.conclude(arrived)
    assert one.counts["events"] == events


def test_the_crowd_has_one_name() -> None:
    assert pseudonym_of(TOKENS, "") == CROWD_NAME != pseudonym_of(TOKENS, "E-crowd")


def test_a_snapshot_goes_on_as_the_shard_itself(small_log: SmallLog, tmp_path: Path) -> None:
    lines = [
        Record(line.encode(), Position("log", n)) for n, line in enumerate(small_log.events.read_text().splitlines())
    ]
    half = len(lines) // 2
    first = shard(small_log, [])
    first.process(lines[:half])
    first.closed()
    second = shard(small_log, [])
    second.restore(first.snapshot())
    assert second.counts == first.counts
    outcomes = [[*one.process(lines[half:]), *one.conclude(None)] for one in (first, second)]
    assert outcomes[0] == outcomes[1] != []
    assert first.known == second.known


def keyed(raw: bytes, key: bytes | None, place: int) -> Record:
    return Record(raw, Position("log-0", place), key=key)


def test_a_key_that_is_not_the_actor_is_rejected_and_comes_in_once_it_is_allowed(small_log: SmallLog) -> None:
    keys = [b"E0", None, b"", b"E9", b"E4 ", "Ü5".encode()]
    names = ["E0", "E1", "E2", "E3", "E4", "Ü5"]
    given = [keyed(event(n, name), key, n) for n, (name, key) in enumerate(zip(names, keys, strict=True))]
    rejected: list[Rejected] = []
    one = shard(small_log, rejected)
    one.process(given)
    one.process([keyed(b"{", b"E1", 9)])
    assert [(item.reason, item.position.offset) for item in rejected[:3]] == [(Reason.WRONG_KEY, n) for n in (2, 3, 4)]
    assert rejected[3].reason is Reason.NOT_JSON
    assert [item.key for item in rejected] == [b"", b"E9", b"E4 ", b"E1"]
    assert "innerwatch rekey" in rejected[0].detail
    assert "E2" not in rejected[0].detail
    assert (one.counts["rejected.wrong_key"], one.counts["events"]) == (3, 3)
    one.process([keyed(event(2, "E2"), b"E2", 20)])
    assert (one.counts["events"], one.counts["duplicates"]) == (4, 0)  # what was rejected was not remembered
    lenient = shard(small_log, [], source={"kafka": {"key": "any"}})
    lenient.process(given)
    assert lenient.counts["events"] == len(names)
