"""Plays PagerDuty's Events API v2: required fields, their lengths, and one alert for each deduplication key."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any, Final

from alerts.inbound.sender import Act
from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

TOP = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


EVENTS: Final = {
    Act.ACKNOWLEDGED: "acknowledged", Act.CLOSED: "resolved", Act.REOPENED: "reopened", Act.NOTED: "resolved"
}  # fmt: skip
STATUSES: Final = {"acknowledged": "acknowledged", "resolved": "resolved", "reopened": "triggered"}


class Fake(FakeServer):
    """An incident is an open alert; one that was resolved and is triggered again is a second incident.

    What people do there is an entry of ``log``, with the priority of the incident as their word for how it ended.
    """

    resolves = True

    def __init__(self, *arguments: Any) -> None:
        self.open: dict[str, str] = {}
        self.log: list[dict[str, Any]] = []
        self.over: set[str] = set()
        super().__init__(*arguments)

    def settings(self) -> dict[str, object]:
        return {**self.reach(), "url": f"{self.url}/v2/enqueue", "routing_key_file": str(self.secret_file)}

    def handle(self, request: Request) -> Reply:
        if (request.method, request.path) == ("GET", "/log_entries"):
            return self._entries(request)
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

    def _entries(self, request: Request) -> Reply:
        expect(request.headers.get("authorization") == f"Token token={self.secret()}", "no right", 401)
        expect(request.headers.get("accept") == "application/vnd.pagerduty+json;version=2", "no version", 400)
        expect(set(request.query) == {"since", "until", "is_overview", "include[]", "limit", "offset"}, "the query")
        expect(request.query["is_overview"] == "true" and request.query["include[]"] == "incidents", "what is listed")
        since, until = (datetime.fromisoformat(request.query[name]) for name in ("since", "until"))
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        expect(0 < limit <= 100, "limit")
        newest = sorted(self.log, key=lambda one: str(one["created_at"]), reverse=True)
        found = [one for one in newest if since <= datetime.fromisoformat(one["created_at"]) < until]
        page = found[offset : offset + limit]
        more = len(found) > offset + limit
        return Reply(200, {"log_entries": page, "limit": limit, "offset": offset, "more": more, "total": None})

    def said(self, act: Act, at: float, word: str = "", reason: str = "") -> bytes:
        """What it would post when a person has done that to the newest incident; a note is a resolving by itself."""
        name = list(self.incidents)[-1]
        happened, time = EVENTS[act], datetime.fromtimestamp(at, UTC).isoformat()
        agent = {"id": "PLH1HKV", "type": "user_reference", "summary": "ann"}
        if act is Act.NOTED:
            agent = {"id": "PF9KMXH", "type": "service_reference", "summary": "innerwatch"}
        incident = {
            "id": name, "type": "incident", "status": STATUSES[happened], "incident_key": self._key_of(name),
            "priority": {"type": "priority_reference", "summary": word} if word else None, "resolve_reason": None,
        }  # fmt: skip
        if happened == "resolved":
            self.over.add(name)
        kinds = {"acknowledged": "acknowledge", "resolved": "resolve", "reopened": "unacknowledge"}
        entry = {"id": f"R{len(self.log)}", "type": f"{kinds[happened]}_log_entry", "created_at": time, "agent": agent}
        self.log.append({**entry, "incident": incident})
        event = {
            "id": f"01BWDWL3NYY7LUFPZCC28Q{len(self.log):04}", "event_type": f"incident.{happened}", "agent": agent,
            "resource_type": "incident", "occurred_at": time, "client": None, "data": incident,
        }  # fmt: skip
        return json.dumps({"event": event}).encode()

    def touched(self, at: float) -> None:
        """A person writes a note about the newest incident."""
        time = datetime.fromtimestamp(at, UTC).isoformat()
        agent = {"type": "user_reference", "summary": "bo"}
        self.log.append({**self.log[-1], "id": "R99", "type": "annotate_log_entry", "created_at": time, "agent": agent})

    def signed(self, secret: str, body: bytes, at: float) -> dict[str, str]:
        """The headers with which it would post that."""
        return {"x-pagerduty-signature": f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}

    def _key_of(self, name: str) -> str:
        return str(self.incidents[name]["dedup_key"])

    def resolved(self) -> set[str]:
        return self.over

    def shown(self) -> list[str]:
        return [str(text) for event in self.incidents.values() for text in texts(event["payload"])]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [value] if isinstance(value, str) else []
