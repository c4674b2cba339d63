"""DingTalk's custom robots, as documented under "Custom robot access"."""

import base64
from typing import ClassVar

from tests.alerts.receivers.fakes.chat import CANARY, SIGNING, FakeChat, hmac_sha256, markdown, only
from tests.alerts.receivers.fakes.server import Reply, Request, RuleError, expect


class FakeDingTalk(FakeChat):
    path: ClassVar[str] = "/robot/send"
    query: ClassVar[str] = f"?access_token={CANARY}"
    most: ClassVar[int] = 20
    per_s: ClassVar[float] = 60.0
    signing = SIGNING

    def __init__(self, *arguments: object) -> None:
        self._throttled_until = 0.0
        super().__init__(*arguments)  # type: ignore[arg-type]

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "secret_file": str(self.secret_file)}

    def authorize(self, request: Request) -> None:
        if request.path != self.path or request.query.get("access_token") != CANARY:
            raise _refusal(300001, "token is not exist")
        timestamp = request.query.get("timestamp", "")
        sign = base64.b64encode(hmac_sha256(self.signing.encode(), f"{timestamp}\n{self.signing}".encode())).decode()
        fresh = self.now is None or (len(timestamp) == 13 and abs(int(timestamp) / 1000 - self.now) < 3600)
        if request.query.get("sign") != sign or not fresh:
            raise _refusal(310000, "sign not match")

    def too_fast(self) -> None:
        self._throttled_until = (self.now or 0.0) + 600

    def pace(self) -> None:
        super().pace()
        if self.now is not None and self.now < self._throttled_until:
            raise _refusal(130101, "send too fast, exceed 20 times per minute")

    def read(self, request: Request) -> str:
        if len(request.body) > 20_000:
            raise _refusal(460101, "message too long, exceed 20000 bytes")
        message = only(request.json(), ["msgtype", "markdown"], ["at"])
        expect(message["msgtype"] == "markdown", "msgtype")
        content = only(message["markdown"], ["title", "text"])
        expect(content["title"] and content["text"], "empty")
        at = only(message.get("at", {}), [], ["isAtAll", "atMobiles", "atUserIds"])
        self.mentions += ["all"] * at.get("isAtAll", False) + at.get("atMobiles", []) + at.get("atUserIds", [])
        return f"{content['title']}\n{markdown(content['text'], self)}"

    def thanks(self) -> Reply:
        return Reply(200, {"errcode": 0, "errmsg": "ok"})


def _refusal(code: int, reason: str) -> RuleError:
    return RuleError(200, reason, errcode=code, errmsg=f"description:{reason};token:{CANARY}")
