"""Plays PagerDuty's Events API v2: required fields, their lengths, and one alert for each deduplication key."""

from datetime import datetime
from typing import Any

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

TOP = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


class Fake(FakeServer):
    """An incident is an open alert; one that was resolved and is triggered again is a second incident."""

    resolves = True

    def __init__(self, *arguments: Any) -> None:
        self.open: dict[str, str] = {}
        self.over: set[str] = set()
        super().__init__(*arguments)

    def settings(self) -> dict[str, object]:
        return {**self.reach(), "url": f"{self.url}/v2/enqueue", "routing_key_file": str(self.secret_file)}

    def handle(self, request: Request) -> Reply:
        expect(request.method == "POST" and request.path == "/v2/enqueue", "no such path", 404)
        expect(len(request.body) <= 512 * 1024, "the event is larger than 512 KB", 413)
        event = request.json()
        expect(set(event) <= TOP, "an unknown key")
        expect(len(event.get("routing_key", "")) == 32, "Length of 'routing_key' is incorrect (should be 32)")
        expect(event["routing_key"] == self.secret(), "no such routing key")
        key = event.get("dedup_key", "")
        expect(0 < len(key) <= 255, "dedup_key")
        if event.get("event_action") == "trigger":
            self._trigger(key, event)
        else:
            expect(event.get("event_action") == "resolve", "event_action")
            name = self.open.pop(key, None)
            self.over |= {name} if name else set()
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _trigger(self, key: str, event: Any) -> None:
        payload = event.get("payload", {})
        expect(set(payload) <= PAYLOAD, "an unknown key of the payload")
        for name in ("summary", "source", "severity"):
            expect(payload.get(name), f"payload.{name} is required")
        expect(len(payload["summary"]) <= 1024, "summary is too long")
        expect(payload["severity"] in {"critical", "warning", "error", "info"}, "severity")
        datetime.fromisoformat(payload["timestamp"])
        for link in event.get("links", []):
            expect(link["href"].startswith(("https://", "http://")), "links[].href")
        self.open.setdefault(key, f"P{len(self.incidents)}")
        self.incidents[self.open[key]] = event

    def resolved(self) -> set[str]:
        return self.over

    def shown(self) -> list[str]:
        return [str(text) for event in self.incidents.values() for text in texts(event["payload"])]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [value] if isinstance(value, str) else []
