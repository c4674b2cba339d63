"""A mail server on loopback: aiosmtpd with TLS and log-in, refusals by recipient, and faults after a mail was taken."""

import asyncio
import re
import ssl
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, ClassVar, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.alerts.receivers.fakes.server import CANARY, Certificate, Fault
from tests.real.broker import free_ports

USER: Final = "innerwatch"
PASSWORD: Final = "canary-password-of-the-mail"
LATE_S: Final = 1.0
BEFORE: Final = {Fault.DOWN: "421 4.3.2 down", Fault.REFUSED: "550 5.7.1 no"}
AFTER: Final = {Fault.LATE_AFTER: "late", Fault.CUT_AFTER: "cut", Fault.ERROR_AFTER: "451 4.3.0 nobody knows"}


class FakeMail:
    """Keeps `mails` that follow the rules; `people` have the answer that each recipient is given.

    `fault` happens to the next mail after it was kept: "late", "cut", or an answer such as "451 4.3.0 later".
    """

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.reasons: list[str] = []
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.envelopes: list[list[str]] = []
        self.people: dict[str, str] = {}
        self.greeting = ""
        self.fault = ""
        self.plain_passwords = 0

    def authenticate(
        self, server: SMTP, session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.plain_passwords += session.ssl is None
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.greeting or (BEFORE.get(self.faults[0]) if self.faults else None)
        if answer:
            self.faults.clear()
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.people.get(address, "250 2.1.5 ok")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        if broken := broken_rule(raw):
            self.reasons.append(broken)
            return f"554 5.6.0 {broken}"
        self.raw.append(raw)
        self.mails.append(message_from_bytes(raw, policy=default))  # type: ignore[arg-type]
        self.envelopes.append(list(envelope.rcpt_tos))
        fault, self.fault = AFTER[self.faults.popleft()] if self.faults else self.fault, ""
        if fault == "late":
            await asyncio.sleep(LATE_S)
        if fault == "cut":
            server.transport.close()
        return fault if re.match("[45]", fault) else "250 2.0.0 kept"


def broken_rule(raw: bytes) -> str:
    """The rule of RFC 5321, 5322 or 2045 that a mail breaks, "" if none."""
    if any(byte > 127 or byte == 0 for byte in raw):
        return "not seven bits"
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        return "a bare line break"
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        return "a line of more than 998"
    mail = message_from_bytes(raw, policy=default)
    names = [name.lower() for name in mail]
    for name in ("from", "to", "subject", "date", "message-id"):
        if names.count(name) != 1:
            return f"{names.count(name)} of {name}"
    for part in mail.walk():
        if part.defects or any(getattr(value, "defects", ()) for value in part.values()):
            return "a defect"
    return "" if re.fullmatch(r"<[^\s<>@]+@[^\s<>@]+>", mail["message-id"]) else "no message id"


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, *, implicit: bool = False, log_in: bool = False
) -> Iterator[tuple[FakeMail, int]]:
    """The server and its port until the block ends; with a context it wants TLS, from the first byte if `implicit`."""
    fake = FakeMail()
    (port,) = free_ports(1)
    wanted: dict[str, Any] = {"hostname": "127.0.0.1", "port": port, "server_hostname": "mail.example"}
    if context is not None:
        wanted |= {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    if log_in:
        wanted |= {"authenticator": fake.authenticate, "auth_required": True, "auth_require_tls": not implicit}
    controller = Controller(fake, **wanted)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")  # it does not see TLS around it
        controller.start()
        try:
            yield fake, port
        finally:
            controller.stop()


class FakeEmail:
    """The server as one of the kinds of receivers: an incident is a thread."""

    faults_known: ClassVar[frozenset[Fault]] = frozenset(BEFORE) | frozenset(AFTER)
    resolves: ClassVar[bool] = False

    def __init__(self, _folder: Path, certificate: Certificate | None = None) -> None:
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.file, certificate.key)
        self._stack = ExitStack()
        self._fake, self.port = self._stack.enter_context(mail_server(self._context))
        self.faults, self.reasons, self.requests = self._fake.faults, self._fake.reasons, self._fake.raw

    @property
    def incidents(self) -> dict[str, str]:
        return {mail["References"]: mail["Subject"] for mail in self._fake.mails}

    def secret(self) -> str:
        return CANARY

    def settings(self) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "plain" if self._context is None else "starttls",
            "sender": "innerwatch@alerts.example",
            "recipients": ["soc@example.org"],
        }

    def elsewhere(self, host: str) -> dict[str, object]:
        return {**self.settings(), "host": host, "allow_plain": True}

    def shown(self) -> list[str]:
        bodies = [mail.get_body(("plain",)).get_content() for mail in self._fake.mails]  # type: ignore[union-attr]
        return [mail["Subject"] for mail in self._fake.mails] + [body.replace("\r\n", "\n") for body in bodies]

    def resolved(self) -> set[str]:
        return set()

    def marks_tests(self) -> bool:
        return any("[TEST]" in text for text in self.shown())

    def close(self) -> None:
        self._stack.close()
