"""Splunk: events of one body, repeats that a search tells, and the rules that the fake keeps."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from alerts.alert import Alert
from alerts.receivers.receiver import Receiver, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.asking import ask
from tests.alerts.receivers.fakes.server import Fault
from tests.alerts.receivers.fakes.splunk import Fake
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import hostile_notice, make_notice

PATH = "/services/collector/event"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver(fake: Fake) -> Iterator[Receiver]:
    with closing(open_receiver("splunk", fake.settings())) as opened:
        yield opened


def test_several_alerts_are_several_events_of_one_call(fake: Fake, receiver: Receiver) -> None:
    notices = [make_notice(alert_fields={"alert_id": f"{n:020x}"}, revision=n) for n in (1, 2, 3)]
    outcomes = receiver.send(notices, NOW)
    assert [outcome.result for outcome in outcomes] == [Result.DELIVERED] * 3
    assert len(fake.requests) == 1
    event = fake.events[1]
    assert (event["time"], event["index"], event["sourcetype"]) == (1772414045.12, "security", "innerwatch:alert")
    assert event["fields"] == {"alert_id": f"innerwatch-{2:020x}", "revision": 2, "test": "false"}
    assert msgspec.convert(event["event"]["alert"], Alert) == notices[1].alert


def test_what_was_told_twice_is_there_twice_under_one_key(fake: Fake, receiver: Receiver) -> None:
    fake.faults.append(Fault.CUT_AFTER)
    assert [receiver.send([make_notice()], NOW)[0].result for _ in range(2)] == [Result.RETRY, Result.DELIVERED]
    assert len(fake.events) == 2
    assert len({event["event"]["notice"] for event in fake.events}) == 1
    assert len(fake.incidents) == 1


def test_an_older_revision_does_not_take_the_place_of_a_newer(fake: Fake, receiver: Receiver) -> None:
    receiver.send([make_notice(revision=2), make_notice(revision=1)], NOW)
    (incident,) = fake.incidents.values()
    assert incident["fields"]["revision"] == 2


def test_a_wrong_index_refuses_all_and_each_is_told_alone(fake: Fake) -> None:
    with closing(open_receiver("splunk", {**fake.settings(), "index": "nobodys"})) as receiver:
        outcomes = receiver.send([make_notice(), make_notice(revision=2)], NOW)
    assert [outcome.result for outcome in outcomes] == [Result.REFUSED] * 2
    assert len(fake.requests) == 3


def test_hostile_text_comes_back_as_it_was(fake: Fake, receiver: Receiver) -> None:
    notice = hostile_notice()
    receiver.send([notice], NOW)
    assert msgspec.convert(fake.events[0]["event"]["alert"], Alert) == notice.alert


@pytest.mark.parametrize(
    ("body", "header", "status", "code"),
    [
        (b'{"event":1}', "", 401, 2),
        (b'{"event":1}', "Bearer {}", 401, 3),
        (b'{"event":1}', "Splunk other", 403, 4),
        (b"", "Splunk {}", 400, 5),
        (b'{"event":', "Splunk {}", 400, 6),
        (b'{"event":1,"colour":2}', "Splunk {}", 400, 6),
        (b'{"event":1,"index":"other","fields":{}}', "Splunk {}", 400, 7),
        (b'{"time":1}', "Splunk {}", 400, 12),
        (b'{"event":""}', "Splunk {}", 400, 13),
        (b'{"event":1,"fields":{"a":{}}}', "Splunk {}", 400, 15),
    ],
)
def test_the_fake_answers_with_splunks_codes(body: bytes, header: str, status: int, code: int, fake: Fake) -> None:
    reply = ask(fake, "POST", PATH, body, authorization=header.format(fake.secret()))
    assert (reply.status, reply.body["code"]) == (status, code)


def test_the_fake_keeps_what_came_before_an_event_that_cannot_be_read(fake: Fake) -> None:
    good = b'{"event":{"phase":"firing"},"fields":{"alert_id":"a","revision":1}}'
    reply = ask(fake, "POST", PATH, good + b"\n{", authorization=f"Splunk {fake.secret()}")
    assert reply.body["invalid-event-number"] == 1
    assert len(fake.events) == 1
