"""Tools that are asked what has changed: over the table of those that can be, against their fakes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.errors import ReceiverError
from alerts.inbound.poll import Page, Poll
from alerts.inbound.sender import Act, Said
from alerts.inbound.table import POLLS, open_poll
from alerts.incident import Verdict
from alerts.receivers.receiver import Result
from alerts.receivers.table import open_receiver
from tests.alerts.inbound.senders import VERDICTS, told_fake, word_of
from tests.alerts.receivers.fakes.server import CANARY, FakeServer, Fault
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.samples import make_alert

LACKING = {("pagerduty", Act.IN_PROGRESS)}
COARSE = {("jira", Act.ACKNOWLEDGED), ("servicenow", Act.ACKNOWLEDGED), ("thehive", Act.ACKNOWLEDGED)}


@pytest.fixture(params=list(POLLS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(kind: str, tmp_path: Path) -> Iterator[Any]:
    with closing(told_fake(kind, tmp_path)) as opened:
        opened.clock = NOW + 10.0  # type: ignore[attr-defined]
        opened.requests.clear()
        yield opened


@pytest.fixture
def poll(kind: str, fake: FakeServer) -> Iterator[Poll]:
    with closing(open_poll(kind, settings_of(kind, fake), VERDICTS)) as opened:
        yield opened


def settings_of(kind: str, fake: FakeServer) -> dict[str, object]:
    more = {"api_url": fake.url, "api_token_file": str(fake.secret_file)} if kind == "pagerduty" else {}
    return {**fake.settings(), **more}


def pages_of(poll: Poll, since: float = NOW - 60.0) -> list[Page]:
    pages, page = [], ""
    while True:
        pages.append(poll.read(since, NOW + 10.0, page))
        assert pages[-1].outcome.result is Result.DELIVERED, pages[-1].outcome
        page = pages[-1].following
        if not page:
            return pages


def all_of(poll: Poll, since: float = NOW - 60.0) -> list[Said]:
    return [said for page in pages_of(poll, since) for said in page.said]


def test_who_did_nothing_there_says_nothing(fake: FakeServer, poll: Poll) -> None:
    assert all_of(poll) == []
    assert fake.reasons == []


def test_what_was_closed_there_is_read_with_its_verdict_author_and_time(kind: str, fake: Any, poll: Poll) -> None:
    fake.said(Act.CLOSED, NOW, word_of(kind))
    (said,) = all_of(poll)
    assert said.alert_ids == (make_alert().alert_id,)
    assert (said.act, said.verdict, said.word) == (Act.CLOSED, Verdict.TRUE_POSITIVE, word_of(kind))
    assert (said.by, said.time) == ("ann", NOW)
    assert all_of(poll) == [said], "the same again has the same id"
    assert fake.reasons == []


def test_what_was_closed_and_is_changed_after_is_not_closed_once_more(kind: str, fake: Any, poll: Poll) -> None:
    fake.said(Act.CLOSED, NOW, word_of(kind))
    (said,) = all_of(poll)
    fake.touched(NOW + 5.0)
    (again,) = all_of(poll)
    assert (again.event_id, again.time) == (said.event_id, said.time)


@pytest.mark.parametrize("act", [Act.ACKNOWLEDGED, Act.IN_PROGRESS, Act.REOPENED])
def test_what_else_people_do_there_is_understood(kind: str, act: Act, fake: Any, poll: Poll) -> None:
    if (kind, act) in LACKING:
        return
    fake.said(act, NOW)
    (said,) = all_of(poll)
    assert said.act is (Act.IN_PROGRESS if (kind, act) in COARSE else act)
    assert (said.by, said.verdict) == ("ann", Verdict.NONE)


def test_what_is_older_than_asked_for_is_not_read_for_ever(kind: str, fake: Any, poll: Poll) -> None:
    fake.said(Act.CLOSED, NOW - 7_200.0)
    assert all_of(poll) == []


def test_more_than_a_page_is_read_to_its_end(kind: str, fake: Any, poll: Poll) -> None:
    count = 55
    with closing(open_receiver(kind, fake.settings())) as receiver:
        for number in range(count):
            receiver.send([make_notice(alert_fields={"alert_id": f"{number:020x}"})], NOW)
            fake.said(Act.CLOSED, NOW - 30.0 + number * 0.5, word_of(kind))
    fake.requests.clear()
    read = all_of(poll)
    assert {said.alert_ids for said in read} == {(f"{number:020x}",) for number in range(count)}
    assert len(read) == count
    assert 2 <= len(fake.requests) <= 5
    assert fake.reasons == []


def test_what_goes_wrong_is_an_outcome(kind: str, fake: FakeServer, poll: Poll) -> None:
    fake.close()
    page = poll.read(NOW, NOW, "")
    assert page.outcome.result is Result.RETRY
    assert (page.said, page.following) == ((), "")


@pytest.mark.parametrize(
    "body", [b"", b"[", b"{}", b"3", b"<html>", b'{"issues": 3, "result": "x", "log_entries": null}']
)
def test_an_answer_that_is_none_is_an_outcome(
    kind: str, body: bytes, fake: FakeServer, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.alerts.receivers.fakes.server import Reply

    monkeypatch.setattr(fake, "handle", lambda _: Reply(200, body))
    assert poll.read(NOW, NOW, "").outcome.result is Result.RETRY


def test_a_row_that_cannot_be_read_hides_no_other(
    kind: str, fake: Any, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.said(Act.CLOSED, NOW, word_of(kind))
    whole = fake.handle

    def spoilt(request: Any) -> Any:
        reply = whole(request)
        rows = (
            reply.body if isinstance(reply.body, list) else next(v for v in reply.body.values() if isinstance(v, list))
        )
        torn = {"changelog": {"histories": [{"items": [{"field": "status"}], "created": "yesterday"}]}}
        rows[:0] = [3, None, {}, torn, {"state": {"display_value": "Closed"}, "stage": "Closed", "_id": "~1"}]
        return reply

    monkeypatch.setattr(fake, "handle", spoilt)
    pages = pages_of(poll)
    assert [said.verdict for page in pages for said in page.said] == [Verdict.TRUE_POSITIVE]
    assert all("cannot be read" in page.outcome.detail for page in pages)


def test_where_it_may_not_go_it_is_refused(kind: str, fake: FakeServer) -> None:
    with closing(open_poll(kind, {**settings_of(kind, fake), "allow_networks": []}, {})) as poll:
        assert poll.read(NOW, NOW, "").outcome.result is Result.REFUSED
    assert fake.requests == []


def test_no_page_or_representation_holds_a_secret(kind: str, fake: Any, poll: Poll) -> None:
    fake.said(Act.CLOSED, NOW)
    seen = [repr(poll), repr(poll.read(NOW - 60.0, NOW, ""))]
    fake.close()
    assert CANARY not in "".join([*seen, repr(poll.read(NOW, NOW, ""))])


def test_data_center_is_asked_as_well(tmp_path: Path) -> None:
    from tests.alerts.receivers.fakes.jira import Fake

    class DataCenter(Fake):
        cloud = False

    with closing(DataCenter(tmp_path)) as fake:
        with closing(open_receiver("jira", fake.settings())) as receiver:
            receiver.send([make_notice()], NOW)
        fake.clock = NOW
        fake.said(Act.CLOSED, NOW, "Misuse")
        with closing(open_poll("jira", fake.settings(), VERDICTS)) as poll:
            assert [said.verdict for said in all_of(poll)] == [Verdict.TRUE_POSITIVE]
        assert fake.reasons == []


def test_a_case_of_thehive_answers_for_the_alerts_that_it_was_made_of(tmp_path: Path) -> None:
    with closing(told_fake("thehive", tmp_path)) as fake, closing(open_receiver("thehive", fake.settings())) as hive:
        hive.send([make_notice(alert_fields={"alert_id": f"{7:020x}"})], NOW)
        body = fake.case("TruePositive", "Closed", NOW)  # type: ignore[attr-defined]
        with closing(open_poll("thehive", fake.settings(), {})) as poll:
            (said,) = all_of(poll)
        assert fake.reasons == []
    assert set(said.alert_ids) == {make_alert().alert_id, f"{7:020x}"}
    assert (said.act, said.verdict) == (Act.CLOSED, Verdict.TRUE_POSITIVE)
    assert msgspec.json.decode(body)["objectType"] == "Case"


def test_what_innerwatch_did_itself_in_servicenow_is_not_said_back(tmp_path: Path) -> None:
    with closing(told_fake("servicenow", tmp_path)) as fake:
        fake.said(Act.CLOSED, NOW)  # type: ignore[attr-defined]
        fake.clock = NOW  # type: ignore[attr-defined]
        (row,) = fake.incidents.values()
        row["sys_updated_by"] = "innerwatch"
        with closing(open_poll("servicenow", fake.settings(), {})) as poll:
            assert all_of(poll) == []


def test_a_kind_that_cannot_be_asked_and_a_missing_key_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match="a receiver of kind webhook cannot be asked; those that can are jira, "):
        open_poll("webhook", {}, {})
    with closing(told_fake("pagerduty", tmp_path)) as fake, pytest.raises(ReceiverError, match="needs api_token_file"):
        open_poll("pagerduty", fake.settings(), {})
    with pytest.raises(ReceiverError, match="a receiver of kind jira needs the key 'project'"):
        open_poll("jira", {"url": "https://jira.example", "token_file": "x"}, {})


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.DOWN, Fault.REFUSED])
def test_a_refusal_is_passed_on(
    kind: str, fault: Fault, fake: FakeServer, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "changes", lambda _: True)
    fake.faults.append(fault)
    outcome = poll.read(NOW - 60.0, NOW, "").outcome
    assert outcome.result is (Result.REFUSED if fault is Fault.REFUSED else Result.RETRY)
    assert outcome.retry_after_s == (7.0 if fault is Fault.BUSY else None)
    assert all_of(poll) == []
