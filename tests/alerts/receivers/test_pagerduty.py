"""PagerDuty: triggers that join, resolves, and the rules that the fake keeps."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts.receivers.receiver import Phase, Receiver, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.asking import ask
from tests.alerts.receivers.fakes.pagerduty import Fake
from tests.alerts.receivers.fakes.server import CANARY
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import hostile_notice, make_notice


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver(fake: Fake) -> Iterator[Receiver]:
    with closing(open_receiver("pagerduty", fake.settings())) as opened:
        yield opened


def test_a_trigger_says_what_whom_and_where_to_look(fake: Fake, receiver: Receiver) -> None:
    notice = make_notice(link="https://console.example/a/1", alert_fields={"department": "Claims"})
    (outcome,) = receiver.send([notice], NOW)
    assert (outcome.result, outcome.remote_id) == (Result.DELIVERED, "innerwatch-0123456789abcdef0123")
    (event,) = fake.incidents.values()
    payload = event["payload"]
    assert payload["summary"] == "High insider risk: E-7f3a, bulk export (risk 72.5 of 100)"
    assert (payload["severity"], payload["component"], payload["group"]) == ("error", "E-7f3a", "Claims")
    assert "First steps:" in payload["custom_details"]["text"]
    assert event["links"] == [{"href": "https://console.example/a/1", "text": "0123456789abcdef0123"}]


def test_what_is_told_after_it_was_closed_is_a_new_incident_there(fake: Fake, receiver: Receiver) -> None:
    receiver.send([make_notice(), make_notice(revision=2, phase=Phase.RESOLVED), make_notice(revision=3)], NOW)
    assert len(fake.incidents) == 2
    assert len(fake.resolved()) == 1


def test_closing_what_was_never_told_opens_nothing(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(phase=Phase.RESOLVED)], NOW)
    assert outcome.result is Result.DELIVERED
    assert fake.incidents == {}


def test_a_test_wakes_nobody_who_goes_by_severity(fake: Fake, receiver: Receiver) -> None:
    receiver.send([make_notice(test=True)], NOW)
    (event,) = fake.incidents.values()
    assert event["payload"]["severity"] == "info"


def test_the_largest_alert_stays_far_below_the_limit(fake: Fake, receiver: Receiver) -> None:
    receiver.send([hostile_notice()], NOW)
    assert len(fake.requests[0].body) < 128 * 1024
    (event,) = fake.incidents.values()
    assert len(event["payload"]["summary"]) <= 1024
    assert "links" not in event


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"routing_key": "short"}, 400),
        ({"routing_key": "x" * 32}, 400),
        ({"event_action": "open"}, 400),
        ({"dedup_key": "x" * 256}, 400),
        ({"payload": {"summary": "x", "source": "x"}}, 400),
        ({"payload": {"summary": "x" * 1025, "source": "x", "severity": "info"}}, 400),
        ({"payload": {"summary": "x", "source": "x", "severity": "high"}}, 400),
        ({"payload": {"summary": "x", "source": "x", "severity": "info", "details": 1}}, 400),
        ({"links": [{"href": "javascript:x"}]}, 400),
        ({"description": "x"}, 400),
        ({"client": "x" * (512 * 1024)}, 413),
    ],
)
def test_the_fake_refuses_what_pagerduty_refuses(change: dict[str, Any], status: int, fake: Fake) -> None:
    payload = {"summary": "x", "source": "x", "severity": "info", "timestamp": "2026-01-01T00:00:00Z"}
    event = {"routing_key": CANARY, "event_action": "trigger", "dedup_key": "k", "payload": payload}
    assert ask(fake, "POST", "/v2/enqueue", event).status == 202
    assert ask(fake, "POST", "/v2/enqueue", {**event, **change}).status == status
    assert len(fake.incidents) == 1
