"""TheHive: one alert for each reference, updates that leave people's work, and the rules that the fake keeps."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts.receivers.receiver import Phase, Receiver, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.asking import ask
from tests.alerts.receivers.fakes.server import Fault
from tests.alerts.receivers.fakes.thehive import Fake
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.samples import make_alert, make_finding

ALERT = {"type": "t", "source": "s", "sourceRef": "r", "title": "x", "description": "x"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver(fake: Fake) -> Iterator[Receiver]:
    with closing(open_receiver("thehive", fake.settings())) as opened:
        yield opened


def test_an_alert_has_what_an_analyst_filters_by(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(link="https://console.example/a/1")], NOW)
    assert (outcome.result, outcome.remote_id) == (Result.DELIVERED, "~4096")
    alert = fake.incidents["~4096"]
    assert (alert["type"], alert["source"], alert["sourceRef"]) == (
        "insider-risk", "innerwatch", "innerwatch-0123456789abcdef0123",
    )  # fmt: skip
    assert (alert["severity"], alert["tlp"], alert["pap"], alert["date"]) == (3, 2, 2, 1772414045120)
    assert alert["tags"] == ["innerwatch", "innerwatch-0123456789abcdef0123", "bulk_export", "T1213"]
    assert alert["observables"] == [{"dataType": "other", "data": "E-7f3a", "message": "actor"}]
    assert alert["externalLink"] == "https://console.example/a/1"


def test_an_update_leaves_what_people_set(fake: Fake, receiver: Receiver) -> None:
    receiver.send([make_notice()], NOW)
    fake.incidents["~4096"] |= {"tags": ["mine"], "status": "InProgress", "customFields": [{"name": "x"}]}
    (outcome,) = receiver.send([make_notice(revision=2, alert_fields={"risk": 91.0})], NOW)
    assert (outcome.result, outcome.remote_id) == (Result.DELIVERED, "~4096")
    alert = fake.incidents["~4096"]
    assert (alert["tags"], alert["status"]) == (["mine"], "InProgress")
    assert "risk 91.0" in alert["title"]


def test_without_a_status_of_its_own_closing_is_left_to_people(fake: Fake) -> None:
    settings = {**fake.settings(), "resolved_status": ""}
    with closing(open_receiver("thehive", settings)) as receiver:
        receiver.send([make_notice(), make_notice(revision=2, phase=Phase.RESOLVED)], NOW)
    assert fake.incidents["~4096"]["status"] == "New"
    assert "[Closed]" in fake.incidents["~4096"]["title"]


def test_a_duplicate_that_cannot_be_found_yet_is_told_again(fake: Fake, receiver: Receiver) -> None:
    fake.faults.append(Fault.ERROR_AFTER)
    fake.indexed = False
    results = [receiver.send([make_notice()], NOW)[0].result for _ in range(2)]
    fake.indexed = True
    results += [receiver.send([make_notice()], NOW)[0].result]
    assert results == [Result.RETRY, Result.RETRY, Result.DELIVERED]
    assert len(fake.incidents) == 1


def test_text_cannot_end_the_code_block(fake: Fake, receiver: Receiver) -> None:
    alert = make_alert(findings=(make_finding(sentence="``` ![x](http://x/y.png) `````"),))
    receiver.send([make_notice(alert=alert)], NOW)
    assert any("![x](http://x/y.png)" in text for text in fake.shown())


def test_what_is_refused_for_another_reason_stays_refused(fake: Fake) -> None:
    with closing(open_receiver("thehive", {**fake.settings(), "tlp": 9})) as receiver:
        (outcome,) = receiver.send([make_notice()], NOW)
    assert (outcome.result, outcome.detail) == (Result.REFUSED, "HTTP 400")


def test_closing_what_was_never_told_makes_nothing(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(phase=Phase.RESOLVED)], NOW)
    assert (outcome.result, outcome.detail) == (Result.DELIVERED, "closed before it was told")
    assert fake.incidents == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": None}, "title is too long or empty"),
        ({"title": "x" * 513}, "title is too long"),
        ({"sourceRef": "x" * 129}, "sourceRef is too long"),
        ({"severity": 5}, "severity is out of bounds"),
        ({"tags": ["x" * 129]}, "a tag is too long"),
        ({"status": "Closed"}, "no such status"),
        ({"colour": "red"}, "unknown fields"),
        ({"observables": [{"dataType": "other", "data": "x"}] * 2}, "Observable already exists"),
    ],
)
def test_the_fake_refuses_what_thehive_refuses(change: dict[str, Any], reason: str, fake: Fake) -> None:
    right = {"authorization": f"Bearer {fake.secret()}", "x_organisation": "soc"}
    assert ask(fake, "POST", "/api/v1/alert", {**ALERT, **change}, **right).status == 400
    assert reason in fake.reasons[0]


def test_the_fake_keeps_a_reference_once_and_asks_for_a_key(fake: Fake) -> None:
    right = {"authorization": f"Bearer {fake.secret()}", "x_organisation": "soc"}
    assert ask(fake, "POST", "/api/v1/alert", ALERT, **right).status == 201
    reply = ask(fake, "POST", "/api/v1/alert", {**ALERT, "title": "other"}, **right)
    assert (reply.status, reply.body["type"]) == (400, "CreateError")
    assert ask(fake, "POST", "/api/v1/alert", ALERT, **{**right, "authorization": "Bearer x"}).status == 401
    assert ask(fake, "POST", "/api/v1/alert", ALERT, **{**right, "x_organisation": "x"}).status == 403
    assert ask(fake, "PATCH", "/api/v1/alert/~1", {"title": "x"}, **right).status == 404
    assert ask(fake, "PATCH", "/api/v1/alert/~4096", {"caseTemplate": "x"}, **right).status == 400
