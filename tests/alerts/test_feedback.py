"""What verdicts say to the detector: given by closing, taken back by opening again, with who and why."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from alerts.alert import Alert
from alerts.desk import DESK, Desk
from alerts.feedback import LASTS_S, Feedback
from alerts.incident import State, Verdict
from alerts.store import Store
from alerts.work import By, Close, Reopen
from tests.alerts.samples import MORNING, make_alert, make_checkpoint, make_finding

NOW = 1_800_000_000.0


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    with closing(Desk(url)) as desk:
        yield desk


@pytest.fixture
def told(url: str, desk: Desk) -> Alert:
    one = make_alert()
    with closing(Store(url)) as store:
        epoch = store.acquire("0")
        store.commit("0", make_checkpoint(epoch=epoch, counters={"feedback.1": 3, "events": 9}), [one], (DESK,))
    desk.take_in([], [], NOW)
    return one


def close(desk: Desk, incident_id: str, verdict: Verdict) -> None:
    desk.act(incident_id, Close(verdict, "a move of the office"), By("ana", NOW))


def in_force(url: str) -> list[Feedback]:
    with closing(Store(url, read_only=True)) as store:
        return store.feedback()


@pytest.mark.parametrize("verdict", ["true_positive", "benign_positive", "false_positive"])
def test_closing_says_who_what_why_and_until_when(url: str, desk: Desk, told: Alert, verdict: str) -> None:
    close(desk, told.alert_id, Verdict(verdict))
    (one,) = in_force(url)
    assert (one.incident_id, one.actor, one.verdict) == (told.alert_id, told.actor, verdict)
    assert one.detections == tuple(sorted({finding.detection for finding in told.findings}))
    assert (one.author, one.reason, one.given) == ("ana", "a move of the office", NOW)
    assert one.ends == told.updated_at.timestamp() + LASTS_S


def test_an_undetermined_incident_says_nothing(url: str, desk: Desk, told: Alert) -> None:
    close(desk, told.alert_id, Verdict.UNDETERMINED)
    assert in_force(url) == []


def test_opening_again_takes_it_back_and_a_second_verdict_has_a_number_of_its_own(
    url: str, desk: Desk, told: Alert
) -> None:
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE)
    desk.act(told.alert_id, Reopen("no"), By("bo", NOW + 5))
    assert in_force(url) == []
    close(desk, told.alert_id, Verdict.TRUE_POSITIVE)
    assert [(one.number, one.verdict) for one in in_force(url)] == [(2, "true_positive")]
    assert [(one.withdrawn, one.withdrawn_by) for one, _ in desk.feedback()] == [(NOW + 5, "bo"), (None, "")]


def test_what_is_new_in_an_alert_opens_the_incident_and_takes_it_back(url: str, desk: Desk, told: Alert) -> None:
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE)
    findings = (*told.findings, make_finding(detection="odd_hours"))
    more = make_alert(findings=findings, risk=99.0, updated_at=MORNING + timedelta(minutes=1))
    with closing(Store(url)) as store:
        epoch = store.acquire("0")
        store.commit("0", make_checkpoint(epoch=epoch), [more], (DESK,))
    desk.take_in([], [], NOW + 9)
    assert in_force(url) == []
    assert desk.incident(told.alert_id)[0].state is State.OPEN


def test_one_can_be_taken_back_alone_and_only_once(url: str, desk: Desk, told: Alert) -> None:
    close(desk, told.alert_id, Verdict.BENIGN_POSITIVE)
    assert desk.withdraw_feedback(1, By("bo", NOW + 7))
    assert not desk.withdraw_feedback(1, By("bo", NOW + 8))
    assert in_force(url) == []
    incident, _, entries, *_ = desk.incident(told.alert_id)
    assert incident.verdict is Verdict.BENIGN_POSITIVE
    assert (entries[-1].author, entries[-1].act, entries[-1].text) == ("bo", "withdrew", "feedback 1")


def test_its_effect_is_the_days_that_shards_have_counted(desk: Desk, told: Alert) -> None:
    close(desk, told.alert_id, Verdict.FALSE_POSITIVE)
    assert [days for _, days in desk.feedback()] == [3]


def test_a_certain_finding_excuses_nothing_beside_it(url: str, desk: Desk) -> None:
    planted = make_finding(detection="honey_record", certain=True)
    one = make_alert(findings=(make_finding(), planted), risk=95.0)
    with closing(Store(url)) as store:
        store.commit("0", make_checkpoint(epoch=store.acquire("0")), [one], (DESK,))
    desk.take_in([], [], NOW)
    close(desk, one.alert_id, Verdict.BENIGN_POSITIVE)
    assert [one.risk for one in in_force(url)] == [0.0]
