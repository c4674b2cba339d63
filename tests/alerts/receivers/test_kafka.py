"""A topic of a real broker: what a message says, and what becomes of it when the broker hangs, dies or refuses."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert
from alerts.errors import ReceiverError
from alerts.receivers.kafka import Kafka
from alerts.receivers.receiver import Phase, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.fakes.kafka import Fake
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.samples import make_alert, make_finding
from tests.real.broker import PASSWORD, Broker, free_ports


@pytest.fixture
def topic(kafka_broker: Broker, tmp_path: Path) -> Iterator[Fake]:
    Fake.broker = kafka_broker
    with closing(Fake(tmp_path)) as topic:
        yield topic


def told(receiver: Any, *notices: Any) -> list[Result]:
    return [outcome.result for outcome in receiver.send(notices, NOW)]


@pytest.mark.slow
def test_a_message_is_the_alert_under_its_actor_and_headers_say_what_of_it(topic: Fake) -> None:
    notice = make_notice(revision=3, level=2, phase=Phase.RESOLVED)
    with closing(open_receiver("kafka", topic.settings())) as receiver:
        (outcome,) = receiver.send([notice], NOW)
    assert outcome.remote_id == f"{topic.topic}/0/0"
    ((key, value, headers),) = topic.requests
    assert key == b"E-7f3a"
    assert headers == {
        "alert_id": b"0123456789abcdef0123", "revision": b"3", "phase": b"resolved", "level": b"2"
    }  # fmt: skip
    assert msgspec.json.decode(value, type=Alert) == notice.alert


@pytest.mark.slow
def test_a_message_in_ocsf_is_a_finding_that_is_closed_with_its_incident(topic: Fake) -> None:
    notices = [make_notice(), make_notice(revision=2, phase=Phase.RESOLVED), make_notice(test=True)]
    with closing(open_receiver("kafka", {**topic.settings(), "format": "ocsf"})) as receiver:
        assert told(receiver, *notices) == [Result.DELIVERED] * 3
    firing, closed, trial = [json.loads(value) for _, value, _ in topic.requests]
    assert (firing["class_uid"], firing["finding_info"]["uid"]) == (2004, "0123456789abcdef0123")
    assert (closed["activity_id"], closed["status"]) == (3, "Resolved")
    assert trial["is_alert"] is False


@pytest.mark.slow
def test_one_that_is_too_large_is_refused_and_keeps_no_other_back(topic: Fake) -> None:
    huge = make_alert(alert_id="f" * 20, findings=(make_finding(sentence="x" * (5 << 20)),))
    notices = [make_notice(alert_fields={"alert_id": f"{n:020x}"}) for n in range(3)]
    notices.insert(1, make_notice(alert=huge))
    with closing(open_receiver("kafka", topic.settings())) as receiver:
        results = told(receiver, *notices)
        assert results == [Result.DELIVERED, Result.REFUSED, Result.DELIVERED, Result.DELIVERED]
        assert told(receiver, make_notice()) == [Result.DELIVERED]
    assert sorted(topic.incidents) == [f"{n:020x}" for n in range(3)] + ["0123456789abcdef0123"]


@pytest.mark.slow
def test_a_topic_that_is_not_there_is_an_outcome_and_none_is_made(topic: Fake) -> None:
    with closing(open_receiver("kafka", {**topic.settings(), "topic": "nowhere", "timeout_s": 2.0})) as receiver:
        (outcome,) = receiver.send([make_notice()], NOW)
        assert outcome.result is Result.RETRY
        assert topic.broker.secure_address in outcome.detail


@pytest.mark.slow
def test_a_wrong_password_is_an_outcome_without_it(topic: Fake, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("canary-4711\n")
    settings = {**topic.settings(), "password_file": str(tmp_path / "wrong"), "timeout_s": 3.0}
    with closing(open_receiver("kafka", settings)) as receiver:
        for _ in range(10):  # a busy machine may not get as far as the log-in in time
            (outcome,) = receiver.send([make_notice()], NOW)
            assert outcome.result is Result.RETRY
            assert "canary-4711" not in outcome.detail
            if "uthentication" in outcome.detail:
                break
    assert "uthentication" in outcome.detail


@pytest.mark.slow
def test_while_the_broker_hangs_or_is_dead_nothing_is_taken_for_delivered(topic: Fake, tmp_path: Path) -> None:
    # A broker of its own: killing the others' would hold them up.
    (folder := tmp_path / "broker").mkdir()
    broker = Broker(folder)
    notice, later = make_notice(), make_notice(revision=2)
    try:
        broker.start()
        broker.send("alerts", [])
        settings = {"servers": [broker.address], "topic": "alerts", "tls": False, "timeout_s": 3.0}
        with closing(open_receiver("kafka", settings)) as receiver:
            assert told(receiver, notice) == [Result.DELIVERED]
            with broker.stopped():
                assert told(receiver, later) == [Result.RETRY]
            assert told(receiver, later) == [Result.DELIVERED]
            broker.kill()
            assert told(receiver, later) == [Result.RETRY]
            broker.start()
            assert told(receiver, later) == [Result.DELIVERED]
        topic.broker, topic.topic = broker, "alerts"  # type: ignore[misc]
        revisions = [headers["revision"] for _, _, headers in topic.requests]
        assert revisions[0] == b"1"
        assert set(revisions[1:]) == {b"2"}
        assert len(topic.incidents) == 1
    finally:
        broker.kill()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"servers": []}, "one or more of host:port"),
        ({"servers": ["kafka-1"]}, "one or more of host:port"),
        ({"topic": "a b"}, "the topic of Kafka"),
        ({"tls": False}, "over TLS alone"),
        ({"username": "x", "password_file": None}, "username and password_file, or neither"),
        ({"certificate_file": "x"}, "belong together"),
        ({"ca_file": "/nowhere.pem"}, "cannot be used"),
        ({"timeout_s": 0}, "timeout_s"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_words(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(PASSWORD)
    usual = {"servers": ["kafka-1:9093"], "topic": "alerts", "username": "u", "password_file": str(tmp_path / "secret")}
    with pytest.raises(ReceiverError, match=message) as caught:
        open_receiver("kafka", {**usual, **change})
    assert PASSWORD not in repr(caught.value) + repr(caught.value.__context__)


def test_nothing_is_called_before_there_is_something_to_tell_and_then_a_refusal_is_an_outcome() -> None:
    (port,) = free_ports(1)
    settings = {"servers": [f"127.0.0.1:{port}"], "topic": "alerts", "tls": False, "timeout_s": 0.5}
    with closing(open_receiver("kafka", settings)) as receiver:
        assert isinstance(receiver, Kafka)
        (outcome,) = receiver.send([make_notice()], NOW)
    assert outcome.result is Result.RETRY
    assert f"127.0.0.1:{port}" in outcome.detail
