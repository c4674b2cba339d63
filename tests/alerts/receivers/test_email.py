"""Mail to a real SMTP server: threads, both kinds of body, TLS or nothing, and every answer an outcome."""

import logging
import re
import ssl
import traceback
from collections.abc import Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.errors import ReceiverError
from alerts.receivers.email import BODY_BYTES, Email, EmailConfig
from alerts.receivers.receiver import Phase, Result
from alerts.receivers.words import words_of
from tests.alerts.receivers.fakes.email import PASSWORD, USER, FakeMail, broken_rule, mail_server
from tests.alerts.receivers.fakes.server import Certificate, make_certificate
from tests.alerts.receivers.notices import HOSTILE, hostile_notice, make_notice
from tests.alerts.samples import make_alert, make_finding
from tests.real.broker import free_ports

NOW = 1_772_500_000.0
LINK = "https://console.example/alerts/1?a=1&b=2"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "IP:127.0.0.1")


@pytest.fixture
def context(certificate: Certificate) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.file, certificate.key)
    return made


@pytest.fixture
def plain() -> Iterator[tuple[FakeMail, int]]:
    with mail_server() as served:
        yield served


def opened(port: int, **settings: object) -> Email:
    usual = {"host": "127.0.0.1", "port": port, "security": "plain", "sender": "innerwatch@alerts.example"}
    recipients = ("soc@example.org", "chief@example.org")
    return Email(EmailConfig(**{"recipients": recipients, "timeout_s": 5.0, **usual, **settings}))  # type: ignore[arg-type]


def body_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


class Tags(HTMLParser):
    """What a browser would see of a body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name != "charset"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_mail_says_everything_as_text_and_as_html(plain: tuple[FakeMail, int], language: str) -> None:
    fake, port = plain
    notice = make_notice(language=language, link=LINK, revision=3)
    assert [one.result for one in opened(port).send([notice], NOW)] == [Result.DELIVERED]
    (mail,) = fake.mails
    assert fake.envelopes == [["soc@example.org", "chief@example.org"]]
    assert "E-7f3a" in mail["Subject"]
    assert (mail["From"], mail["To"]) == ("innerwatch@alerts.example", "soc@example.org, chief@example.org")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Tue, 03 Mar 2026 01:06:40 +0000"
    assert mail["Message-ID"] == "<0123456789abcdef0123.3@alerts.example>"
    html = Tags(body_of(mail, "html"))
    for text in (body_of(mail, "plain"), html.text):
        for shown in (notice.alert.alert_id, "E-7f3a", "412", "T1213", words_of(language)["steps"], LINK):
            assert shown in text
    assert html.links == [LINK]


def test_what_says_something_else_of_one_revision_is_no_repeat_for_a_server() -> None:
    notices = [make_notice(), make_notice(phase=Phase.RESOLVED), make_notice(level=1), make_notice(level=2)]
    ids = [opened(25).mail(notice, NOW)["Message-ID"] for notice in notices]
    assert len(set(ids)) == 4


def test_each_alert_is_a_thread_and_each_revision_a_mail(plain: tuple[FakeMail, int]) -> None:
    fake, port = plain
    notices = [make_notice(alert_fields={"alert_id": one * 20}, revision=n) for one in "ab" for n in (1, 2)]
    assert {one.result for one in opened(port, domain="ids.example").send(notices, NOW)} == {Result.DELIVERED}
    threads = [f"<{one * 20}@ids.example>" for one in "aabb"]
    assert [mail["References"] for mail in fake.mails] == threads
    assert [mail["In-Reply-To"] for mail in fake.mails] == threads
    assert len({mail["Message-ID"] for mail in fake.mails}) == 4


def test_what_is_closed_and_what_is_a_test_is_marked(plain: tuple[FakeMail, int]) -> None:
    fake, port = plain
    opened(port).send([make_notice(phase=Phase.RESOLVED), make_notice(test=True), make_notice()], NOW)
    assert [mail["Subject"].split("]")[0] for mail in fake.mails[:2]] == ["[Closed", "[TEST"]
    assert "Nobody did anything" in body_of(fake.mails[1], "plain")
    assert len({mail["Message-ID"] for mail in fake.mails[1:]}) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_as_much_as_an_alert_can_hold_is_one_lawful_mail(plain: tuple[FakeMail, int], language: str) -> None:
    fake, port = plain
    notice = hostile_notice(language=language)
    assert opened(port).send([notice], NOW)[0].result is Result.DELIVERED
    (mail,) = fake.mails
    assert len(fake.raw[0]) < 10 * BODY_BYTES
    assert mail["Bcc"] is None
    assert not re.search("[\x00-\x09\x0b-\x1f\u2028\u202e]", body_of(mail, "plain").replace("\r\n", "\n"))
    assert set(Tags(body_of(mail, "html")).tags) == {"html", "head", "meta", "body", "p", "br"}


@given(
    text=st.lists(st.text(st.characters() | st.sampled_from("<>&\"'=?\r\n\t .,;:@\u202e\U0001f600客"), max_size=60)
                  | st.sampled_from(["\r\nBcc: a@example.org", "=?utf-8?q?=0ABcc:?=", "\r\n.\r\n", "x" * 1200, HOSTILE,
                                     "</p><script>", "\ud800", "From ", "--==="])).map("".join),
    language=st.sampled_from(["en", "zh"]),
)  # fmt: skip
@example(text="\n.\n", language="en")
def test_no_text_becomes_a_header_a_tag_or_an_end(text: str, language: str) -> None:
    finding = make_finding(sentence=text, unit=text, detection=text, technique=text)
    alert = make_alert(alert_id=text, actor=text, findings=(finding,))
    mail = opened(1).mail(make_notice(alert=alert, language=language, link=text), NOW)
    assert broken_rule(mail.as_bytes()) == ""
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert set(Tags(body_of(mail, "html")).tags) <= {"html", "head", "meta", "body", "p", "br", "a"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_it_logs_in(security: str, context: ssl.SSLContext, certificate: Certificate, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n", "utf-8")
    known = {"security": security, "ca_file": str(certificate.file), "user": USER, "password_file": str(secret)}
    with mail_server(context, implicit=security == "tls", log_in=True) as (fake, port):
        assert opened(port, **known).send([make_notice()], NOW)[0].result is Result.DELIVERED
        assert fake.plain_passwords == (security == "tls")  # where aiosmtpd does not know of the TLS around it
        secret.write_text("wrong-canary\n", "utf-8")
        outcomes = opened(port, **known).send([make_notice()] * 2, NOW)
        assert [(one.result, one.detail) for one in outcomes] == [(Result.REFUSED, "SMTP 535 5.7.8")] * 2
        assert len(fake.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_somebody_else_is_not_believed(security: str, context: ssl.SSLContext, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "IP:127.0.0.1")
    with mail_server(context, implicit=security == "tls") as (fake, port):
        (outcome,) = opened(port, security=security, ca_file=str(other.file)).send([make_notice()], NOW)
    assert (outcome.result, outcome.detail) == (
        Result.RETRY,
        "127.0.0.1: certificate verify failed (self-signed certificate)",
    )
    assert fake.mails == []


def test_a_server_without_tls_gets_nothing(plain: tuple[FakeMail, int]) -> None:
    fake, port = plain
    (outcome,) = opened(port, security="starttls").send([make_notice()], NOW)
    assert (outcome.result, outcome.detail) == (Result.RETRY, "127.0.0.1: SMTPNotSupportedError")
    assert fake.mails == []


@pytest.mark.parametrize(
    ("people", "result", "detail"),
    [
        ({"soc@example.org": "550 5.1.1 nobody"}, Result.DELIVERED, "SMTP 550 for 1 of 2 recipients"),
        ({"soc@example.org": "550 5.1.1 no", "chief@example.org": "550 5.1.1 no"}, Result.REFUSED, "SMTP 550 5.1.1"),
        ({"soc@example.org": "550 5.1.1 no", "chief@example.org": "450 4.7.1 wait"}, Result.RETRY, "SMTP 450 4.7.1"),
        ({"soc@example.org": "450 wait", "chief@example.org": "450 wait"}, Result.RETRY, "SMTP 450"),
    ],
)
def test_who_is_not_let_in_decides(
    people: dict[str, str], result: Result, detail: str, plain: tuple[FakeMail, int]
) -> None:
    fake, port = plain
    fake.people = people
    outcomes = opened(port).send([make_notice(), make_notice(revision=2)], NOW)
    assert [(one.result, one.detail) for one in outcomes] == [(result, detail)] * 2


@pytest.mark.parametrize(
    ("fault", "result", "detail"),
    [
        ("451 4.3.0 later", Result.RETRY, "SMTP 451 4.3.0"),
        ("552 5.2.2 full of E-7f3a", Result.REFUSED, "SMTP 552 5.2.2"),
        ("421 4.3.2 closing", Result.RETRY, "SMTP 421 4.3.2"),
    ],
)
def test_an_answer_to_one_mail_is_that_of_one(
    fault: str, result: Result, detail: str, plain: tuple[FakeMail, int]
) -> None:
    fake, port = plain
    fake.fault = fault
    first, second = opened(port).send([make_notice(), make_notice(revision=2)], NOW)
    assert (first.result, first.detail) == (result, detail)
    assert second.result in ((Result.RETRY,) if "421" in fault else (Result.DELIVERED,))


@pytest.mark.parametrize("fault", ["late", "cut"])
def test_when_nobody_knows_the_repeat_has_the_same_id(fault: str, plain: tuple[FakeMail, int]) -> None:
    fake, port = plain
    notices = [make_notice(revision=number) for number in (1, 2)]
    email = opened(port, timeout_s=0.3)
    fake.fault = fault
    assert [one.result for one in email.send(notices, NOW)] == [Result.RETRY] * 2
    assert [one.result for one in email.send(notices, NOW + 60)] == [Result.DELIVERED] * 2
    ids = [mail["Message-ID"] for mail in fake.mails]
    assert len(ids) == 3
    assert len(set(ids)) == 2


def test_where_nobody_listens_it_is_tried_again() -> None:
    (port,) = free_ports(1)
    outcomes = opened(port).send([make_notice()] * 3, NOW)
    assert [(one.result, one.detail) for one in outcomes] == [(Result.RETRY, "127.0.0.1: Connection refused")] * 3


def test_a_sender_who_is_refused_is_refused(plain: tuple[FakeMail, int]) -> None:
    fake, port = plain
    fake.greeting = "553 5.1.8 no such sender innerwatch@alerts.example"
    (outcome,) = opened(port).send([make_notice()], NOW)
    assert (outcome.result, outcome.detail) == (Result.REFUSED, "SMTP 553 5.1.8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "A <a@example.org>"},
        {"sender": "a@example.org\r\nBcc: b@example.org"},
        {"recipients": ()},
        {"recipients": ("a@example.org, b@example.org",)},
        {"recipients": ("客户@example.org",)},
        {"domain": "a b"},
        {"host": "mail.example"},
        {"user": USER},
        {"password_file": "/none"},
        {"user": USER, "password_file": "/none"},
        {"user": USER, "password_file": "/none", "security": "tls"},
        {"security": "tls", "ca_file": "/none.pem"},
    ],
)
def test_what_cannot_be_used_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ReceiverError):
        opened(25, **wrong)


def test_plain_mail_to_another_machine_must_be_allowed() -> None:
    assert opened(25, host="mail.example", allow_plain=True).limits.batch > 1
    assert opened(25, host="localhost").limits.batch > 1


def test_no_secret_is_said_anywhere(
    context: ssl.SSLContext, certificate: Certificate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}x\n", "utf-8")
    known = {"security": "starttls", "ca_file": str(certificate.file), "user": USER, "password_file": str(secret)}
    said: list[object] = []
    with mail_server(context, log_in=True) as (_, port):
        email = opened(port, **known)
        said += [email, *email.send([make_notice()], NOW)]
    said += email.send([make_notice()], NOW)
    with pytest.raises(ReceiverError) as error:
        opened(1, **{**known, "ca_file": "/none.pem"})
    said += traceback.format_exception(error.value)
    assert PASSWORD not in " ".join(map(repr, said)) + " ".join(map(str, said))
