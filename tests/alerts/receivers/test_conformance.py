"""What every kind of receiver promises, over the table: a kind without a fake fails here."""

import importlib
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.alert import Severity
from alerts.receivers.receiver import Notice, Outcome, Phase, Receiver, Result
from alerts.receivers.table import RECEIVERS, open_receiver
from tests.alerts.receivers.fakes.server import CANARY, RETRY_AFTER_S, Certificate, FakeServer, Fault
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import hostile_notice, make_notice
from tests.alerts.samples import make_alert, make_finding

KINDS: Final = list(RECEIVERS)
SLOW: Final = {"kafka"}  # needs a broker
UNCLEAR: Final = (Fault.LATE_AFTER, Fault.CUT_AFTER, Fault.ERROR_AFTER)


def fake_of(kind: str) -> type[FakeServer]:
    """The fake that the module of that name beside the others makes; one that speaks no HTTP only looks like it."""
    module = importlib.import_module(f"tests.alerts.receivers.fakes.{kind}")
    made = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    (fake,) = [one for one in made if hasattr(one, "faults_known")]
    return fake


def fault_cases(*faults: Fault) -> list[Any]:
    known = {kind: fake_of(kind).faults_known for kind in KINDS}
    return [
        pytest.param(kind, fault, id=f"{kind}-{fault.name}")
        for kind in KINDS
        for fault in faults
        if fault in known[kind]
    ]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "kafka":
        fake_of("kafka").broker = request.getfixturevalue("kafka_broker")  # type: ignore[attr-defined]
    return str(request.param)


@pytest.fixture
def fake(kind: str, tmp_path: Path) -> Iterator[FakeServer]:
    with closing(fake_of(kind)(tmp_path)) as server:
        yield server


@pytest.fixture
def opened(kind: str, fake: FakeServer) -> Iterator[Receiver]:
    with closing(open_receiver(kind, fake.settings())) as receiver:
        yield receiver


every_kind: Final = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS], indirect=True
)


def told(receiver: Receiver, notice: Notice) -> Outcome:
    (outcome,) = receiver.send([notice], NOW)
    return outcome


def changed(notice: Notice) -> Notice:
    """The same alert, worse, at its next revision."""
    findings = (make_finding(sentence="It went on in the evening.", detection="odd_hours"), *notice.alert.findings)
    alert = make_alert(risk=95.0, severity=Severity.CRITICAL, findings=findings, alert_id=notice.alert.alert_id)
    return make_notice(alert=alert, revision=notice.revision + 1)


@every_kind
def test_it_is_delivered_once(kind: str, fake: FakeServer, opened: Receiver) -> None:
    assert told(opened, make_notice()).result is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1
    assert fake.reasons == []
    assert fake.resolved() == set()


@every_kind
def test_the_same_notice_again_is_no_second_incident(kind: str, fake: FakeServer, opened: Receiver) -> None:
    for _ in range(3):
        assert told(opened, make_notice()).result is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1


@every_kind
def test_nor_is_it_after_a_restart(kind: str, fake: FakeServer) -> None:
    for notice in (make_notice(), make_notice(), changed(make_notice())):
        with closing(open_receiver(kind, fake.settings())) as receiver:
            assert told(receiver, notice).result is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1


@every_kind
def test_what_changed_is_told_of_the_same_incident(kind: str, fake: FakeServer, opened: Receiver) -> None:
    assert told(opened, make_notice()).result is Result.DELIVERED
    before = len(fake.shown())
    assert told(opened, changed(make_notice())).result is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1
    assert any("95" in text for text in fake.shown()[: before + 200])


@every_kind
def test_of_different_alerts_each_has_its_incident(kind: str, fake: FakeServer, opened: Receiver) -> None:
    notices = [make_notice(alert_fields={"alert_id": f"{n:020x}"}) for n in range(opened.limits.batch)]
    outcomes = opened.send(notices, NOW)
    outcomes += [told(opened, make_notice())]
    assert [outcome.result for outcome in outcomes] == [Result.DELIVERED] * len(outcomes), fake.reasons
    assert len(fake.incidents) == len(outcomes)


@every_kind
def test_what_is_closed_is_told_and_no_second_incident(kind: str, fake: FakeServer, opened: Receiver) -> None:
    closed = make_notice(revision=2, phase=Phase.RESOLVED)
    for notice in (make_notice(), closed, closed):
        assert told(opened, notice).result is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1
    assert fake.resolved() == (set(fake.incidents) if fake.resolves else set())


@pytest.mark.parametrize(("kind", "fault"), fault_cases(*UNCLEAR), indirect=["kind"])
@pytest.mark.parametrize("phase", [Phase.FIRING, Phase.RESOLVED])
def test_where_nobody_knows_whether_it_arrived_it_is_told_again_and_is_no_second_incident(
    kind: str, fault: Fault, phase: Phase, fake: FakeServer
) -> None:
    limit = {"timeout_s": 0.5} if fault is Fault.LATE_AFTER else {}
    with closing(open_receiver(kind, {**fake.settings(), **limit})) as receiver:
        if phase is Phase.RESOLVED:
            while told(receiver, make_notice()).result is Result.RETRY:
                pass
        notice = make_notice(revision=2, phase=phase)
        fake.faults.append(fault)
        results = [told(receiver, notice).result]
        assert results == [Result.RETRY]
        while results[-1] is Result.RETRY and len(results) < 20:
            results.append(told(receiver, notice).result)
    assert results[-1] is Result.DELIVERED, fake.reasons
    assert len(fake.incidents) == 1


@pytest.mark.parametrize(("kind", "fault"), fault_cases(Fault.BUSY), indirect=["kind"])
def test_a_wait_that_is_asked_for_is_passed_on(kind: str, fault: Fault, fake: FakeServer, opened: Receiver) -> None:
    fake.faults.append(fault)
    outcome = told(opened, make_notice())
    assert (outcome.result, outcome.retry_after_s) == (Result.RETRY, RETRY_AFTER_S)
    assert fake.incidents == {}
    assert told(opened, make_notice()).result is Result.DELIVERED, fake.reasons


@pytest.mark.parametrize(("kind", "fault"), fault_cases(Fault.DOWN, Fault.REFUSED, Fault.GONE), indirect=["kind"])
def test_a_refusal_is_told_apart_from_a_bad_day(kind: str, fault: Fault, fake: FakeServer, opened: Receiver) -> None:
    expected = {Fault.DOWN: Result.RETRY, Fault.REFUSED: Result.REFUSED, Fault.GONE: Result.GONE}
    fake.faults.append(fault)
    outcome = told(opened, make_notice())
    assert outcome.result is expected[fault]
    assert outcome.detail
    assert fake.incidents == {}


@every_kind
def test_a_certificate_that_nobody_knows_is_an_outcome(kind: str, tmp_path: Path, certificate: Certificate) -> None:
    with (
        closing(fake_of(kind)(tmp_path, certificate)) as fake,
        closing(open_receiver(kind, fake.settings())) as receiver,
    ):
        outcome = told(receiver, make_notice())
        assert outcome.result is Result.RETRY
        assert "certificate verify failed" in outcome.detail
        assert fake.requests == []


@every_kind
def test_a_name_that_nobody_knows_is_an_outcome(kind: str, fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with closing(open_receiver(kind, fake.elsewhere("nowhere.example"))) as receiver, monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        outcome = told(receiver, make_notice())
    assert outcome.result is Result.RETRY
    assert "nowhere.example" in outcome.detail
    assert fake.requests == []


@every_kind
def test_a_neighbour_that_was_not_allowed_is_refused(kind: str, fake: FakeServer) -> None:
    settings = fake.settings()
    if "allow_networks" in settings:
        with closing(open_receiver(kind, {**settings, "allow_networks": []})) as receiver:
            assert told(receiver, make_notice()).result is Result.REFUSED
        assert fake.requests == []


@every_kind
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_text_arrives_within_limits_and_steers_nothing(
    kind: str, language: str, fake: FakeServer, opened: Receiver
) -> None:
    for fields in ({}, {"revision": 2}, {"revision": 3, "phase": Phase.RESOLVED}):
        outcome = told(opened, hostile_notice(language=language, link="javascript:alert(1)", **fields))
        assert outcome.result is Result.DELIVERED, fake.reasons
    assert fake.reasons == []
    assert len(fake.incidents) == 1
    assert fake.shown()
    for text in fake.shown():
        assert all(line.isprintable() for line in text.split("\n")), text


@every_kind
def test_a_hostile_id_arrives_as_well(kind: str, fake: FakeServer, opened: Receiver) -> None:
    hostile = "1\" OR project = X ^NQactive=true' \x00\n\u202e/../客"
    for fields in ({}, {"revision": 2}):
        notice = make_notice(alert_fields={"alert_id": hostile}, **fields)
        assert told(opened, notice).result is Result.DELIVERED, fake.reasons
    assert fake.reasons == []
    assert len(fake.incidents) <= 1, "a chat's fake knows an alert by its usual id alone"


@every_kind
def test_a_test_is_marked(kind: str, fake: FakeServer, opened: Receiver) -> None:
    assert told(opened, make_notice(test=True)).result is Result.DELIVERED, fake.reasons
    assert fake.marks_tests()


@every_kind
def test_no_outcome_representation_or_log_holds_a_secret(
    kind: str, fake: FakeServer, opened: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[object] = [opened]
    for number, fault in enumerate(sorted(fake.faults_known - {Fault.LATE_AFTER}), 1):
        fake.faults.append(fault)
        seen.append(told(opened, make_notice(revision=number)))
    seen.append(told(opened, make_notice()))
    fake.close()
    seen.append(told(opened, make_notice()))
    text = "\n".join(map(repr, seen)) + caplog.text
    assert CANARY not in text
    assert fake.secret() not in text


@every_kind
def test_it_is_reached_without_being_told_anything(kind: str, fake: FakeServer, opened: Receiver) -> None:
    assert opened.reach() == ""
    assert fake.requests == []
    assert fake.incidents == {}
    assert told(opened, make_notice()).result is Result.DELIVERED, fake.reasons


@every_kind
def test_why_it_cannot_be_reached_is_said_without_a_secret(
    kind: str, fake: FakeServer, opened: Receiver, tmp_path: Path, certificate: Certificate
) -> None:
    (tmp_path / "other").mkdir()
    with (
        closing(fake_of(kind)(tmp_path / "other", certificate)) as unknown,
        closing(open_receiver(kind, unknown.settings())) as receiver,
    ):
        said = receiver.reach()
        assert "certificate verify failed" in said
        assert unknown.requests == []
    settings = fake.settings()
    if "allow_networks" in settings:
        with closing(open_receiver(kind, {**settings, "allow_networks": []})) as receiver:
            assert "allow_networks" in receiver.reach()
    fake.close()
    gone = opened.reach() if kind not in SLOW else ""  # the broker of other tests stays
    assert kind in SLOW or "refused" in gone
    assert CANARY not in said + gone
    assert fake.secret() not in said + gone


@every_kind
def test_closing_twice_is_harmless(kind: str, fake: FakeServer) -> None:
    receiver = open_receiver(kind, fake.settings())
    receiver.close()
    receiver.close()


def test_a_kind_without_a_fake_is_noticed() -> None:
    find: Callable[[str], object] = fake_of
    with pytest.raises(ModuleNotFoundError):
        find("carrier_pigeon")
