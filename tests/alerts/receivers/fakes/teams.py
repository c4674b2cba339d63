"""A Workflows flow "When a Teams webhook request is received", with Adaptive Cards 1.2 to 1.5."""

from typing import Any, ClassVar

from tests.alerts.receivers.fakes.chat import CANARY, FakeChat, only
from tests.alerts.receivers.fakes.server import Reply, Request, RuleError, expect

COLOURS = {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"}


class FakeTeams(FakeChat):
    path: ClassVar[str] = "/workflows/1/triggers/manual/paths/invoke"
    query: ClassVar[str] = f"?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={CANARY}"
    most: ClassVar[int] = 4
    per_s: ClassVar[float] = 1.0
    deleted = False

    def authorize(self, request: Request) -> None:
        if self.deleted:
            raise RuleError(404, "deleted", error={"code": "WorkflowNotFound"})
        if request.path != self.path or request.query.get("sig") != CANARY:
            raise RuleError(401, "sig", error={"code": "DirectApiAuthorizationRequired"})

    def read(self, request: Request) -> str:
        if len(request.body) > 28 * 1024:
            raise RuleError(413, "too large")
        message = only(request.json(), ["type", "attachments"])
        expect(message["type"] == "message" and len(message["attachments"]) == 1, "one card a message")
        attachment = only(message["attachments"][0], ["contentType", "contentUrl", "content"])
        expect(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "no Adaptive Card")
        card = only(attachment["content"], ["$schema", "type", "version", "body"], ["msteams"])
        expect(card["type"] == "AdaptiveCard" and "1.2" <= card["version"] <= "1.5", "no Adaptive Card")
        return "\n".join(map(self.element, card["body"]))

    def element(self, element: dict[str, Any]) -> str:
        if element["type"] == "ActionSet":
            (action,) = only(element, ["type", "actions"])["actions"]
            only(action, ["type", "title", "url"])
            expect(action["type"] == "Action.OpenUrl" and action["url"].startswith("https://"), "no address")
            self.links.append(action["url"])
            return str(action["title"])
        only(element, ["type", "inlines"])
        expect(element["type"] == "RichTextBlock", "a TextBlock reads Markdown")
        (run,) = element["inlines"]
        only(run, ["type", "text"], ["size", "weight", "color"])
        expect(run["type"] == "TextRun" and run["text"] and run.get("color", "Default") in COLOURS, "no TextRun")
        expect("{{" not in run["text"], "a function")
        self.mentions += ["at"] if "<at>" in run["text"] else []
        return str(run["text"])

    def thanks(self) -> Reply:
        return Reply(202)
