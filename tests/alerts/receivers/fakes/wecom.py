"""WeCom's group robots, as documented under "Group robot configuration"."""

import re
from typing import ClassVar

from tests.alerts.receivers.fakes.chat import CANARY, FakeChat, markdown, only
from tests.alerts.receivers.fakes.server import Reply, Request, RuleError, expect


class FakeWeCom(FakeChat):
    path: ClassVar[str] = "/cgi-bin/webhook/send"
    query: ClassVar[str] = f"?key={CANARY}"
    most: ClassVar[int] = 20
    per_s: ClassVar[float] = 60.0
    removed = False

    def authorize(self, request: Request) -> None:
        if self.removed or request.path != self.path or request.query.get("key") != CANARY:
            raise _refusal(93000, "invalid webhook url")

    def too_fast(self) -> None:
        raise _refusal(45009, "api freq out of limit")

    def read(self, request: Request) -> str:
        message = only(request.json(), ["msgtype", "markdown"])
        expect(message["msgtype"] == "markdown", "msgtype")
        content = only(message["markdown"], ["content"])["content"]
        expect(content, "empty content")
        if len(content.encode()) > 4096:
            raise _refusal(40058, "markdown.content exceed max length 4096. invalid Request Parameter")
        shown = markdown(content, self)
        tags = re.findall(r"</?font[^>]*>", shown)
        expect(all(re.fullmatch(r'<font color="(info|comment|warning)">|</font>', tag) for tag in tags), "font")
        return re.sub(r"</?font[^>]*>", "", shown)

    def thanks(self) -> Reply:
        return Reply(200, {"errcode": 0, "errmsg": "ok"})


def _refusal(code: int, reason: str) -> RuleError:
    return RuleError(200, reason, errcode=code, errmsg=f"{reason}, hint: [{CANARY}]")
