"""Promises of every chat, against servers that keep the documented rules."""

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerts.alert import Severity
from alerts.errors import ReceiverError
from alerts.receivers.receiver import Notice, Phase, Receiver, Result
from alerts.receivers.words import words_of
from tests.alerts.receivers.fakes.chat import SECRETS, FakeChat
from tests.alerts.receivers.fakes.chats import CHATS, Chat
from tests.alerts.receivers.fakes.server import RETRY_AFTER_S, Fault, Reply
from tests.alerts.receivers.notices import HOSTILE, hostile_notice, make_notice
from tests.alerts.samples import make_alert, make_finding

NOW = 1_772_500_000.0
LINK = "https://console.example/alerts/0123?x=1"
TOO_FAST = {"slack": None, "teams": None, "dingtalk": 600.0, "feishu": 60.0, "wecom": 60.0}


@pytest.fixture(params=list(CHATS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chat(name: str) -> Chat:
    return CHATS[name]


@pytest.fixture
def fake(chat: Chat, tmp_path: Path) -> Iterator[FakeChat]:
    with closing(chat.serve(tmp_path / "fake")) as served:
        served.now = NOW
        yield served


@pytest.fixture
def receiver(chat: Chat, fake: FakeChat) -> Iterator[Receiver]:
    with closing(chat.open(fake)) as opened:
        yield opened


def numbered(count: int, **fields: object) -> list[Notice]:
    severities = list(Severity)
    return [
        make_notice(
            alert_fields={"alert_id": f"{n:020x}", "actor": f"E-{n:03}", "severity": severities[n % 4]}, **fields
        )
        for n in range(count)
    ]


def only_ours(fake: FakeChat, *links: str) -> bool:
    return fake.mentions == [] and set(fake.links) <= set(links)


def test_nothing_to_tell_is_no_message(fake: FakeChat, receiver: Receiver) -> None:
    assert receiver.send([], NOW) == []
    assert fake.requests == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_notice_is_a_full_message(fake: FakeChat, receiver: Receiver, language: str) -> None:
    notice = make_notice(language=language, link=LINK)
    (outcome,) = receiver.send([notice], NOW)
    assert (outcome.result, outcome.detail) == (Result.DELIVERED, "")
    (text,) = fake.messages
    for shown in (notice.alert.alert_id, "E-7f3a", "412", "T1213", words_of(language)["steps"], "72.5"):
        assert shown in text
    assert words_of(language)["test"] not in text
    assert fake.links == [LINK]
    assert fake.mentions == []


def test_several_are_one_digest_with_the_most_severe_first(fake: FakeChat, receiver: Receiver) -> None:
    notices = numbered(receiver.limits.batch)
    outcomes = receiver.send(notices, NOW)
    assert [outcome.result for outcome in outcomes] == [Result.DELIVERED] * len(notices)
    (text,) = fake.messages
    assert str(len(notices)) in text.splitlines()[0]
    assert set(fake.incidents) == {notice.alert.alert_id for notice in notices}
    told = [text.index(notice.alert.alert_id) for notice in notices]
    order = [notices[place].alert.severity for place in sorted(range(len(told)), key=told.__getitem__)]
    assert order == sorted(order, key=list(Severity).index, reverse=True)


@pytest.mark.parametrize(("language", "more"), [("en", r"and (\d+) more"), ("zh", r"另有 (\d+) 条")])
def test_a_digest_without_room_for_all_says_how_many_more(
    fake: FakeChat, receiver: Receiver, language: str, more: str
) -> None:
    notices = [
        make_notice(
            language=language,
            link=LINK + "x" * 900,
            alert_fields={
                "alert_id": f"{n:020x}",
                "actor": HOSTILE * 3,
                "findings": (make_finding(sentence="户" * 3000),),
            },
        )
        for n in range(receiver.limits.batch)
    ]
    receiver.send(notices, NOW)
    (text,) = fake.messages
    found = re.search(more, text)
    assert found
    assert int(found[1]) + len(fake.incidents) == len(notices)


def test_those_that_were_closed_come_last_and_are_marked(fake: FakeChat, receiver: Receiver) -> None:
    closed = make_notice(
        phase=Phase.RESOLVED, alert_fields={"alert_id": "0" * 20, "severity": Severity.CRITICAL, "risk": 95.0}
    )
    standing = make_notice(alert_fields={"alert_id": "1" * 20, "severity": Severity.LOW})
    receiver.send([closed, standing], NOW)
    (text,) = fake.messages
    assert text.index("1" * 20) < text.index("0" * 20)
    assert "Closed" in text
    assert "Closed" not in text.splitlines()[0]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_closed_and_what_is_a_test_is_marked(
    fake: FakeChat, receiver: Receiver, language: str, count: int
) -> None:
    for fields in ({"phase": Phase.RESOLVED}, {"test": True}):
        fake.messages.clear()
        fake.now = None
        receiver.send(numbered(count, language=language, **fields), NOW)
        mark = words_of(language)["test" if "test" in fields else "resolved"]
        assert mark in fake.messages[0].splitlines()[0]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_as_much_as_an_alert_can_hold_stays_text_within_the_limits(
    fake: FakeChat, receiver: Receiver, language: str, count: int
) -> None:
    outcomes = receiver.send([hostile_notice(language=language, test=True)] * count, NOW)
    assert {outcome.result for outcome in outcomes} == {Result.DELIVERED}, fake.reasons
    assert only_ours(fake)
    assert not re.search("[\x00-\x09\x0b-\x1f\u2028\u202e]", fake.messages[0])


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://", "//x", "https://c.example/" + "x" * 5000])
def test_a_link_that_leads_to_no_page_is_left_out(fake: FakeChat, receiver: Receiver, link: str) -> None:
    assert receiver.send([make_notice(link=link)], NOW)[0].result is Result.DELIVERED
    assert fake.links == []


def test_a_link_cannot_break_out_of_its_place(fake: FakeChat, receiver: Receiver) -> None:
    receiver.send([make_notice(link='https://c.example/a)b>c|d "e\n<!channel>[x](https://evil.example)')], NOW)
    (link,) = fake.links
    assert link.startswith("https://c.example/a%29b%3Ec%7Cd%20%22e%0A%3C")
    assert fake.mentions == []


@pytest.fixture(scope="module", params=list(CHATS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FakeChat, Receiver]]:
    """One server and receiver for many examples."""
    chat = CHATS[request.param]
    with closing(chat.serve(tmp_path_factory.mktemp("fake"))) as fake, closing(chat.open(fake)) as receiver:
        yield fake, receiver


ANYTHING = st.text(
    st.characters() | st.sampled_from("<>&@#![]()*_~`|\\{}:/=\"'\n\r\t\u202e\u2066\u200b\U0001f600客"), max_size=60
) | st.sampled_from(
    ["<!channel>", "<@U1>", "<at>all</at>", "<at id=all></at>", "@all", "@13800000000", "[x](https://evil.example)",
     "![x](https://evil.example/a.png)", "https://evil.example", "WWW.evil.example", "{{DATE(2026-01-01T00:00:00Z)}}",
     "</font><font color=\"info\">", "<https://evil.example|x>", "&lt;!here&gt;", ":joy:"]
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.tuples(ANYTHING, ANYTHING, ANYTHING).map("".join),
    times=st.sampled_from([1, 1, 40]),
    language=st.sampled_from(["en", "zh"]),
    count=st.sampled_from([1, 3]),
)
@example(text="\ud800", times=1, language="en", count=1)
def test_no_text_becomes_a_link_a_mention_or_a_refusal(
    served: tuple[FakeChat, Receiver], text: str, times: int, language: str, count: int
) -> None:
    fake, receiver = served
    finding = make_finding(sentence=text * times, unit=text, detection=text, technique=text)
    alert = make_alert(actor=text * times, role=text, department=text, findings=(finding,))
    outcomes = receiver.send([make_notice(alert=alert, language=language)] * count, NOW)
    assert {outcome.result for outcome in outcomes} == {Result.DELIVERED}, fake.reasons
    assert only_ours(fake)
    assert alert.alert_id in fake.messages[-1]


def test_what_comes_too_fast_waits_as_long_as_asked(name: str, fake: FakeChat, receiver: Receiver) -> None:
    while (outcome := receiver.send([make_notice()], NOW)[0]).result is Result.DELIVERED:
        pass
    assert (outcome.result, outcome.retry_after_s) == (Result.RETRY, TOO_FAST[name])
    fake.now = NOW + 601
    assert receiver.send([make_notice()], fake.now)[0].result is Result.DELIVERED


def test_its_own_limits_keep_within_the_rate(fake: FakeChat, receiver: Receiver) -> None:
    calls, per_s = receiver.limits.calls, receiver.limits.per_s
    for call in range(4 * calls):
        fake.now = NOW + call // calls * per_s
        assert receiver.send([make_notice()], fake.now)[0].result is Result.DELIVERED


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.LATE_AFTER, Result.RETRY),
        (Fault.CUT_AFTER, Result.RETRY),
        (Fault.ERROR_AFTER, Result.RETRY),
        (Fault.BUSY, Result.RETRY),
        (Fault.DOWN, Result.RETRY),
        (Fault.REFUSED, Result.REFUSED),
        (Fault.GONE, Result.GONE),
    ],
)
def test_after_a_fault_a_repeat_names_the_same_alert(chat: Chat, fake: FakeChat, fault: Fault, result: Result) -> None:
    notices = numbered(3)
    fake.now = None
    fake.faults.append(fault)
    with closing(chat.open(fake, timeout_s=0.3)) as receiver:
        outcomes = receiver.send(notices, NOW)
        assert [outcome.result for outcome in outcomes] == [result] * 3
        if fault is Fault.BUSY:
            assert outcomes[0].retry_after_s == RETRY_AFTER_S
        assert {outcome.result for outcome in receiver.send(notices, NOW)} == {Result.DELIVERED}
    assert set(fake.incidents) == {notice.alert.alert_id for notice in notices}


def test_no_secret_is_said_anywhere(
    chat: Chat, fake: FakeChat, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING)
    said: list[object] = []
    with closing(chat.open(fake, timeout_s=0.2)) as receiver:
        said.append(receiver)
        for fault in Fault:
            fake.faults.append(fault)
            said += receiver.send([make_notice()], NOW)
        fake.query, fake.path = "?", "/elsewhere"  # type: ignore[misc]
        said += receiver.send([make_notice()], NOW)
    fake.close()
    with closing(chat.open(fake, timeout_s=0.2)) as receiver:
        said += receiver.send([make_notice()], NOW)
    for broken in ({"url": "https://x"}, {"allow_plain": False}, {"allow_networks": ["x"]}, {"ca_file": "/none.pem"}):
        with pytest.raises(ReceiverError) as error:
            chat.open(fake, **broken)
        said += traceback.format_exception(error.value)
    heard = " ".join(map(repr, said)) + " ".join(map(str, said)) + caplog.text + "".join(capsys.readouterr())
    for secret in SECRETS:
        assert secret not in heard.replace(str(fake.folder), "")


def test_the_url_comes_by_a_file_alone(chat: Chat, fake: FakeChat) -> None:
    for wrong in ({"url_file": None}, {"url": "https://hooks.example"}, {"url_file": "/none"}):
        with pytest.raises(ReceiverError):
            chat.open(fake, **wrong)


def test_an_answer_that_is_none_of_theirs_is_tried_again(name: str, fake: FakeChat, receiver: Receiver) -> None:
    if name == "teams":
        return  # whose flow answers without a word
    fake.handle = lambda request: Reply(200, b"<html>maintenance</html>")  # type: ignore[method-assign]
    assert receiver.send([make_notice()], NOW)[0].result is Result.RETRY
