"""What every kind of sender promises, over the table: a kind whose fake says nothing back fails here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from alerts.errors import ForgedError, MalformedError, ReceiverError, StaleError
from alerts.inbound.sender import TOLERANCE_S, Act, Sender
from alerts.incident import Verdict
from tests.alerts.inbound.senders import KINDS, STANDARD, message_of, said_by, secret_of, sender_of, word_of
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.samples import make_alert

UNSIGNED = ("thehive",)
"""Kinds that send a secret and no signature."""
SIGNATURES = {"pagerduty": "x-pagerduty-signature", "jira": "x-hub-signature", "thehive": "authorization"}
DONE_THERE = (Act.ACKNOWLEDGED, Act.IN_PROGRESS, Act.CLOSED, Act.REOPENED)
LACKING = {("pagerduty", Act.IN_PROGRESS)}
COARSE = {("jira", Act.ACKNOWLEDGED), ("servicenow", Act.ACKNOWLEDGED), ("thehive", Act.ACKNOWLEDGED)}
"""What a kind has no word for, and what it calls in progress at once."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
whatever = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sender(kind: str, tmp_path: Path) -> Sender:
    return sender_of(kind, tmp_path)


@pytest.fixture
def message(kind: str, tmp_path: Path) -> tuple[dict[str, str], bytes]:
    return message_of(kind, tmp_path)


def signature_of(kind: str) -> str:
    return SIGNATURES.get(kind, "webhook-signature")


def changed(data: st.DataObject, text: bytes) -> bytes:
    """The text with one byte of it changed."""
    place = data.draw(st.integers(0, len(text) - 1), label="place")
    byte = data.draw(st.integers(0, 255), label="byte")
    assume(byte != text[place])
    return text[:place] + bytes([byte]) + text[place + 1 :]


def test_a_genuine_message_is_taken_and_says_what_was_closed_as_what(
    kind: str, sender: Sender, message: tuple[dict[str, str], bytes]
) -> None:
    said = said_by(sender, *message)
    assert said is not None
    assert said.alert_ids == (make_alert().alert_id,)
    assert (said.act, said.verdict, said.word) == (Act.CLOSED, Verdict.TRUE_POSITIVE, word_of(kind))
    assert (said.by, said.time) == ("ann", NOW)
    assert said.event_id


@pytest.mark.parametrize("act", DONE_THERE)
def test_what_people_do_there_is_understood(kind: str, act: Act, tmp_path: Path) -> None:
    if (kind, act) in LACKING:
        return
    said = said_by(sender_of(kind, tmp_path), *message_of(kind, tmp_path, act))
    assert said is not None
    assert said.act is (Act.IN_PROGRESS if (kind, act) in COARSE else act)
    assert (said.verdict is Verdict.NONE) == (act is not Act.CLOSED)


def test_a_word_that_means_nothing_here_is_no_verdict(
    kind: str, tmp_path: Path, message: tuple[dict[str, str], bytes]
) -> None:
    headers, body = message
    mapped = {word_of(kind): Verdict.BENIGN_POSITIVE}
    said = said_by(sender_of(kind, tmp_path, **mapped), headers, body)
    assert said is not None
    assert said.verdict is Verdict.BENIGN_POSITIVE, "the configuration has the last word"
    sender = sender_of(kind, tmp_path, Other=Verdict.BENIGN_POSITIVE)
    odd = body.replace(word_of(kind).encode(), b"Whatever")
    said = sender.read(headers, odd)
    assert said is not None
    assert (said.act, said.verdict, said.word) == (Act.CLOSED, Verdict.NONE, "Whatever")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNSIGNED])
@whatever
@given(data=st.data())
def test_with_one_byte_of_the_body_changed_it_is_refused(
    kind: str, sender: Sender, message: tuple[dict[str, str], bytes], data: st.DataObject
) -> None:
    headers, body = message
    with pytest.raises(ForgedError):
        sender.verify(headers, changed(data, body), NOW)


@whatever
@given(data=st.data())
def test_with_one_byte_of_its_signature_changed_it_is_refused(
    kind: str, sender: Sender, message: tuple[dict[str, str], bytes], data: st.DataObject
) -> None:
    headers, body = message
    name = signature_of(kind)
    altered = changed(data, headers[name].encode()).decode("latin-1")
    # The name of HTTP's scheme is the same in upper and lower case.
    assume(kind not in UNSIGNED or not altered.endswith(secret_of(kind)) or not altered.lower().startswith("bearer "))
    with pytest.raises(ForgedError):
        sender.verify({**headers, name: altered}, body, NOW)


@pytest.mark.parametrize("kind", STANDARD)
@whatever
@given(data=st.data())
def test_with_one_byte_of_its_time_or_id_changed_it_is_refused(
    kind: str, sender: Sender, message: tuple[dict[str, str], bytes], data: st.DataObject
) -> None:
    headers, body = message
    name = data.draw(st.sampled_from(["webhook-timestamp", "webhook-id"]))
    with pytest.raises(ForgedError):
        sender.verify({**headers, name: changed(data, headers[name].encode()).decode("latin-1")}, body, NOW)


@pytest.mark.parametrize("kind", STANDARD)
@pytest.mark.parametrize("away", [-1, 1])
def test_what_was_signed_too_long_ago_or_is_not_yet_is_refused(
    kind: str, away: int, sender: Sender, message: tuple[dict[str, str], bytes]
) -> None:
    sender.verify(*message, NOW + away * TOLERANCE_S)
    with pytest.raises(StaleError):
        sender.verify(*message, NOW + away * (TOLERANCE_S + 1.0))


def test_each_header_is_needed(kind: str, sender: Sender, message: tuple[dict[str, str], bytes]) -> None:
    headers, body = message
    for name in headers:
        with pytest.raises(ForgedError):
            sender.verify({other: value for other, value in headers.items() if other != name}, body, NOW)


def test_while_a_secret_takes_the_place_of_another_both_are_good_and_no_third(kind: str, tmp_path: Path) -> None:
    old, new, other = (secret_of(kind, seed) for seed in ("old", "new", "other"))
    sender = sender_of(kind, tmp_path, new, old)
    for secret in (old, new):
        sender.verify(*message_of(kind, tmp_path, secret=secret), NOW)
    with pytest.raises(ForgedError):
        sender.verify(*message_of(kind, tmp_path, secret=other), NOW)


@pytest.mark.parametrize("content", ["", "\n \n", "short\n"])
def test_a_file_without_a_good_secret_is_refused_by_name(kind: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match=r"secret"):
        sender_of(kind, tmp_path, content)


@whatever
@given(body=st.binary(max_size=64) | JSON.map(msgspec.json.encode))
@example(body=b"[" * 50_000)
@example(body=b'{"a":' * 50_000)
def test_what_is_no_message_is_malformed_and_nothing_else(kind: str, sender: Sender, body: bytes) -> None:
    readable(sender, {}, body)


def spoilt(value: Any, data: st.DataObject) -> Any:
    """A message's JSON with one place of it something else, or gone."""
    if isinstance(value, Mapping) and value:
        key = data.draw(st.sampled_from(sorted(value)))
        fate = data.draw(st.sampled_from(["within", "within", "within", "gone", "other"]))
        rest = {name: one for name, one in value.items() if name != key}
        if fate == "gone":
            return rest
        return {**rest, key: spoilt(value[key], data) if fate == "within" else data.draw(JSON)}
    if isinstance(value, list) and value:
        return [spoilt(value[0], data), *value[1:]]
    return data.draw(JSON | st.text(max_size=40) | st.sampled_from([10**400, -1, 1e308, "0001-01-01T00:00:00+23:59"]))


@whatever
@given(data=st.data())
def test_a_message_that_is_spoilt_anywhere_is_malformed_or_read_and_nothing_else(
    kind: str, sender: Sender, message: tuple[dict[str, str], bytes], data: st.DataObject
) -> None:
    headers, body = message
    readable(sender, headers, msgspec.json.encode(jsonable(spoilt(msgspec.json.decode(body), data))))


def jsonable(value: Any) -> Any:
    """With numbers that no decoder holds written as they are."""
    if isinstance(value, Mapping):
        return {key: jsonable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [jsonable(one) for one in value]
    return msgspec.Raw(str(value).encode()) if isinstance(value, int) and abs(value) > 2**60 else value


def readable(sender: Sender, headers: Mapping[str, str], body: bytes) -> None:
    try:
        said = sender.read(headers, body)
    except MalformedError:
        return
    if said is not None:
        assert said.alert_ids
        assert said.time >= 0.0
        assert said.act is Act.CLOSED or said.verdict is Verdict.NONE
