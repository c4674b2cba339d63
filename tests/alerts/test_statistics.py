"""Numbers about the queue and the work, over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.incident import State, Verdict
from alerts.statistics import DAY_S
from alerts.store import Store
from alerts.work import Assign, By, Close, Move, Note, Reopen
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding

NOW = 1_800_000_000.0


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    with closing(Desk(place.url, place.password_file)) as desk:
        yield desk


@pytest.fixture
def arrive(place: Place, desk: Desk) -> Iterator[Callable[..., str]]:
    """An incident of its own at some time; its id."""
    with closing(Store(place.url, place.password_file)) as store:
        epoch, count = store.acquire("0"), 0

        def arrive(now: float, *detections: str, severity: Severity = Severity.HIGH) -> str:
            nonlocal count
            count += 1
            findings = tuple(make_finding(detection=name) for name in detections or ("bulk_export",))
            alert = make_alert(alert_id=f"{count:020x}", actor=f"E-{count}", severity=severity, findings=findings)
            commit(alert)
            desk.take_in([], [], now)
            return alert.alert_id

        def commit(alert: Alert) -> None:
            store.commit("0", make_checkpoint(epoch=epoch), [alert], (DESK,))

        yield arrive


def test_an_empty_queue_has_numbers_too(desk: Desk) -> None:
    found = desk.statistics(30, NOW)
    assert sum(sum(ages.values()) for ages in found.open.values()) == 0
    assert (found.acknowledged.incidents, found.acknowledged.median_s, found.detections) == (0, None, [])
    assert found.verdicts == dict.fromkeys([verdict.value for verdict in Verdict if verdict], 0)


def test_open_incidents_are_counted_by_severity_and_by_how_long_they_have_waited(
    desk: Desk, arrive: Callable[..., str]
) -> None:
    for days in (9.0, 7.0, 6.9, 3.0, 2.9, 1.0, 0.9):
        arrive(NOW - days * DAY_S)
    done = arrive(NOW - 8 * DAY_S, severity=Severity.LOW)
    arrive(NOW - 8 * DAY_S, severity=Severity.LOW)
    desk.act(done, Close(Verdict.UNDETERMINED, "x"), By("lee", NOW))
    open_ = desk.statistics(30, NOW).open
    assert open_["high"] == {"under_1_day": 1, "1_to_3_days": 2, "3_to_7_days": 2, "over_7_days": 2}
    assert open_["low"] == {"under_1_day": 0, "1_to_3_days": 0, "3_to_7_days": 0, "over_7_days": 1}


def test_the_wait_ends_with_the_first_person_who_takes_it_on(desk: Desk, arrive: Callable[..., str]) -> None:
    waits = [10.0, 20.0, 30.0, 400.0]
    for wait, act in zip(
        waits, (Assign("kim"), Move(State.CONTAINED), Close(Verdict.UNDETERMINED, "x"), Assign("kim")), strict=True
    ):
        incident_id = arrive(NOW - 1_000)
        desk.act(incident_id, Note("a note is no answer"), By("lee", NOW - 999))
        desk.act(incident_id, act, By("lee", NOW - 1_000 + wait))
    arrive(NOW - 1_000)
    found = desk.statistics(30, NOW).acknowledged
    assert (found.incidents, found.median_s, found.p90_s, found.longest_s) == (4, 20.0, 400.0, 400.0)
    assert desk.statistics(1, NOW + 2 * DAY_S).acknowledged.incidents == 0


def test_each_detection_answers_for_the_verdicts_on_what_it_found(desk: Desk, arrive: Callable[..., str]) -> None:
    for detections, verdict in (
        (("bulk_export", "odd_hours"), Verdict.FALSE_POSITIVE),
        (("bulk_export",), Verdict.TRUE_POSITIVE),
        (("bulk_export",), Verdict.BENIGN_POSITIVE),
        (("bulk_export",), Verdict.UNDETERMINED),
        (("odd_hours",), Verdict.FALSE_POSITIVE),
    ):
        desk.act(arrive(NOW, *detections), Close(verdict, "x"), By("lee", NOW))
    taken_back = arrive(NOW, "new_place")
    desk.act(taken_back, Close(Verdict.FALSE_POSITIVE, "x"), By("lee", NOW))
    desk.act(taken_back, Reopen("y"), By("lee", NOW + 1))
    found = desk.statistics(30, NOW + 2)
    assert found.verdicts == {"true_positive": 1, "benign_positive": 1, "false_positive": 2, "undetermined": 1}
    assert [
        (one.detection, one.incidents, one.false_positives, round(one.false_positive_share, 3))
        for one in found.detections
    ] == [("bulk_export", 3, 1, 0.333), ("odd_hours", 2, 2, 1.0)]
    assert desk.statistics(1, NOW + 3 * DAY_S).detections == []
