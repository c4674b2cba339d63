"""WeCom (enterprise WeChat), by a group robot."""

from collections.abc import Sequence
from typing import Final

import msgspec

from alerts.alert import Severity
from alerts.receivers.chat import Message, calling, composer, inert, judged, within
from alerts.receivers.http import HttpConfig
from alerts.receivers.receiver import Limits, Notice, Outcome, Result

CONTENT_BYTES: Final = 4_096
MARKUP: Final = "*_~`#<>[]|\\@"
COLOURS: Final = {
    Severity.LOW: "comment", Severity.MEDIUM: "comment", Severity.HIGH: "warning", Severity.CRITICAL: "warning",
}  # fmt: skip

CODES: Final = {
    -1: Outcome(Result.RETRY, "the system is busy"),
    45009: Outcome(Result.RETRY, "more than 20 messages a minute", 60.0),
    45033: Outcome(Result.RETRY, "too many calls at once", 60.0),
    40058: Outcome(Result.REFUSED, "the message is malformed or too long"),
    93000: Outcome(Result.GONE, "the robot is not known"),
    93004: Outcome(Result.GONE, "the robot was stopped"),
    93008: Outcome(Result.GONE, "the robot is no longer in the group"),
}


class WeComConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the robot is: `url_file` holds its URL, whose key is a secret."""


class WeCom:
    """Posts one Markdown message a call, a digest where there are several notices.

    20 messages a minute and 4,096 bytes of Markdown are WeCom's ("Group robot configuration"); two of the twenty are
    kept for others and for clocks that differ, and a digest holds few alerts for the sake of that length. What counts
    is `errcode` in the answer. WeCom takes no key by which it would tell a repeat: a message that is sent again is
    shown again, with the same alert id and revision. `ReceiverError` when the URL cannot be used.
    """

    limits = Limits(calls=18, per_s=60.0, batch=8)

    def __init__(self, config: WeComConfig) -> None:
        self._caller = calling(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002  (the protocol's)
        """One call for all; its outcome is that of each."""
        if not notices:
            return []
        message = composer(notices)
        content = within(CONTENT_BYTES, lambda room: _content(message(room)).encode()).decode()
        body = msgspec.json.encode({"msgtype": "markdown", "markdown": {"content": content}})
        return [judged(self._caller.call("POST", content=body), "errcode", CODES)] * len(notices)

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def _content(message: Message) -> str:
    colour = "info" if message.resolved else COLOURS[message.severity]
    lines = [f'**<font color="{colour}">{inert(message.title, MARKUP)}</font>**']
    for part in message.parts:
        lines += [inert(line, MARKUP) for line in part.text.split("\n")]
        lines += [f"[{message.open_word}]({part.link})"] * bool(part.link)
    return "\n".join(lines + [message.more] * bool(message.more))
