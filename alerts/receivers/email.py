"""Mail, over SMTP with TLS."""

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import blake2b
from html import escape as escape_html
from ipaddress import ip_address
from typing import Final, Literal

import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.chat import OPEN, link_of
from alerts.receivers.http import TIMEOUT_S, read_secret
from alerts.receivers.reasons import reason
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import body_lines, fitted, title
from alerts.receivers.words import ENGLISH

BODY_BYTES: Final = 100_000
SUBJECT_BYTES: Final = 240
PORTS: Final = {"starttls": 587, "tls": 465, "plain": 25}
ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@([A-Za-z0-9.-]{1,253})")
DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
PLAIN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
ENHANCED: Final = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463


class EmailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which server takes the mail, from whom and for whom.

    `security` is "starttls", "tls" (from the first byte) or "plain"; `port` is that of the security if None. `ca_file`
    signs the server's certificate, the system's authorities if None. "plain" needs a loopback host or `allow_plain`,
    and bears no password. `user` logs in with the first line of `password_file`. `domain` stands in message ids, that
    of `sender` if None.
    """

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int | None = None
    security: Literal["starttls", "tls", "plain"] = "starttls"
    allow_plain: bool = False
    ca_file: str | None = None
    user: str | None = None
    password_file: str | None = None
    domain: str | None = None
    timeout_s: float = TIMEOUT_S


class Email:
    """Sends a mail for each notice, several over one connection.

    A digest would belong to no alert's thread, and a mail server bears a mail for each; so there is one. Its Message-ID
    is made of what it says of which revision: a mail that is sent again, because a connection broke before the answer,
    has the same, and many servers and readers show it once. All mails of an alert refer to one id, so that they stand
    in one thread (RFC 5322 section 3.6.4). Where a server takes some recipients and refuses others, that is delivered,
    and told in the outcome. A server that offers no TLS gets nothing.

    `ReceiverError` when the configuration cannot be used.
    """

    limits = Limits(calls=6, per_s=60.0, batch=20)

    def __init__(self, config: EmailConfig) -> None:
        _check(config)
        self._config = config
        self._domain = config.domain or config.sender.rpartition("@")[2]
        self._password = read_secret(config.password_file) if config.password_file else ""
        self._context = None if config.security == "plain" else _context(config.ca_file)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One mail a notice, over one connection; what a broken connection has left is to be tried again."""
        outcomes: list[Outcome] = []
        try:
            with self._connection() as server:
                # One by one, so that what was answered is kept when the connection breaks.
                outcomes.extend(self._one(server, notice, now) for notice in notices)
        except (smtplib.SMTPException, OSError) as error:
            outcome = _failure(error, self._config.host)
            outcomes += [outcome] * (len(notices) - len(outcomes))
        return outcomes

    def reach(self) -> str:
        """Connect and log in, and say why that fails."""
        try:
            with self._connection():
                return ""
        except (smtplib.SMTPException, OSError) as error:
            return _failure(error, self._config.host).detail

    def close(self) -> None:
        """Nothing is held between calls."""

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        config = self._config
        port = config.port or PORTS[config.security]
        if config.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, port, self._domain, timeout=config.timeout_s, context=self._context
            )
        else:
            server = smtplib.SMTP(config.host, port, self._domain, timeout=config.timeout_s)
        try:
            if config.security == "starttls":
                server.starttls(context=self._context)
            if config.user is not None:
                server.login(config.user, self._password)
            yield server
            # What was taken stays taken, whatever becomes of the goodbye.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _one(self, server: smtplib.SMTP, notice: Notice, now: float) -> Outcome:
        data = self.mail(notice, now).as_bytes()
        try:
            refused = server.sendmail(self._config.sender, self._config.recipients, data)
        except smtplib.SMTPServerDisconnected:
            raise  # and with it all that are left
        except smtplib.SMTPException as error:
            return _failure(error, self._config.host)
        if not refused:
            return Outcome(Result.DELIVERED)
        codes = ", ".join(sorted({str(code) for code, _ in refused.values()}))
        return Outcome(
            Result.DELIVERED, f"SMTP {codes} for {len(refused)} of {len(self._config.recipients)} recipients"
        )

    def mail(self, notice: Notice, now: float) -> EmailMessage:
        """The mail about a notice, as text and as HTML, in seven bits."""
        mail = EmailMessage(policy=SMTP)
        # Message-ID of the thread: no mail has it, so that it does not matter which revision is heard first.
        thread = f"<{_id(notice)}@{self._domain}>"
        kind = ".test" * notice.test + ".closed" * (notice.phase is Phase.RESOLVED)
        kind += f".{notice.level}" if notice.level else ""
        mail["From"] = self._config.sender
        mail["To"] = ", ".join(self._config.recipients)
        # What looks like an encoded word (RFC 2047) would be read as one, line breaks and all.
        mail["Subject"] = fitted(title(notice).replace("=?", "＝?"), SUBJECT_BYTES, notice.language)
        mail["Date"] = format_datetime(datetime.fromtimestamp(int(now), UTC))
        mail["Message-ID"] = f"<{_id(notice)}.{notice.revision}{kind}@{self._domain}>"
        mail["In-Reply-To"] = thread
        mail["References"] = thread
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice shall answer
        text = fitted("\n".join(body_lines(notice)), BODY_BYTES, notice.language)
        mail.set_content(text + "\n", cte="quoted-printable")
        mail.add_alternative(_html(text, notice), subtype="html", cte="quoted-printable")
        return mail


def _check(config: EmailConfig) -> None:
    for address in (config.sender, *config.recipients):
        if not ADDRESS.fullmatch(address):
            raise ReceiverError("a mail address must look like name@example.org, in ASCII and without a display name")
    if not config.recipients:
        raise ReceiverError("mail needs at least one of recipients")
    if config.domain is not None and not DOMAIN.fullmatch(config.domain):
        raise ReceiverError("the domain of message ids must look like example.org")
    if (config.user is None) != (config.password_file is None):
        raise ReceiverError("to log in to a mail server give user and password_file, or neither")
    if config.security == "plain":
        if config.user is not None:
            raise ReceiverError("a password goes over TLS alone; set security to starttls or tls")
        if not (config.allow_plain or _loopback(config.host)):
            raise ReceiverError("plain mail goes to this machine alone; set security to starttls, or allow_plain")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ReceiverError(f"{ca_file}: no certificates ({error.strerror or error}); give a PEM file") from error


def _id(notice: Notice) -> str:
    alert_id = notice.alert.alert_id
    if PLAIN_ID.fullmatch(alert_id):
        return alert_id
    return blake2b(alert_id.encode("utf-8", "replace"), digest_size=10).hexdigest()


def _html(text: str, notice: Notice) -> str:
    lines = "<br>\n".join(escape_html(line) for line in text.split("\n"))
    link = link_of(notice)
    word = OPEN.get(notice.language, OPEN[ENGLISH])
    way = f'<p><a href="{escape_html(link)}">{word}</a></p>\n' if link else ""
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n<p>{lines}</p>\n{way}</body></html>\n'


def _failure(error: smtplib.SMTPException | OSError, host: str) -> Outcome:
    """RFC 5321 section 4.2.1: 4yz may pass, 5yz will not. A server's own words are left out, they may name people."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        # One who may be let in later is enough to try again: nobody has had it yet.
        code, words = min(error.recipients.values(), key=lambda answer: answer[0])
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        words = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
    else:
        return Outcome(Result.RETRY, f"{host}: {reason(error)}")
    found = ENHANCED.match(words)
    detail = f"SMTP {code}{f' {found[0].decode()}' if found else ''}"
    return Outcome(Result.REFUSED if 500 <= code < 600 else Result.RETRY, detail)
