"""Verdicts as labels: with the times at which they were given and taken back, of whom and of which alerts."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.feedback import Exceptions
from alerts.incident import Verdict
from alerts.labels import Label
from alerts.store import Store
from alerts.work import By, Close, Merge, Reopen
from tests.alerts.samples import MORNING, make_alert, make_checkpoint

NOW = MORNING.timestamp() + 1_000_000.0
OTHER = "b" * 20


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    with closing(Desk(url)) as desk:
        yield desk


@pytest.fixture
def told(url: str, desk: Desk) -> Alert:
    one = make_alert()
    with closing(Store(url)) as store:
        epoch = store.acquire("0")
        other = msgspec.structs.replace(one, alert_id=OTHER, actor="E-other")
        store.commit("0", make_checkpoint(epoch=epoch), [one, other], (DESK,))
    desk.take_in([], [], NOW - 100)
    return one


def close(desk: Desk, incident_id: str, verdict: Verdict, now: float) -> None:
    desk.act(incident_id, Close(verdict, "a move"), By("ana", now))


def reopen(desk: Desk, incident_id: str, now: float) -> None:
    desk.act(incident_id, Reopen("after all"), By("bo", now))


def labels(url: str) -> list[Label]:
    with closing(Store(url, read_only=True)) as store:
        return store.labels()


def test_every_verdict_is_a_label_also_those_that_were_taken_back(url: str, desk: Desk, told: Alert) -> None:
    assert labels(url) == []
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE, NOW)
    reopen(desk, told.alert_id, NOW + 5)
    close(desk, told.alert_id, Verdict.UNDETERMINED, NOW + 10)
    reopen(desk, told.alert_id, NOW + 15)
    close(desk, told.alert_id, Verdict.TRUE_POSITIVE, NOW + 20)
    close(desk, OTHER, Verdict.UNDETERMINED, NOW + 30)
    found = labels(url)
    assert [(one.alert_id, one.verdict, one.given - NOW, (one.withdrawn or NOW) - NOW) for one in found] == [
        (told.alert_id, "false_positive", 0, 5),
        (told.alert_id, "undetermined", 10, 15),
        (told.alert_id, "true_positive", 20, 0),
        (OTHER, "undetermined", 30, 0),
    ]
    assert {(one.actor, one.opened_at, one.incident_id) for one in found[:3]} == {
        (told.actor, told.opened_at, told.alert_id)
    }


def test_a_verdict_is_about_each_alert_of_its_incident_and_its_own_actor(url: str, desk: Desk, told: Alert) -> None:
    desk.act(OTHER, Merge(told.alert_id), By("ana", NOW - 50))
    close(desk, told.alert_id, Verdict.BENIGN_POSITIVE, NOW)
    assert [(one.alert_id, one.actor) for one in labels(url)] == [(told.alert_id, told.actor), (OTHER, "E-other")]


def test_an_alert_that_opened_after_a_verdict_has_no_part_in_it(url: str, desk: Desk, told: Alert) -> None:
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE, NOW)
    with closing(Store(url)) as store:
        late = told.opened_at + timedelta(seconds=2_000_000)
        new = msgspec.structs.replace(told, alert_id="c" * 20, opened_at=late, updated_at=late)
        store.commit("0", make_checkpoint(epoch=store.acquire("0")), [new], (DESK,))
    desk.take_in([], [], NOW + 2_000_000)
    assert [one.alert_id for one in labels(url)] == [told.alert_id]


def test_what_is_only_expected_is_no_label_and_feedback_alone_can_be_taken_back(
    url: str, desk: Desk, told: Alert
) -> None:
    expected = Exceptions(
        actors=(told.actor,), detections=("bulk_export",), most=Severity.HIGH, days=14, reason="a migration"
    )
    desk.expect(expected, By("ana", NOW))
    assert labels(url) == []
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE, NOW)
    desk.withdraw_feedback(2, By("bo", NOW + 9))
    assert [(one.verdict, one.withdrawn) for one in labels(url)] == [("false_positive", NOW + 9)]
