"""Jira, Cloud and Data Center: one issue a label, one comment a notice, and the rules that the fake keeps."""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts.receivers.jira import document, unformatted
from alerts.receivers.receiver import Phase, Receiver, Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.asking import ask
from tests.alerts.receivers.fakes.jira import Fake
from tests.alerts.receivers.fakes.server import Fault, Reply
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import hostile_notice, make_notice
from tests.alerts.samples import make_alert, make_finding

EMPTY_TEXT = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}],
}
SEARCH = 'project = "SEC" AND labels = "x"'


class DataCenter(Fake):
    cloud = False


@pytest.fixture(params=[Fake, DataCenter], ids=["cloud", "data-center"])
def fake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fake]:
    with closing(request.param(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver(fake: Fake) -> Iterator[Receiver]:
    with closing(open_receiver("jira", fake.settings())) as opened:
        yield opened


def test_an_issue_has_a_label_by_which_it_is_found(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(test=True)], NOW)
    assert (outcome.result, outcome.remote_id) == (Result.DELIVERED, "SEC-1")
    issue = fake.incidents["SEC-1"]
    assert issue["labels"] == ["innerwatch", "innerwatch-0123456789abcdef0123", "innerwatch-test"]
    assert issue["summary"] == "[TEST] High insider risk: E-7f3a, bulk export (risk 72.5 of 100)"
    assert issue["priority"] == {"name": "High"}
    assert "First steps:" in fake.text_of(issue["description"])


def test_each_notice_is_one_comment_also_when_the_key_of_one_begins_that_of_another(
    fake: Fake, receiver: Receiver
) -> None:
    for revision in (12, 12, 1, 1, 13, 1):
        assert receiver.send([make_notice(revision=revision)], NOW)[0].result is Result.DELIVERED
    comments = [fake.text_of(body) for body in fake.incidents["SEC-1"]["comments"]]
    assert ["revision 1\n" in text for text in comments] == [True, False]
    assert "revision 13\n" in comments[1]


def test_a_comment_whose_answer_was_lost_is_not_written_twice(fake: Fake, receiver: Receiver) -> None:
    receiver.send([make_notice()], NOW)
    fake.faults.append(Fault.CUT_AFTER)
    closed = make_notice(revision=2, phase=Phase.RESOLVED)
    results = [receiver.send([closed], NOW)[0].result for _ in range(3)]
    assert results == [Result.RETRY, Result.DELIVERED, Result.DELIVERED]
    assert len(fake.incidents["SEC-1"]["comments"]) == 1


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.ERROR_AFTER])
def test_after_an_unclear_answer_the_search_gets_time_to_learn_of_the_issue(
    fault: Fault, fake: Fake, receiver: Receiver
) -> None:
    fake.faults.append(fault)
    fake.indexed = False
    (outcome,) = receiver.send([make_notice()], NOW)
    assert (outcome.result, outcome.retry_after_s) == (Result.RETRY, 60.0)
    fake.indexed = True
    assert receiver.send([make_notice()], NOW)[0].result is Result.DELIVERED
    assert len(fake.incidents) == 1


def test_closing_what_was_never_told_makes_nothing(fake: Fake, receiver: Receiver) -> None:
    (outcome,) = receiver.send([make_notice(phase=Phase.RESOLVED)], NOW)
    assert outcome.result is Result.DELIVERED
    assert fake.incidents == {}


def test_hostile_text_is_text_there(fake: Fake, receiver: Receiver) -> None:
    for revision in (1, 2):
        assert receiver.send([hostile_notice(revision=revision)], NOW)[0].result is Result.DELIVERED, fake.reasons
    assert fake.reasons == []
    for text in fake.shown():
        assert text.isprintable()


def test_text_cannot_end_the_block_without_format(fake: Fake, receiver: Receiver) -> None:
    alert = make_alert(findings=(make_finding(sentence="{noformat} !http://x/y.png! {NoFormat:title=x}"),))
    for revision in (1, 2):
        assert receiver.send([make_notice(alert=alert, revision=revision)], NOW)[0].result is Result.DELIVERED
    assert fake.reasons == []
    assert any("!http://x/y.png!" in text for text in fake.shown())


def test_an_answer_that_is_no_list_makes_no_issue(
    fake: Fake, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "_search", lambda _: Reply(200, "<html>"))
    (outcome,) = receiver.send([make_notice()], NOW)
    assert outcome.result is Result.RETRY
    assert fake.incidents == {}


def right(fake: Fake) -> dict[str, str]:
    basic = base64.b64encode(f"bot@example.org:{fake.secret()}".encode()).decode()
    return {"authorization": f"Basic {basic}" if fake.cloud else f"Bearer {fake.secret()}"}


@pytest.mark.parametrize(
    "change",
    [
        {"summary": "x" * 256},
        {"summary": "a\nb"},
        {"summary": ""},
        {"labels": ["a b"]},
        {"colour": "red"},
        {"project": {"key": "OTHER"}},
        {"description": "*bold*"},
        {"description": unformatted("x") + "*bold*"},
        {"description": unformatted("x" * 32_768)},
        {"description": document("x" * 32_768)},
        {"description": EMPTY_TEXT},
    ],
)  # fmt: skip
def test_the_fake_refuses_what_jira_refuses_or_would_render(change: dict[str, Any], fake: Fake) -> None:
    base = f"/rest/api/{3 if fake.cloud else 2}"
    description = document("x") if fake.cloud else unformatted("x")
    fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": "x", "labels": ["a"]}
    whole = {**fields, "description": description}
    assert ask(fake, "POST", f"{base}/issue", {"fields": whole}, **right(fake)).status == 201
    assert ask(fake, "POST", f"{base}/issue", {"fields": {**whole, **change}}, **right(fake)).status == 400
    assert ask(fake, "POST", f"{base}/issue", {"fields": whole}).status == 401
    assert ask(fake, "POST", f"{base}/issue/SEC-9/comment", {"body": description}, **right(fake)).status == 404


@pytest.mark.parametrize(
    "jql",
    [
        'labels = "x"',
        f"{SEARCH} OR 1 = 1 ORDER BY created ASC",
        f"{SEARCH.replace('SEC', 'OTHER')} ORDER BY created ASC",
    ],
)
def test_the_fake_takes_no_search_but_that_for_a_label(jql: str, fake: Fake) -> None:
    path = "/rest/api/3/search/jql" if fake.cloud else "/rest/api/2/search"
    query = {"jql": jql, "maxResults": 1, "fields": ["description"]}
    assert ask(fake, "POST", path, query, **right(fake)).status == 400
