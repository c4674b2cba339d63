"""What the tests of this folder have in common: each kind's fake, secret and sender."""

import base64
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from alerts.inbound.sender import Act, Said, Sender, SenderConfig
from alerts.inbound.table import SENDERS, open_sender
from alerts.incident import Verdict
from alerts.receivers.receiver import Result
from alerts.receivers.table import open_receiver
from tests.alerts.receivers.fakes.server import FakeServer
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.notices import make_notice
from tests.alerts.receivers.test_conformance import fake_of

KINDS: Final = list(SENDERS)
STANDARD: Final = ("servicenow", "webhook")
"""Kinds whose secrets are of Standard Webhooks."""
VERDICTS: Final = {"Misuse": Verdict.TRUE_POSITIVE, "TruePositive": Verdict.TRUE_POSITIVE}
WORDS: Final = {"thehive": "TruePositive"}
"""What a person chooses there for what is `Verdict.TRUE_POSITIVE` here, other than "Misuse"."""


def secret_of(kind: str, seed: str = "one") -> str:
    """A secret as the kind has them."""
    text = f"secret {seed} of a sender, long enough"
    return f"whsec_{base64.b64encode(text.encode()).decode()}" if kind in STANDARD else text


def sender_of(kind: str, folder: Path, *secrets: str, **verdicts: Verdict) -> Sender:
    """A sender with these secrets, or its usual one."""
    file = folder / f"{kind}.secrets"
    file.write_text("\n".join(secrets or [secret_of(kind)]) + "\n", "utf-8")
    return open_sender(kind, SenderConfig(secret_file=str(file), verdicts=verdicts or VERDICTS))


def told_fake(kind: str, folder: Path, **alert_fields: Any) -> FakeServer:
    """The kind's fake, which was told of an alert; to be closed."""
    fake = fake_of(kind)(folder)
    with closing(open_receiver(kind, fake.settings())) as receiver:
        (outcome,) = receiver.send([make_notice(alert_fields=alert_fields)], NOW)
    assert outcome.result is Result.DELIVERED, fake.reasons
    return fake


def message_of(
    kind: str, folder: Path, act: Act = Act.CLOSED, secret: str = "", at: float = NOW
) -> tuple[dict[str, str], bytes]:
    """What a kind sends when a person did that to an alert that it was told of."""
    with closing(told_fake(kind, folder)) as fake:
        body = fake.said(act, at, word_of(kind) if act is Act.CLOSED else "")  # type: ignore[attr-defined]
        return fake.signed(secret or secret_of(kind), body, at), body  # type: ignore[attr-defined]


def word_of(kind: str) -> str:
    """What people there choose for misuse."""
    return WORDS.get(kind, "Misuse")


def said_by(sender: Sender, headers: Mapping[str, str], body: bytes, now: float = NOW) -> Said | None:
    """What a genuine message says."""
    sender.verify(headers, body, now)
    return sender.read(headers, body)
