"""DingTalk, by a custom robot with a signature."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import quote_plus

import msgspec

from alerts.receivers.chat import Message, calling, composer, inert, judged, within
from alerts.receivers.http import HttpConfig, read_secret
from alerts.receivers.receiver import Limits, Notice, Outcome, Result

BODY_BYTES: Final = 18_000  # 20,000 are documented
THROTTLE_S: Final = 600.0
MARKUP: Final = "*_~`#<>[]|\\@"

CODES: Final = {
    -1: Outcome(Result.RETRY, "the system is busy"),
    130101: Outcome(Result.RETRY, "more than 20 messages a minute", THROTTLE_S),
    410100: Outcome(Result.RETRY, "more than 20 messages a minute", THROTTLE_S),
    90018: Outcome(Result.RETRY, "too many calls", THROTTLE_S),
    310000: Outcome(Result.REFUSED, "signature, keyword or address refused; look at the robot's security settings"),
    300001: Outcome(Result.GONE, "the robot is not known"),
    400013: Outcome(Result.GONE, "the group was dissolved"),
    400101: Outcome(Result.GONE, "the robot is not known"),
    400102: Outcome(Result.GONE, "the robot was stopped"),
    400106: Outcome(Result.GONE, "the robot was removed"),
}


class DingTalkConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the robot is: `url_file` holds its URL with the access token, `secret_file` the key of its signature."""

    secret_file: str


class DingTalk:
    """Posts one Markdown message a call, a digest where there are several notices.

    More than 20 messages a minute are throttled for ten minutes ("Custom robot access"), so a burst has to be a digest,
    and two of the twenty are kept for others and for clocks that differ. What counts is `errcode` in the answer, HTTP
    always says 200. DingTalk takes no key by which it would tell a repeat: a message that is sent again is shown again,
    with the same alert id and revision. `ReceiverError` when the URL or the secret cannot be used.
    """

    limits = Limits(calls=18, per_s=60.0, batch=20)

    def __init__(self, config: DingTalkConfig) -> None:
        self._secret = read_secret(config.secret_file)
        self._caller = calling(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One call for all; its outcome is that of each."""
        if not notices:
            return []
        message = composer(notices)
        body = within(BODY_BYTES, lambda room: msgspec.json.encode(_payload(message(room))))
        timestamp = int(now * 1000)
        query = f"?timestamp={timestamp}&sign={quote_plus(signature(self._secret, timestamp))}"
        return [judged(self._caller.call("POST", query, content=body), "errcode", CODES)] * len(notices)

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def signature(secret: str, timestamp: int) -> str:
    r"""HMAC-SHA256 of the milliseconds, a line break and the secret, in base64.

    >>> signature("SEC1", 1_700_000_000_000)
    'ukR4+WoOOBTGaOauYqugxVrMSFyr92q4hPxJxuOkiio='
    """
    signed = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, sha256)).decode()


def _payload(message: Message) -> dict[str, object]:
    shown = inert(message.title, MARKUP)
    blocks = [f"### {shown}"]
    for part in message.parts:
        blocks += [inert(line, MARKUP) for line in part.text.split("\n")]
        blocks += [f"[{message.open_word}]({part.link})"] * bool(part.link)
    blocks += [message.more] * bool(message.more)
    # A line ends only with an empty one after it.
    text = "\n\n".join(blocks)
    return {"msgtype": "markdown", "markdown": {"title": shown, "text": text}, "at": {"isAtAll": False}}
