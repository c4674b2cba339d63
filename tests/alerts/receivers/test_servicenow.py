"""ServiceNow: found by correlation id, one work note a notice, and the rules that the fake keeps."""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts.receivers.receiver import Phase, Receiver, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.asking import ask
from tests.alerts.receivers.fakes.plain import PlainServer
from tests.alerts.receivers.fakes.servicenow import Fake
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.samples import make_alert, make_finding

TABLE = "/api/now/table/incident"
FIRST = "0" * 32


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver(fake: Fake) -> Iterator[Receiver]:
    with closing(open_receiver("servicenow", fake.settings())) as opened:
        yield opened


def test_an_incident_has_the_fields_that_were_asked_for(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice()], NOW)
    assert (outcome.result, outcome.remote_id) == (Result.DELIVERED, FIRST)
    row = fake.incidents[FIRST]
    assert row["short_description"] == "High insider risk: E-7f3a, bulk export (risk 72.5 of 100)"
    assert (row["correlation_id"], row["urgency"], row["category"]) == (
        "innerwatch-0123456789abcdef0123", "2", "security",
    )  # fmt: skip
    assert "First steps:" in row["description"]


def test_each_notice_leaves_one_work_note(fake: Fake, receiver: Receiver) -> None:
    for revision in (1, 1, 2, 2, 3, 3):
        receiver.send([make_notice(revision=revision)], NOW)
    journal = fake.incidents[FIRST]["journal"]
    assert len(journal) == 2
    assert "revision 2" in journal[0]
    assert "revision 3" in journal[1]
    assert [request.method for request in fake.requests].count("PATCH") == 2


def test_without_fields_for_it_closing_is_left_to_people(fake: Fake) -> None:
    with closing(open_receiver("servicenow", {**fake.settings(), "resolved_fields": {}})) as receiver:
        receiver.send([make_notice(), make_notice(revision=2, phase=Phase.RESOLVED)], NOW)
    assert fake.incidents[FIRST]["state"] == "1"
    assert "The incident was closed." in fake.incidents[FIRST]["journal"][0]


def test_html_in_a_work_note_is_not_shown_as_such(fake: Fake, receiver: Receiver) -> None:
    alert = make_alert(findings=(make_finding(sentence="[code]<img src=x>[/code] [CODE]"),))
    receiver.send([make_notice(alert=alert), make_notice(alert=alert, revision=2)], NOW)
    assert "[ code]<img src=x>[ /code] [ CODE]" in fake.incidents[FIRST]["journal"][0]


def test_closing_what_was_never_told_makes_nothing(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(phase=Phase.RESOLVED)], NOW)
    assert outcome.result is Result.DELIVERED
    assert fake.incidents == {}


def test_a_page_instead_of_a_list_makes_no_incident(tmp_path: Path) -> None:
    with closing(PlainServer(tmp_path)) as server:
        server.answers(200, "<html>Hibernating Instance</html>")
        settings = {**server.settings(), "password_file": str(server.secret_file)}
        with closing(open_receiver("servicenow", settings)) as receiver:
            (outcome,) = receiver.send([make_notice()], NOW)
        assert outcome.result is Result.RETRY
        assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"short_description": "x" * 161}, 400),
        ({"correlation_id": "x" * 101}, 400),
        ({"colour": "red"}, 400),
        ({"urgency": 1}, 400),
        ({"state": "6"}, 403),
    ],
)
def test_the_fake_refuses_what_servicenow_refuses_or_would_cut(body: dict[str, Any], status: int, fake: Fake) -> None:
    right = {"authorization": "Basic " + base64.b64encode(f"innerwatch:{fake.secret()}".encode()).decode()}
    right["accept"] = "application/json"
    assert ask(fake, "POST", TABLE, body, **right).status == status
    assert ask(fake, "POST", TABLE, {"correlation_id": "x"}, **right).status == 201
    assert ask(fake, "PATCH", f"{TABLE}/{FIRST}", body, **right).status == status
    assert ask(fake, "PATCH", f"{TABLE}/{'f' * 32}", {}, **right).status == 404
    assert ask(fake, "POST", TABLE, {}, accept="application/json").status == 401


def test_the_fake_finds_by_correlation_id_alone(fake: Fake) -> None:
    right = {"authorization": "Basic " + base64.b64encode(f"innerwatch:{fake.secret()}".encode()).decode()}
    right["accept"] = "application/json"
    ask(fake, "POST", TABLE, {"correlation_id": "x"}, **right)
    for query, found in (("correlation_id=x", 1), ("correlation_id=y", 0)):
        asked = f"{TABLE}?sysparm_query={query}^ORDERBYsys_created_on&sysparm_fields=sys_id&sysparm_limit=1"
        assert len(ask(fake, "GET", asked, **right).body["result"]) == found
    asked = f"{TABLE}?sysparm_query=correlation_id=x^NQactive=true&sysparm_fields=sys_id&sysparm_limit=1"
    assert ask(fake, "GET", asked, **right).status == 400
