"""Slack's incoming webhooks, as documented under "Sending messages using incoming webhooks" and "Block Kit"."""

import re
from typing import Any, ClassVar, Final

from tests.alerts.receivers.fakes.chat import ADDRESS, CANARY, FakeChat, only
from tests.alerts.receivers.fakes.server import Reply, Request, RuleError, expect

ENTITIES: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}


class FakeSlack(FakeChat):
    path: ClassVar[str] = f"/services/T0/B0/{CANARY}"
    most: ClassVar[int] = 1
    per_s: ClassVar[float] = 1.0
    closed = False

    def authorize(self, request: Request) -> None:
        if self.closed or request.path != self.path:
            raise PlainRuleError(404, "no_service")

    def too_fast(self) -> None:
        raise PlainRuleError(429, "rate_limited")

    def read(self, request: Request) -> str:
        message = only(request.json(), ["text"], ["blocks", "unfurl_links", "unfurl_media"])
        expect(0 < len(message["text"]) <= 40_000, "invalid_payload")
        self.mrkdwn(message["text"], verbatim=False)
        expect(len(message["blocks"]) <= 50, "invalid_blocks")
        return "\n".join(map(self.block, message["blocks"]))

    def block(self, block: dict[str, Any]) -> str:
        only(block, ["type", "text"])
        if block["type"] == "header":
            text = only(block["text"], ["type", "text"], ["emoji"])
            expect(text["type"] == "plain_text" and 0 < len(text["text"]) <= 150, "invalid_blocks")
            expect(text.get("emoji") is False or not re.search(r":[a-z0-9_+-]+:", text["text"]), "emoji")
            return str(text["text"])
        expect(block["type"] == "section", "invalid_blocks")
        text = only(block["text"], ["type", "text"], ["verbatim"])
        expect(text["type"] == "mrkdwn" and 0 < len(text["text"]) <= 3_000, "invalid_blocks")
        return self.mrkdwn(text["text"], verbatim=text.get("verbatim", False))

    def mrkdwn(self, text: str, verbatim: bool) -> str:
        """What is shown; `<...>` is a link or a mention, entities are the three."""
        for inside in re.findall(r"<([^>]*)>", text):
            (self.mentions if inside[:1] in "@#!" else self.links).append(inside.partition("|")[0])
        shown = re.sub(r"<([^>|]*)\|?([^>]*)>", r"\2", text)
        expect("<" not in shown and ">" not in shown, "an angle bracket alone")
        expect(not re.search(r"&(?!amp;|lt;|gt;)", shown), "an ampersand alone")
        plain = re.sub("&(amp|lt|gt);", lambda found: ENTITIES[found[0]], shown)
        if not verbatim:
            self.links += ADDRESS.findall(plain)
            self.mentions += re.findall(r"@(?:here|channel|everyone)\b|#\w+", plain)
        return plain

    def thanks(self) -> Reply:
        return Reply(200, b"ok", {"Content-Type": "text/html"})


class PlainRuleError(RuleError):
    """Slack answers in plain text."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.body = reason.encode()  # type: ignore[assignment]
