"""Feishu and Lark, by a custom bot with a signature."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from alerts.alert import Severity
from alerts.receivers.chat import Message, calling, composer, inert, judged, within
from alerts.receivers.http import HttpConfig, read_secret
from alerts.receivers.receiver import Limits, Notice, Outcome, Result

BODY_BYTES: Final = 20_000  # 20 KB are documented, of the whole request
COLOURS: Final = {
    Severity.LOW: "blue", Severity.MEDIUM: "yellow", Severity.HIGH: "orange", Severity.CRITICAL: "red",
}  # fmt: skip

CODES: Final = {
    11232: Outcome(Result.RETRY, "more than 100 messages a minute or 5 a second", 60.0),
    9499: Outcome(Result.REFUSED, "the request is malformed"),
    19001: Outcome(Result.GONE, "the bot is not known"),
    19007: Outcome(Result.GONE, "the bot was stopped"),
    19021: Outcome(Result.REFUSED, "the signature is wrong, or this clock differs by more than an hour"),
    19022: Outcome(Result.REFUSED, "the bot does not let this address in"),
    19024: Outcome(Result.REFUSED, "none of the bot's keywords is in the message"),
}


class FeishuConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the bot is: `url_file` holds its URL, `secret_file` the key of its signature; both are secrets."""

    secret_file: str


class Feishu:
    """Posts one card a call, a digest where there are several notices.

    100 messages a minute, 5 a second and 20 KB a request are Feishu's ("Custom bot usage guide"); three in two seconds
    keep both rates. What counts is `code` in the answer. Feishu takes no key by which it would tell a repeat: a card
    that is sent again is shown again, with the same alert id and revision. `ReceiverError` when the URL or the secret
    cannot be used.
    """

    limits = Limits(calls=3, per_s=2.0, batch=20)

    def __init__(self, config: FeishuConfig) -> None:
        self._secret = read_secret(config.secret_file)
        self._caller = calling(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One call for all; its outcome is that of each."""
        if not notices:
            return []
        signed = {"timestamp": str(int(now)), "sign": signature(self._secret, int(now))}
        message = composer(notices)
        body = within(BODY_BYTES, lambda room: msgspec.json.encode({**signed, **_payload(message(room))}))
        return [judged(self._caller.call("POST", content=body), "code", CODES)] * len(notices)

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def signature(secret: str, timestamp: int) -> str:
    """HMAC-SHA256 of nothing under the seconds, a line break and the secret as the key, in base64.

    >>> signature("secret", 1_700_000_000)
    'fiWS2+gh28DOydAv7hzONH/mDn9+b1Y4Y5ivXWXy8vA='
    """
    return base64.b64encode(hmac.digest(f"{timestamp}\n{secret}".encode(), b"", sha256)).decode()


def _payload(message: Message) -> dict[str, object]:
    elements: list[dict[str, object]] = []
    for part in message.parts:
        elements.append({"tag": "div", "text": _text(part.text)})
        if part.link:
            button = {"tag": "button", "text": _text(message.open_word), "type": "default", "url": part.link}
            elements.append({"tag": "action", "actions": [button]})
    if message.more:
        elements.append({"tag": "div", "text": _text(message.more)})
    colour = "green" if message.resolved else COLOURS[message.severity]
    header = {"template": colour, "title": _text(message.title)}
    return {"msg_type": "interactive", "card": {"header": header, "elements": elements}}


def _text(text: str) -> dict[str, str]:
    # plain_text reads no markup; what its clients make of an address or of <at> is not documented.
    return {"tag": "plain_text", "content": inert(text, "<>")}
