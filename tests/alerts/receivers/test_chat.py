"""What chats share, and what each of them answers when it refuses."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.receivers.chat import composer, inert, judged, link_of, within
from alerts.receivers.http import Answer
from alerts.receivers.receiver import Outcome, Receiver, Result
from tests.alerts.receivers.fakes.chat import SECRETS
from tests.alerts.receivers.fakes.chats import CHATS
from tests.alerts.receivers.notices import make_notice

NOW = 1_772_500_000.0
TAKEN = Outcome(Result.DELIVERED)
CODES = {7: Outcome(Result.RETRY, "busy", 60.0)}


@contextmanager
def talking(name: str, folder: Path) -> Iterator[tuple[Any, Receiver]]:
    chat = CHATS[name]
    with closing(chat.serve(folder / name)) as fake, closing(chat.open(fake)) as receiver:
        fake.now = NOW
        yield fake, receiver


@pytest.mark.parametrize(
    ("status", "outcome", "body", "result"),
    [
        (200, TAKEN, {"code": 0}, Result.DELIVERED),
        (200, TAKEN, {"code": 7}, Result.RETRY),
        (200, TAKEN, {"code": 8}, Result.REFUSED),
        (200, TAKEN, {"code": "0"}, Result.RETRY),
        (200, TAKEN, {"code": False}, Result.RETRY),
        (200, TAKEN, {}, Result.RETRY),
        (200, TAKEN, [], Result.RETRY),
        (503, Outcome(Result.RETRY), {"code": 0}, Result.RETRY),
        (400, Outcome(Result.REFUSED), {"code": 7}, Result.RETRY),
        (400, Outcome(Result.REFUSED), {"code": 8}, Result.REFUSED),
    ],
)
def test_the_code_counts_and_without_one_nobody_knows(
    status: int, outcome: Outcome, body: object, result: Result
) -> None:
    assert judged(Answer(outcome, status, msgspec.json.encode(body)), "code", CODES).result is result


def test_the_most_that_fits_is_sent() -> None:
    def render(room: int) -> bytes:
        return b"x" * (2 * room + 100)

    assert within(10_000, lambda room: b"x" * room) == b"x" * 10_000
    assert 9_800 < len(within(10_000, render)) <= 10_000
    assert within(100, render) == b"x" * 100


def test_a_digest_shows_at_least_the_first() -> None:
    message = composer([make_notice(), make_notice()])(0)
    assert len(message.parts) == 1
    assert message.more == "... and 1 more"


def test_nothing_that_a_dialect_reads_is_left() -> None:
    assert inert("![a](b) www.x.example HTTP://y", "[]") == "!［a］(b) www．x.example HTTP：//y"


def test_an_address_in_another_script_is_percent_encoded() -> None:
    assert link_of(make_notice(link="https://c.example/客?q=1#\ud800")) == "https://c.example/%E5%AE%A2?q=1#?"


@pytest.mark.parametrize(
    ("name", "fields", "result", "said"),
    [
        ("slack", {"closed": True}, Result.GONE, "no_service"),
        ("teams", {"deleted": True}, Result.GONE, "deleted"),
        ("wecom", {"removed": True}, Result.GONE, "93000"),
        ("dingtalk", {"path": "/elsewhere"}, Result.GONE, "300001"),
        ("feishu", {"path": "/elsewhere"}, Result.GONE, "19001"),
        ("dingtalk", {"signing": "another"}, Result.REFUSED, "310000: signature"),
        ("feishu", {"signing": "another"}, Result.REFUSED, "19021: the signature"),
        ("dingtalk", {"now": NOW - 4000}, Result.REFUSED, "310000"),
        ("feishu", {"now": NOW - 4000}, Result.REFUSED, "19021"),
        ("teams", {"path": "/elsewhere"}, Result.REFUSED, "HTTP 401"),
    ],
)
def test_who_is_refused_learns_why_without_secrets(
    name: str, fields: dict[str, object], result: Result, said: str, tmp_path: Path
) -> None:
    with talking(name, tmp_path) as (fake, receiver):
        for field, value in fields.items():
            setattr(fake, field, value)
        outcomes = receiver.send([make_notice()] * 2, NOW)
        assert [outcome.result for outcome in outcomes] == [result] * 2
        assert said in outcomes[0].detail
        assert not any(secret in repr(outcomes) for secret in SECRETS)
        assert fake.messages == []


def test_slack_is_asked_to_read_nothing_into_a_text(tmp_path: Path) -> None:
    with talking("slack", tmp_path) as (fake, receiver):
        receiver.send([make_notice()] * 2, NOW)
        message = fake.requests[0].json()
        assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)
        assert all(block["text"]["verbatim"] for block in message["blocks"][1:])


def test_a_signature_is_made_anew_for_each_call(tmp_path: Path) -> None:
    for name in ("dingtalk", "feishu"):
        with talking(name, tmp_path) as (fake, receiver):
            for now in (NOW, NOW + 7200):
                fake.now = now
                assert receiver.send([make_notice()], now)[0].result is Result.DELIVERED
