"""Feishu's custom bots, as documented under "Custom bot usage guide"."""

import base64
from typing import Any, ClassVar

from tests.alerts.receivers.fakes.chat import ADDRESS, CANARY, SIGNING, FakeChat, hmac_sha256, only
from tests.alerts.receivers.fakes.server import Reply, Request, RuleError, expect

TEMPLATES = {"blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple", "grey"}


class FakeFeishu(FakeChat):
    path: ClassVar[str] = f"/open-apis/bot/v2/hook/{CANARY}"
    most: ClassVar[int] = 5
    per_s: ClassVar[float] = 1.0
    signing = SIGNING

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "secret_file": str(self.secret_file)}

    def authorize(self, request: Request) -> None:
        if request.path != self.path:
            raise _refusal(19001, "param invalid: incoming webhook access token invalid")
        body = request.json()
        timestamp = str(body.get("timestamp", ""))
        sign = base64.b64encode(hmac_sha256(f"{timestamp}\n{self.signing}".encode(), b"")).decode()
        fresh = self.now is None or abs(int(timestamp) - self.now) < 3600
        if body.get("sign") != sign or not fresh:
            raise _refusal(19021, "sign match fail or timestamp is not within one hour from current time")

    def too_fast(self) -> None:
        raise _refusal(11232, "frequency limited psm")

    def read(self, request: Request) -> str:
        if len(request.body) > 20 * 1024:
            raise _refusal(9499, "Bad Request")
        message = only(request.json(), ["timestamp", "sign", "msg_type", "card"])
        expect(message["msg_type"] == "interactive", "msg_type")
        card = only(message["card"], ["header", "elements"])
        header = only(card["header"], ["template", "title"])
        expect(header["template"] in TEMPLATES, "template")
        return "\n".join([self.text(header["title"]), *map(self.element, card["elements"])])

    def element(self, element: dict[str, Any]) -> str:
        if element["tag"] == "action":
            (button,) = only(element, ["tag", "actions"])["actions"]
            only(button, ["tag", "text", "type", "url"])
            expect(button["tag"] == "button" and button["url"].startswith("https://"), "button")
            self.links.append(button["url"])
            return self.text(button["text"])
        expect(element["tag"] == "div", "tag")
        return self.text(only(element, ["tag", "text"])["text"])

    def text(self, text: dict[str, Any]) -> str:
        only(text, ["tag", "content"])
        expect(text["tag"] == "plain_text" and text["content"], "plain_text alone is shown as it is")
        self.links += ADDRESS.findall(text["content"])
        self.mentions += ["at"] if "<at" in text["content"] else []
        return str(text["content"])

    def thanks(self) -> Reply:
        return Reply(200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})


def _refusal(code: int, reason: str) -> RuleError:
    return RuleError(400 if code == 9499 else 200, reason, code=code, data={}, msg=f"{reason} {CANARY}")
