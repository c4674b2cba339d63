"""Plays a webhook that verifies as the Standard Webhooks specification 1.0 says, and keeps each id once."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any, Final

from alerts.inbound.sender import Act
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

    def said(self, act: Act, at: float, word: str = "", reason: str = "") -> bytes:
        """What it would post when a person has done that to the newest alert."""
        data = {"alert_id": list(self.incidents)[-1], "by": "ann", "verdict": word, "reason": reason}
        time = datetime.fromtimestamp(at, UTC).isoformat()
        return json.dumps({"type": f"alert.{act.name.lower()}", "timestamp": time, "data": data}).encode()

    def signed(self, secret: str, body: bytes, at: float) -> dict[str, str]:
        """The headers with which it would post that."""
        return standard_headers(secret, f"msg_{hashlib.sha256(body).hexdigest()[:20]}", body, at)

    def shown(self) -> list[str]:
        # A webhook takes data, and shows none of it: what matters is that no character arrives raw.
        return [request.body.decode() for request in self.requests]


def standard_headers(secret: str, message_id: str, body: bytes, at: float) -> dict[str, str]:
    signed = f"{message_id}.{int(at)}.".encode() + body
    right = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(right).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


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
