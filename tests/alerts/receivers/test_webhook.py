"""The webhook: signed as the specification says, verified by other code than that which signs."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert
from alerts.errors import ReceiverError
from alerts.ocsf import detection_finding
from alerts.receivers.receiver import Phase, Result
from alerts.receivers.webhook import Webhook, WebhookConfig, signature
from tests.alerts.ocsf_schema import faults
from tests.alerts.receivers.fakes.server import CANARY, Request, RuleError
from tests.alerts.receivers.fakes.webhook import NOW, Fake, verify
from tests.alerts.receivers.notices import hostile_notice, make_notice


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with closing(Fake(tmp_path)) as server:
        yield server


def opened(fake: Fake, **settings: Any) -> Webhook:
    return Webhook(msgspec.convert({**fake.settings(), **settings}, WebhookConfig))


def test_the_specifications_own_example_is_signed_alike() -> None:
    """The example that Standard Webhooks and its libraries are tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "other"}, "no signature matches"),
        ({"webhook-timestamp": str(int(NOW) - 299)}, "no signature matches"),
        ({"webhook-timestamp": str(int(NOW) - 301)}, "too old"),
        ({"webhook-signature": "v1,AAAA"}, "no signature matches"),
        ({"webhook-signature": ""}, "no header webhook-signature"),
    ],
)
def test_the_fake_refuses_what_was_not_signed_so(change: dict[str, str], reason: str) -> None:
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(NOW))}
    headers["webhook-signature"] = "v1,AAAA " + signature(CANARY.encode(), "msg_1", int(NOW), b"{}")
    verify(CANARY.encode(), headers, b"{}")
    with pytest.raises(RuleError, match=reason):
        verify(CANARY.encode(), {**headers, **change}, b"{}")
    with pytest.raises(RuleError, match="no signature matches"):
        verify(CANARY.encode(), headers, b"[]")


def test_the_fake_refuses_what_is_no_json(fake: Fake) -> None:
    for headers, body, status in (({}, b"{}", 415), ({"content-type": "application/json"}, b"{", 400)):
        reply = fake.respond(Request("POST", "/", {}, headers, body))
        assert reply is not None
        assert reply.status == status


def test_the_body_is_the_alert_whole(fake: Fake) -> None:
    notice = make_notice(revision=3, link="https://console.example/1", test=True)
    with closing(opened(fake)) as receiver:
        (outcome,) = receiver.send([notice], NOW)
    assert outcome.result is Result.DELIVERED, fake.reasons
    (body,) = fake.bodies
    assert (body["type"], body["timestamp"]) == ("alert.firing", "2026-03-02T01:14:05.120000Z")
    assert msgspec.convert(body["data"]["alert"], Alert) == notice.alert
    assert (body["data"]["revision"], body["data"]["link"], body["data"]["test"]) == (3, notice.link, True)


def test_an_alert_arrives_as_ocsf_where_that_is_asked_for(fake: Fake) -> None:
    with closing(opened(fake, format="ocsf")) as receiver:
        first, closed = make_notice(), make_notice(revision=2, phase=Phase.RESOLVED)
        tried = make_notice(revision=3, test=True, link="https://console.example/1")
        outcomes = receiver.send([first, closed, tried], NOW)
    assert [outcome.result for outcome in outcomes] == [Result.DELIVERED] * 3, fake.reasons
    plain, over, test = fake.bodies
    assert plain == json.loads(msgspec.json.encode(detection_finding(first.alert, 1)))
    assert (over["activity_id"], over["type_uid"], over["status"]) == (3, 200403, "Resolved")
    assert (test["is_alert"], test["metadata"]["labels"]) == (False, ["test"])
    assert test["message"].startswith("[TEST] ")
    assert test["finding_info"]["src_url"] == "https://console.example/1"
    for body in fake.bodies:
        assert faults(body) == []


def test_characters_that_steer_a_screen_are_written_out_and_read_back(fake: Fake) -> None:
    notice = hostile_notice()
    with closing(opened(fake)) as receiver:
        receiver.send([notice], NOW)
    assert fake.requests[0].body.decode().isprintable()
    assert msgspec.convert(fake.bodies[0]["data"]["alert"], Alert) == notice.alert


@pytest.mark.parametrize(
    "secret",
    [CANARY, "whsec_", "whsec_" + base64.b64encode(b"k" * 23).decode(), f"whsec_{CANARY}!", f"whsec_{CANARY}é"],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(secret, "utf-8")
    with pytest.raises(ReceiverError, match="at least 24 bytes in base64") as caught:
        Webhook(WebhookConfig(url="https://a.example", secret_file=str(file)))
    assert CANARY not in repr(caught.value) + repr(caught.value.__context__)
