"""Alertmanager: what its labels say, and what a real one makes of being told again, killed and restarted."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.alert import Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.incident import Verdict
from alerts.pipeline import Routing, pipeline_of
from alerts.receivers.alertmanager import Alertmanager
from alerts.receivers.receiver import Phase, Result
from alerts.receivers.table import open_receiver
from alerts.work import By, Close
from tests.alerts.receivers.fakes.alertmanager import Fake
from tests.alerts.receivers.fakes.server import Request
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.real.alertmanager import RealAlertmanager, running_alertmanager

HOLD_S = 60.0
PATIENCE_S = 30.0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealAlertmanager]:
    with running_alertmanager(tmp_path) as server:
        yield server


def opened(server: Fake | RealAlertmanager) -> Any:
    reach = {"url": server.url, "allow_networks": ["127.0.0.0/8"], "allow_plain": True, "hold_s": HOLD_S}
    return closing(open_receiver("alertmanager", server.settings() if isinstance(server, Fake) else reach))


def told(receiver: Alertmanager, *notices: Any, left_s: float = HOLD_S) -> None:
    """Tell them, so that they hold for so many seconds from now."""
    outcomes = receiver.send(notices, wall_clock() - HOLD_S + left_s)
    assert {outcome.result for outcome in outcomes} == {Result.DELIVERED}


def wall_clock() -> float:
    return time.time()  # noqa: TID251 - a real server goes by it


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_labels_stay_the_same_and_what_changes_is_an_annotation(fake: Fake) -> None:
    worse = make_alert(
        risk=99.0, severity=Severity.CRITICAL, role="Agent", findings=(make_finding(detection="x"), make_finding())
    )
    with opened(fake) as receiver:
        outcomes = receiver.send([make_notice()], NOW) + receiver.send([make_notice(alert=worse, revision=2)], NOW)
    (alert,) = fake.incidents.values()
    assert outcomes[0].remote_id == "innerwatch-0123456789abcdef0123"
    assert alert["labels"] == {
        "team": "fraud",
        "alertname": "InsiderRisk",
        "alert_id": "innerwatch-0123456789abcdef0123",
        "actor": "E-7f3a",
        "source": "innerwatch",
    }
    assert {alert["annotations"][name] for name in ("severity", "risk", "revision")} == {"critical", "99.00", "2"}
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-03-02T01:14:05.120000Z", "2026-09-21T14:28:20Z")


def test_it_says_how_often_it_wants_to_be_told_again(fake: Fake) -> None:
    with opened(fake) as receiver:
        assert receiver.limits.resend_s == 300.0


def test_an_alert_from_a_clock_ahead_of_ours_does_not_end_before_it_starts(fake: Fake) -> None:
    with opened(fake) as receiver:
        outcomes = receiver.send([make_notice(phase=Phase.RESOLVED)], 1.0)
    assert outcomes[0].result is Result.DELIVERED, fake.reasons


def test_one_alert_that_is_refused_keeps_no_other_back(fake: Fake) -> None:
    fake.refuse = "innerwatch-bad"
    with opened(fake) as receiver:
        notices = [make_notice(alert_fields={"alert_id": name}) for name in ("good", "bad", "well")]
        outcomes = receiver.send(notices, NOW)
    assert [outcome.result for outcome in outcomes] == [Result.DELIVERED, Result.REFUSED, Result.DELIVERED]
    assert [outcome.remote_id for outcome in outcomes] == ["innerwatch-good", "", "innerwatch-well"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": {}}, "at least one label"),
        ({"labels": {"alertname": "x", "a-b": "x"}}, "no name of a label"),
        ({"labels": {"alertname": "x", "n": 1}}, "n is no text"),
        ({"generatorURL": "javascript:x"}, "must be of type uri"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "start time must be before end time"),
        ({"severity": "x"}, "an unknown key"),
    ],
)
def test_the_fake_refuses_what_alertmanager_refuses(change: dict[str, Any], reason: str, fake: Fake) -> None:
    alert = {"labels": {"alertname": "x"}, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-02T00:00:00Z"}
    headers = {"content-type": "application/json", "authorization": f"Bearer {fake.secret()}"}
    for body, status in ((alert, 200), ({**alert, **change}, 422 if "generatorURL" in change else 400)):
        reply = fake.respond(Request("POST", "/api/v2/alerts", {}, headers, json.dumps([body]).encode()))
        assert reply is not None
        assert reply.status == status
    assert reason in fake.reasons[0]
    reply = fake.respond(Request("POST", "/api/v2/alerts", {}, {**headers, "authorization": "Bearer x"}, b"[]"))
    assert reply is not None
    assert reply.status == 401


@pytest.mark.slow
def test_a_real_one_groups_notifies_once_stays_firing_and_resolves(real: RealAlertmanager) -> None:
    first, second = (make_notice(alert_fields={"alert_id": f"{n:020x}"}, link="https://c.example/1") for n in (1, 2))
    with opened(real) as receiver:
        told(receiver, first, second, left_s=4.0)
        # They began long ago, so Alertmanager waits for no other, and the first may be told before the second is there.
        wait_until(lambda: any(len(message["alerts"]) == 2 for message in real.sink.told))
        before = len(real.sink.told)
        assert before <= 2
        assert len({message["groupKey"] for message in real.sink.told}) == 1, "one person's alerts are one group"
        changed = make_notice(alert=make_alert(alert_id=first.alert.alert_id, risk=95.0), revision=2)
        for _ in range(20):
            told(receiver, changed, second, left_s=4.0)
            time.sleep(0.25)
        assert len(real.sink.told) == before
        assert {alert["annotations"]["revision"] for alert in real.alerts()} == {"1", "2"}
        told(receiver, make_notice(alert=changed.alert, revision=3, phase=Phase.RESOLVED))
        told(receiver, second, left_s=4.0)
        wait_until(lambda: sorted(real.sink.states()) == ["firing", "resolved"])
        # What is no longer told is over when its time is.
        wait_until(lambda: real.sink.states() == ["resolved", "resolved"])
    assert len(real.sink.incidents) == 2


class Watch:
    """A desk that tells the real one, by the real clock, every second while an alert is firing."""

    def __init__(self, real: RealAlertmanager, folder: Path, stack: ExitStack) -> None:
        place = Place(f"sqlite:///{folder}/alerts.db")
        store, self.desk = stack.enter_context(closing(place.open())), stack.enter_context(closing(Desk(place.url)))
        store.commit("s", make_checkpoint(epoch=store.acquire("s")), [make_alert()], (DESK,))
        self.desk.acquire()
        post = Post(stack.enter_context(opened(real)), resend_s=1.0)
        self._dispatcher = Dispatcher(self.desk, {"am": post}, pipeline_of(Routing([], ZoneInfo("UTC"))))

    def until(self, holds: Callable[[], bool]) -> None:
        wait_until(lambda: self._dispatcher.step(wall_clock()) >= 0 and holds())

    def failing(self) -> bool:
        return "am" in self._dispatcher.failing

    def well(self) -> bool:
        return not self.failing() and self.desk.tasks()[0].state == "told"

    def close_incident(self) -> None:
        self.desk.act(make_alert().alert_id, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", wall_clock()))


@pytest.fixture
def watch(real: RealAlertmanager, tmp_path: Path) -> Iterator[Watch]:
    with ExitStack() as stack:
        yield Watch(real, tmp_path, stack)


def statuses(real: RealAlertmanager) -> list[str]:
    return [message["status"] for message in real.sink.told]


@pytest.mark.slow
def test_a_real_one_killed_between_firing_and_the_end_tells_again_of_the_one_incident(
    real: RealAlertmanager, watch: Watch
) -> None:
    watch.until(lambda: statuses(real) == ["firing"])
    real.kill()
    watch.until(watch.failing)
    real.start()
    assert real.alerts() == [], "it keeps alerts in memory alone"
    # It writes its log of notifications every quarter of an hour and when it ends in order; so now it tells again.
    watch.until(lambda: statuses(real) == ["firing", "firing"])
    watch.close_incident()
    watch.until(lambda: real.sink.states() == ["resolved"])
    assert statuses(real) == ["firing", "firing", "resolved"]
    (incident,) = real.sink.incidents.values()
    assert incident["labels"]["alert_id"] == "innerwatch-0123456789abcdef0123"


@pytest.mark.slow
def test_a_real_one_restarted_in_order_notifies_once_of_each(real: RealAlertmanager, watch: Watch) -> None:
    watch.until(lambda: statuses(real) == ["firing"])
    noted = time.monotonic() + 1.0  # by then its log has the answer; stopped before, it would have to tell again
    watch.until(lambda: time.monotonic() > noted)
    real.stop()
    watch.until(watch.failing)
    real.start()
    watch.until(watch.well)
    again = time.monotonic() + 3.0  # six times its group_interval, with the alert told every second
    watch.until(lambda: time.monotonic() > again)
    assert len(real.alerts()) == 1
    assert statuses(real) == ["firing"]
    watch.close_incident()
    watch.until(lambda: real.sink.states() == ["resolved"])
    assert statuses(real) == ["firing", "resolved"]
    assert len(real.sink.incidents) == 1
