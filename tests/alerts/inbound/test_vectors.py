"""Signatures that were published with their secrets and messages, and how secrets are sent."""

import base64
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from alerts.errors import ForgedError, ReceiverError, StaleError
from alerts.inbound.sender import Act, SenderConfig
from alerts.inbound.table import open_sender
from alerts.incident import Verdict
from tests.alerts.inbound.senders import secret_of, sender_of, told_fake
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.samples import make_alert

# Of PagerDuty's own library: webhookv3_test.go in PagerDuty/go-pagerduty.
PAGERDUTY_SECRET = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
PAGERDUTY_SIGNATURE = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
PAGERDUTY_BODY = (Path(__file__).parent / "pagerduty_signed.json").read_bytes()


def test_the_example_of_the_standard_webhooks_libraries_is_genuine(tmp_path: Path) -> None:
    sender = sender_of("webhook", tmp_path, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "
        "v2,nothing v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    sender.verify(headers, body, 1_614_265_330.0)
    with pytest.raises(StaleError):
        sender.verify(headers, body, NOW)
    with pytest.raises(ForgedError):
        sender.verify({**headers, "webhook-signature": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="}, body, NOW)


def test_the_example_of_pagerdutys_library_is_genuine_and_about_nothing_of_ours(tmp_path: Path) -> None:
    sender = sender_of("pagerduty", tmp_path, PAGERDUTY_SECRET)
    for header in (PAGERDUTY_SIGNATURE, f"v1={'0' * 64},{PAGERDUTY_SIGNATURE}", f"v2=abc, {PAGERDUTY_SIGNATURE}"):
        sender.verify({"x-pagerduty-signature": header}, PAGERDUTY_BODY, NOW)
    assert sender.read({}, PAGERDUTY_BODY) is None
    with pytest.raises(ForgedError):
        sender.verify({"x-pagerduty-signature": f"v1={'7' * 64}"}, PAGERDUTY_BODY, NOW)


def test_what_pagerduty_resolves_by_itself_or_by_a_merge_is_a_note_and_no_verdict(tmp_path: Path) -> None:
    sender = sender_of("pagerduty", tmp_path, resolved=Verdict.UNDETERMINED)
    with closing(told_fake("pagerduty", tmp_path)) as fake:
        by_itself = msgspec.json.decode(fake.said(Act.NOTED, NOW))  # type: ignore[attr-defined]
        by_hand = msgspec.json.decode(fake.said(Act.CLOSED, NOW))  # type: ignore[attr-defined]
    merged = msgspec.json.decode(msgspec.json.encode(by_hand))
    merged["event"]["data"]["resolve_reason"] = {"type": "merge_resolve_reason", "incident": {"id": "P7"}}
    said = [sender.read({}, msgspec.json.encode(one)) for one in (by_itself, merged, by_hand)]
    assert [(one.act, one.verdict) for one in said if one] == [
        (Act.NOTED, Verdict.NONE), (Act.NOTED, Verdict.NONE), (Act.CLOSED, Verdict.UNDETERMINED),
    ]  # fmt: skip


def test_a_case_of_thehive_is_known_by_the_tags_of_its_alerts(tmp_path: Path) -> None:
    with closing(told_fake("thehive", tmp_path)) as fake:
        body = fake.case("FalsePositive", "Closed", NOW)  # type: ignore[attr-defined]
    said = sender_of("thehive", tmp_path).read({}, body)
    assert said is not None
    assert (said.alert_ids, said.act, said.verdict) == (
        (make_alert().alert_id,), Act.CLOSED, Verdict.FALSE_POSITIVE,
    )  # fmt: skip
    assert sender_of("thehive", tmp_path).read({}, body.replace(b'"update"', b'"create"')) is None


def test_the_example_of_atlassians_documentation_is_genuine(tmp_path: Path) -> None:
    sender = sender_of("jira", tmp_path, "It's a Secret to Everybody")
    right = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    sender.verify({"x-hub-signature": right}, b"Hello World!", NOW)
    for wrong in (right.removeprefix("sha256="), right.replace("sha256", "sha1"), "sha256=", ""):
        with pytest.raises(ForgedError):
            sender.verify({"x-hub-signature": wrong}, b"Hello World!", NOW)


def test_thehive_may_send_its_secret_as_a_password(tmp_path: Path) -> None:
    sender = sender_of("thehive", tmp_path)
    sender.verify({"authorization": basic("hive", secret_of("thehive"))}, b"{}", NOW)
    for wrong in (basic("hive", "other"), basic(secret_of("thehive"), ""), "Basic ???", "Basic /w==", "Bearer"):
        with pytest.raises(ForgedError):
            sender.verify({"authorization": wrong}, b"{}", NOW)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_kind_that_says_nothing_back_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match="a receiver of kind slack says nothing back; those that do are jira, "):
        open_sender("slack", SenderConfig(secret_file=str(tmp_path / "none")))
