"""Plays a webhook that verifies as the Standard Webhooks specification 1.0 says, and keeps each id once."""

import base64
import hashlib
import hmac
import json
from typing import Any, Final

from tests.alerts.receivers.fakes.server import CANARY, FakeServer, Reply, Request, RuleError, expect

NOW: Final = 1_790_000_000.0
"""What the clock says here and in the tests of receivers."""
TOLERANCE_S: Final = 300


class Fake(FakeServer):
    """Told ids are remembered, and what an id brought is kept by the alert's id."""

    resolves = True

    def __init__(self, *arguments: Any) -> None:
        self.ids: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.closed: set[str] = set()
        super().__init__(*arguments)

    def secret(self) -> str:
        return "whsec_" + base64.b64encode(CANARY.encode()).decode()

    def settings(self) -> dict[str, object]:
        return {**self.reach(), "secret_file": str(self.secret_file)}

    def handle(self, request: Request) -> Reply:
        body = request.json()
        verify(CANARY.encode(), request.headers, request.body)
        if request.headers["webhook-id"] in self.ids:
            return Reply(200)
        self.ids.append(request.headers["webhook-id"])
        self.bodies.append(body)
        alert_id, over = ocsf(body) if "class_uid" in body else enveloped(body)
        self.incidents[alert_id] = body
        if over:
            self.closed.add(alert_id)
        return Reply(200)

    def resolved(self) -> set[str]:
        return self.closed

    def shown(self) -> list[str]:
        # A webhook takes data, and shows none of it: what matters is that no character arrives raw.
        return [request.body.decode() for request in self.requests]


def verify(key: bytes, headers: Any, body: bytes) -> None:
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        expect(headers.get(name), f"no header {name}", 401)
    said = int(headers["webhook-timestamp"])
    expect(abs(said - NOW) <= TOLERANCE_S, "the message is too old or too new", 401)
    signed = f"{headers['webhook-id']}.{said}.".encode() + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for one in headers["webhook-signature"].split(" "):
        version, _, value = one.partition(",")
        if version == "v1" and hmac.compare_digest(value, right):
            return
    raise RuleError(401, "no signature matches")


def enveloped(body: Any) -> tuple[str, bool]:
    expect(isinstance(body, dict) and set(body) == {"type", "timestamp", "data"}, "type, timestamp and data")
    expect(set(body["data"]) == {"alert", "revision", "level", "link", "test"}, "what an alert's data are")
    return body["data"]["alert"]["alert_id"], body["type"] == "alert.resolved"


def ocsf(body: Any) -> tuple[str, bool]:
    expect(body["type_uid"] == body["class_uid"] * 100 + body["activity_id"], "type_uid does not fit")
    json.dumps(body, allow_nan=False)
    return body["finding_info"]["uid"], body["activity_id"] == 3
