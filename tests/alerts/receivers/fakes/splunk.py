"""Plays Splunk's HTTP Event Collector: token, events one after another in one body, codes of the answers."""

import json
from typing import Any, Final

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, RuleError

KEYS: Final = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
INDEXES: Final = {"", "security"}


class Fake(FakeServer):
    """An incident is what a search for distinct alerts finds; ``events`` are all that were kept."""

    resolves = True

    def __init__(self, *arguments: Any) -> None:
        self.events: list[dict[str, Any]] = []
        super().__init__(*arguments)

    def settings(self) -> dict[str, object]:
        return {**self.reach(), "token_file": str(self.secret_file), "index": "security"}

    def handle(self, request: Request) -> Reply:
        if request.method != "POST" or request.path != "/services/collector/event":
            raise coded(404, 404, "The requested URL was not found on this server.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise coded(401, 2, "Token is required")
        if scheme != "Splunk":
            raise coded(401, 3, "Invalid authorization")
        if token != self.secret():
            raise coded(403, 4, "Invalid token")
        if not request.body:
            raise coded(400, 5, "No data")
        text, number = request.body.decode().strip(), 0
        while text:
            # Those before one that cannot be read stay, as in Splunk.
            text = self._one(text, number).strip()
            number += 1
        return Reply(200, {"text": "Success", "code": 0})

    def _one(self, text: str, number: int) -> str:
        try:
            event, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            raise coded(400, 6, "Invalid data format", number) from None
        if not isinstance(event, dict) or not set(event) <= KEYS or not isinstance(event.get("time", 0), float | int):
            raise coded(400, 6, "Invalid data format", number)
        if event.get("event") in (None, ""):
            raise coded(400, 12 if event.get("event") is None else 13, "Event field is required", number)
        if any(isinstance(value, dict | list) for value in event.get("fields", {}).values()):
            raise coded(400, 15, "Error in handling indexed fields", number)
        if event.get("index", "") not in INDEXES:
            raise coded(400, 7, "Incorrect index", number)
        self.events.append(event)
        name, known = event["fields"]["alert_id"], self.incidents
        if name not in known or known[name]["fields"]["revision"] <= event["fields"]["revision"]:
            known[name] = event
        return text[end:]

    def resolved(self) -> set[str]:
        return {name for name, event in self.incidents.items() if event["event"]["phase"] == "resolved"}

    def shown(self) -> list[str]:
        # The raw event is what a search shows.
        return [line for request in self.requests for line in request.body.decode().split("\n")]


def coded(status: int, code: int, text: str, number: int | None = None) -> RuleError:
    where = {} if number is None else {"invalid-event-number": number}
    return RuleError(status, text, text=text, code=code, **where)
