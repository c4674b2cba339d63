"""Microsoft Teams, by the webhook of a Workflows flow."""

from collections.abc import Sequence
from typing import Final

import msgspec

from alerts.alert import Severity
from alerts.receivers.chat import Message, calling, composer, inert, within
from alerts.receivers.http import Answer, HttpConfig
from alerts.receivers.receiver import Limits, Notice, Outcome, Result

BODY_BYTES: Final = 21_000
"""Of a message: 28 KB are documented with all that Teams adds; others report refusals from some 21 KB of JSON."""

CARD: Final = "application/vnd.microsoft.card.adaptive"
COLOURS: Final = {
    Severity.LOW: "Default", Severity.MEDIUM: "Warning", Severity.HIGH: "Attention", Severity.CRITICAL: "Attention",
}  # fmt: skip


class TeamsConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the flow is: `url_file` holds the URL of its trigger, whose signature is a secret."""


class Teams:
    """Posts one Adaptive Card a call, a digest where there are several notices.

    The flow begins with "When a Teams webhook request is received". It answers 202 as soon as it has begun: whether the
    card was then shown stands in the flow's own history. Teams takes no key by which it would tell a repeat: a card
    that is sent again is shown again, with the same alert id and revision. Size and rate are those of Microsoft's
    "Create incoming webhooks". `ReceiverError` when the URL cannot be used.
    """

    limits = Limits(calls=2, per_s=1.0, batch=20)  # four a second are documented

    def __init__(self, config: TeamsConfig) -> None:
        self._caller = calling(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002  (the protocol's)
        """One call for all; its outcome is that of each."""
        if not notices:
            return []
        message = composer(notices)
        body = within(BODY_BYTES, lambda room: msgspec.json.encode(_payload(message(room))))
        return [_outcome(self._caller.call("POST", content=body))] * len(notices)

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()


def _payload(message: Message) -> dict[str, object]:
    colour = "Good" if message.resolved else COLOURS[message.severity]
    body: list[dict[str, object]] = [_text(message.title, size="Large", weight="Bolder", color=colour)]
    for part in message.parts:
        body += [_text(line) for line in part.text.split("\n")]
        if part.link:
            action = {"type": "Action.OpenUrl", "title": message.open_word, "url": part.link}
            body.append({"type": "ActionSet", "actions": [action]})
    if message.more:
        body.append(_text(message.more))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": {"width": "Full"},
    }
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}


def _text(text: str, **style: str) -> dict[str, object]:
    """A line that stays text: a TextRun reads no Markdown, and only `{{DATE(...)}}` as a function."""
    run = {"type": "TextRun", "text": inert(text, "<>").replace("{{", "{ {") or " ", **style}
    return {"type": "RichTextBlock", "inlines": [run]}


def _outcome(answer: Answer) -> Outcome:
    code = answer.field("error", "code")
    if answer.outcome.result is Result.REFUSED and answer.status == 404 and code == "WorkflowNotFound":
        return Outcome(Result.GONE, "HTTP 404: the flow was deleted")
    return answer.outcome
