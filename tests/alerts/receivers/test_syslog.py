"""Syslog: messages by the letter, over each transport, and no delivery where nobody has read."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Severity
from alerts.errors import ReceiverError
from alerts.receivers.receiver import Phase, Result
from alerts.receivers.syslog import Syslog, SyslogConfig, cef
from tests.alerts.receivers.fakes.server import Certificate, make_certificate
from tests.alerts.receivers.fakes.syslog import FakeCollector, collecting, read_cef, read_message
from tests.alerts.receivers.notices import HOSTILE, hostile_notice, make_notice
from tests.alerts.samples import MORNING, make_alert, make_finding
from tests.real.broker import free_ports
from tests.real.rsyslog import Rsyslog, running_rsyslog

NOW = 1_772_500_000.25
LINK = "https://console.example/alerts/1?a=b"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "IP:127.0.0.1")


@pytest.fixture(params=["udp", "tcp", "tls"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(transport: str, certificate: Certificate) -> ssl.SSLContext | None:
    if transport != "tls":
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.file, certificate.key)
    return made


@pytest.fixture
def collector(transport: str, context: ssl.SSLContext | None) -> Iterator[FakeCollector]:
    with collecting(socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM, context) as one:
        yield one


def opened(transport: str, port: int, certificate: Certificate | None = None, **settings: object) -> Syslog:
    usual: dict[str, object] = {"host": "127.0.0.1", "port": port, "transport": transport, "hostname": "here"}
    if certificate is not None:
        usual["ca_file"] = str(certificate.file)
    return Syslog(SyslogConfig(**{"timeout_s": 1.0, **usual, **settings}))  # type: ignore[arg-type]


def test_several_arrive_whole_and_in_order(transport: str, collector: FakeCollector, certificate: Certificate) -> None:
    notices = [make_notice(revision=number) for number in range(1, 51)]
    outcomes = opened(transport, collector.port, certificate).send(notices, NOW)
    assert {outcome.result for outcome in outcomes} == {Result.DELIVERED}
    collector.close()
    said = [read_message(message) for message in collector.messages]
    assert [one.fields["cn1"] for one in said] == [str(number) for number in range(1, 51)]
    assert {one.fields["externalId"] for one in said} == {notices[0].alert.alert_id}


def test_a_message_says_what_an_analyst_needs() -> None:
    syslog = opened("udp", 1, facility="local3")
    said = read_message(syslog.message(make_notice(link=LINK), NOW))
    assert (said.facility, said.severity) == (19, 3)
    assert datetime.fromisoformat(said.time) == datetime.fromtimestamp(NOW, UTC)
    assert (said.host, said.app, said.kind) == ("here", "innerwatch", "firing")
    assert said.header[3:] == ("bulk_export", "High insider risk: E-7f3a, bulk export (risk 72.5 of 100)", "8")
    assert said.fields == {
        "externalId": "0123456789abcdef0123",
        "act": "firing",
        "cn1": "1",
        "cn1Label": "revision",
        "rt": str(int(MORNING.timestamp() * 1000)),
        "suser": "E-7f3a",
        "cfp1": "72.50",
        "cfp1Label": "risk",
        "cs1": "bulk_export",
        "cs1Label": "detections",
        "cs2": "T1213",
        "cs2Label": "techniques",
        "start": str(int(MORNING.timestamp() * 1000)),
        "request": LINK,
        "msg": "E-7f3a opened 412 customers in two hours; a normal day has 18.",
    }


def test_each_severity_has_its_own_and_what_is_closed_is_information() -> None:
    syslog = opened("udp", 1)
    said = [read_message(syslog.message(make_notice(alert_fields={"severity": one}), NOW)) for one in Severity]
    assert [(one.severity, one.header[5]) for one in said] == [(5, "3"), (4, "5"), (3, "8"), (2, "10")]
    closed = read_message(syslog.message(make_notice(phase=Phase.RESOLVED), NOW))
    assert (closed.severity, closed.kind, closed.fields["act"]) == (6, "resolved", "resolved")


def test_a_test_is_marked_and_the_name_is_in_the_readers_language() -> None:
    said = read_message(opened("udp", 1).message(make_notice(test=True, language="zh"), NOW))
    assert (said.kind, said.fields["cs6"], said.fields["cs6Label"]) == ("test", "true", "test")
    assert said.header[4].startswith("[测试] 内部人员风险（高）")


@pytest.mark.parametrize("most", [1024, 2048, 8192])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_as_much_as_an_alert_can_hold_is_cut_to_the_limit(most: int, language: str) -> None:
    notice = hostile_notice(language=language, test=True, link=LINK)
    said = read_message(opened("udp", 1, max_bytes=most, hostname="h" * 64).message(notice, NOW), most)
    assert said.fields["externalId"] == notice.alert.alert_id
    assert said.fields["cs6"] == "true"


@given(
    text=st.lists(st.text(st.characters() | st.sampled_from("|\\=\n\r \U0001f600客"), max_size=40)
                  | st.sampled_from([" act=resolved", "\\", "\\n", "|10|", " externalId=0", HOSTILE])).map("".join),
    most=st.sampled_from([1024, 2048]),
)  # fmt: skip
def test_no_text_becomes_a_field_or_a_line(text: str, most: int) -> None:
    finding = make_finding(sentence=text, unit=text, detection=text, technique=text)
    notice = make_notice(alert=make_alert(actor=text, findings=(finding, finding)))
    said = read_message(opened("udp", 1, max_bytes=most).message(notice, NOW), most)
    assert said.fields["act"] == "firing"
    assert said.fields["externalId"] == notice.alert.alert_id
    assert set(said.fields) <= {
        "externalId", "act", "cn1", "cn1Label", "rt", "suser", "cfp1", "cfp1Label", "cs1", "cs1Label",
        "cs2", "cs2Label", "start", "msg",
    }  # fmt: skip


def test_several_findings_are_lines_of_one_field() -> None:
    findings = tuple(make_finding(sentence=f"line {number}") for number in range(3))
    _, fields = read_cef(cef(make_notice(alert_fields={"findings": findings}), 2000).decode())
    assert fields["msg"] == "line 0\nline 1\nline 2"


def test_where_nobody_listens_it_is_tried_again(transport: str, certificate: Certificate) -> None:
    (port,) = free_ports(1)
    outcomes = opened(transport, port, certificate).send([make_notice()] * 3, NOW)
    assert [(one.result, one.detail) for one in outcomes] == [(Result.RETRY, "127.0.0.1: Connection refused")] * 3


def test_a_name_that_is_none_is_tried_again(transport: str, certificate: Certificate) -> None:
    assert opened(transport, 1, certificate, host="none.invalid").send([make_notice()], NOW)[0].result is Result.RETRY


@pytest.mark.parametrize("manner", ["hang", "break"])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_what_nobody_has_read_to_its_end_is_tried_again_over_a_new_connection(
    manner: str, transport: str, collector: FakeCollector, certificate: Certificate
) -> None:
    syslog = opened(transport, collector.port, certificate, timeout_s=0.3)
    collector.manner = manner
    assert syslog.send([make_notice()], NOW)[0].result is Result.RETRY
    collector.manner = "good"
    syslog = opened(transport, collector.port, certificate, timeout_s=5.0)
    assert syslog.send([make_notice()], NOW)[0].result is Result.DELIVERED
    assert collector.connections == 2
    assert len(collector.messages) == 1


@pytest.mark.parametrize("transport", ["tls"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("manner", ["good", "rude"])
def test_a_collector_that_ends_tls_with_or_without_a_goodbye_has_read(
    manner: str,
    newest: ssl.TLSVersion,
    context: ssl.SSLContext,
    transport: str,
    collector: FakeCollector,
    certificate: Certificate,
) -> None:
    context.maximum_version = newest
    collector.manner = manner
    outcomes = opened("tls", collector.port, certificate).send([make_notice()] * 3, NOW)
    assert {one.result for one in outcomes} == {Result.DELIVERED}
    assert {one.detail for one in outcomes} <= {"", "the collector ended TLS without a goodbye"}
    assert len(collector.messages) == 3


@pytest.mark.parametrize("transport", ["tls"])
def test_a_certificate_of_somebody_else_is_not_believed(
    transport: str, collector: FakeCollector, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "IP:127.0.0.1")
    (outcome,) = opened(transport, collector.port, other).send([make_notice()], NOW)
    assert (outcome.result, outcome.detail) == (
        Result.RETRY,
        "127.0.0.1: certificate verify failed (self-signed certificate)",
    )
    assert collector.messages == []


@pytest.mark.parametrize("transport", ["tls"])
def test_a_certificate_for_another_name_is_not_believed(
    transport: str, collector: FakeCollector, certificate: Certificate
) -> None:
    (outcome,) = opened(transport, collector.port, certificate, host="localhost").send([make_notice()], NOW)
    assert "Hostname mismatch" in outcome.detail


@pytest.mark.parametrize(
    "wrong",
    [{"max_bytes": 480}, {"max_bytes": 100_000}, {"hostname": "two words"}, {"hostname": ""}, {"ca_file": "/none.pem"},
     {"certificate_file": "/none.pem"}],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ReceiverError):
        opened("tls", 1, **wrong)


@pytest.fixture(scope="module")
def rsyslog() -> Iterator[Rsyslog]:
    """A real rsyslog, for the tests of this module."""
    with running_rsyslog() as server:
        yield server


@pytest.mark.slow
def test_rsyslog_takes_all_that_was_told_over_each_transport(rsyslog: Rsyslog, transport: str) -> None:
    before = len(rsyslog.lines(0))
    certificate = Certificate(rsyslog.certificate, rsyslog.certificate)
    syslog = opened(transport, rsyslog.ports[transport], certificate, timeout_s=5.0)
    notices = [make_notice(revision=1, test=True), make_notice(revision=2, language="zh"), hostile_notice(revision=3)]
    assert {one.result for one in syslog.send(notices, NOW)} == {Result.DELIVERED}
    lines = rsyslog.lines(before + 3)[before:]
    assert [line["id"] for line in lines] == ["test", "firing", "firing"]
    assert {(line["host"], line["app"]) for line in lines} == {("here", "innerwatch")}
    for number, line in enumerate(lines, 1):
        _, fields = read_cef(line["msg"].lstrip())
        assert (fields["cn1"], fields["externalId"]) == (str(number), notices[0].alert.alert_id)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_rsyslog_that_hangs_or_was_killed_is_noticed(rsyslog: Rsyslog, transport: str) -> None:
    def told(lines: list[dict[str, str]]) -> bool:
        return any("cn1=9 " in line["msg"] for line in lines[before:])  # 7 may arrive as well, once it goes on

    before = len(rsyslog.lines(0))
    certificate = Certificate(rsyslog.certificate, rsyslog.certificate)
    syslog = opened(transport, rsyslog.ports[transport], certificate, timeout_s=1.0)
    with rsyslog.stopped():
        assert syslog.send([make_notice(revision=7)], NOW)[0].result is Result.RETRY
    rsyslog.kill()
    assert syslog.send([make_notice(revision=8)], NOW)[0].result is Result.RETRY
    rsyslog.start()
    assert syslog.send([make_notice(revision=9)], NOW)[0].result is Result.DELIVERED
    assert told(rsyslog.lines_when(told))
