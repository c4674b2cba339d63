"""Plays TheHive 5: alerts unique by type, source and reference, queries, and updates by id."""

import json
import re
from typing import Any, Final

from alerts.inbound.sender import Act
from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

REQUIRED: Final = {"type", "source", "sourceRef", "title", "description"}
OPTIONAL: Final = {
    "date", "externalLink", "severity", "tags", "flag", "tlp", "pap", "customFields", "summary", "status",
    "caseTemplate", "observables",
}  # fmt: skip
CHANGEABLE: Final = (REQUIRED | OPTIONAL | {"follow", "lastSyncDate"}) - {"flag", "caseTemplate", "observables"}
STAGES: Final = {
    "New": "New", "InProgress": "InProgress", "Pending": "InProgress", "Imported": "Imported", "Ignored": "Closed",
    "FalsePositive": "Closed", "TruePositive": "Closed",
}  # fmt: skip
OURS: Final = {"_and": [{"_eq": {"_field": "type", "_value": "insider-risk"}},
                        {"_eq": {"_field": "source", "_value": "innerwatch"}}]}  # fmt: skip
TAGGED: Final = {"_and": [{"_eq": {"_field": "tags", "_value": "innerwatch"}}]}
STATUSES: Final = set(STAGES)
DID: Final = {Act.ACKNOWLEDGED: "Pending", Act.IN_PROGRESS: "InProgress", Act.REOPENED: "New", Act.CLOSED: "Ignored"}


class Fake(FakeServer):
    """An incident is an alert; ``indexed`` says whether searches know what was created."""

    resolves = True
    looks = frozenset({"/api/v1/query"})

    def __init__(self, *arguments: Any) -> None:
        self.indexed = True
        self.cases: dict[str, dict[str, Any]] = {}
        super().__init__(*arguments)

    def settings(self) -> dict[str, object]:
        return {
            **self.reach(),
            "token_file": str(self.secret_file),
            "resolved_status": "Ignored",
            "organisation": "soc",
        }

    def handle(self, request: Request) -> Reply:
        expect(request.headers.get("authorization") == f"Bearer {self.secret()}", "no right", 401)
        expect(request.headers.get("x-organisation") == "soc", "no such organisation", 403)
        if (request.method, request.path) == ("POST", "/api/v1/alert"):
            return self._create(request.json())
        if (request.method, request.path) == ("POST", "/api/v1/query"):
            return self._query(request.json())
        match = re.fullmatch(r"/api/v1/alert/(~\d+)", request.path)
        expect(match and request.method == "PATCH", "no such path", 404)
        assert match
        return self._update(match[1], request.json())

    def _create(self, alert: Any) -> Reply:
        expect(set(alert) >= REQUIRED, "a required field is missing")
        check(alert, REQUIRED | OPTIONAL)
        if any(unique(one) == unique(alert) for one in self.incidents.values()):
            message = f"Alert {alert['type']}:{alert['source']}:{alert['sourceRef']} already exist in organisation soc"
            return Reply(400, {"type": "CreateError", "message": message})  # no rule broken: how one learns of it
        seen = [(one["dataType"], one["data"]) for one in alert.get("observables", [])]
        expect(len(seen) == len(set(seen)), "Observable already exists")
        name = f"~{4096 + len(self.incidents)}"
        self.incidents[name] = {"_id": name, "_type": "Alert", "status": "New", "stage": "New", **alert}
        return Reply(201, self.incidents[name])

    def _query(self, body: Any) -> Reply:
        if len(body["query"]) == 4:
            return self._changed(*body["query"])
        listing, filtering, paging = body["query"]
        expect(listing == {"_name": "listAlert"} and filtering["_name"] == "filter", "a query of alerts")
        expect(paging["_name"] == "page" and paging["to"] > paging["from"], "a page")
        wanted = {one["_eq"]["_field"]: one["_eq"]["_value"] for one in filtering["_and"]}
        found = [one for one in self.incidents.values() if all(one.get(name) == v for name, v in wanted.items())]
        return Reply(200, found[paging["from"] : paging["to"]] if self.indexed else [])

    def _changed(self, listing: Any, filtering: Any, sorting: Any, paging: Any) -> Reply:
        kind = listing["_name"]
        expect(kind in {"listAlert", "listCase"} and len(listing) == 1, "a list of alerts or cases")
        expect(
            filtering.pop("_name") == "filter" and sorting == {"_name": "sort", "_fields": [{"_updatedAt": "asc"}]}, ""
        )
        since = filtering["_and"].pop()["_gte"]
        expect(filtering == (OURS if kind == "listAlert" else TAGGED), "only ours")
        expect(since["_field"] == "_updatedAt" and isinstance(since["_value"], int), "since when")
        expect(paging["_name"] == "page" and 0 <= paging["from"] < paging["to"], "a page")
        rows = (self.incidents if kind == "listAlert" else self.cases).values()
        found = [one for one in rows if one.get("_updatedAt", 0) >= since["_value"]]
        found.sort(key=lambda one: int(one["_updatedAt"]))
        return Reply(200, found[paging["from"] : paging["to"]])

    def said(self, act: Act, at: float, word: str = "", reason: str = "") -> bytes:
        """What it would post when a person has done that to the newest alert."""
        return self._said("Alert", self.incidents[list(self.incidents)[-1]], word or DID[act], at, reason)

    def case(self, status: str, stage: str, at: float) -> bytes:
        """What it would post when a person closes the case that was made from all alerts."""
        tags = [tag for alert in self.incidents.values() for tag in alert["tags"]]
        self.cases.setdefault("~77", {"_id": "~77", "_type": "Case", "tags": tags})
        self.cases["~77"]["stage"] = stage
        return self._said("Case", self.cases["~77"], status, at, "")

    def _said(self, kind: str, found: dict[str, Any], status: str, at: float, reason: str) -> bytes:
        millis = int(at * 1000)
        found |= {"status": status, "_updatedAt": millis, "_updatedBy": "ann", "summary": reason}
        found["stage"] = STAGES[status]
        found |= {"closedDate": millis} if found["stage"] == "Closed" else {}
        audit = {
            "_id": f"~{millis}", "_type": "audit", "action": "update", "objectType": kind, "objectId": found["_id"],
            "requestId": f"5f{millis}", "_createdAt": millis, "_createdBy": "ann", "details": {"status": status},
            "object": found,
        }  # fmt: skip
        return json.dumps(audit).encode()

    def touched(self, at: float) -> None:
        """A person changes something else of the newest alert."""
        self.incidents[list(self.incidents)[-1]] |= {"_updatedAt": int(at * 1000), "_updatedBy": "bo"}

    def signed(self, secret: str, body: bytes, at: float) -> dict[str, str]:
        """The headers with which it would post that, where its endpoint has "bearer"."""
        return {"authorization": f"Bearer {secret}"}

    def _update(self, name: str, fields: Any) -> Reply:
        expect(name in self.incidents, "no such alert", 404)
        check(fields, CHANGEABLE)
        self.incidents[name] |= fields
        self.incidents[name]["stage"] = STAGES[self.incidents[name]["status"]]
        return Reply(204)

    def resolved(self) -> set[str]:
        return {name for name, alert in self.incidents.items() if alert["status"] == "Ignored"}

    def shown(self) -> list[str]:
        shown = []
        for alert in self.incidents.values():
            first, *inside, last = alert["description"].split("\n")
            expect(re.fullmatch("`{3,}", first) and last == first, "no code block")
            expect(first not in "\n".join(inside), "the code block ends early")
            shown += [alert["title"], *inside, *alert["tags"], *(one["data"] for one in alert["observables"])]
        return shown


def unique(alert: Any) -> tuple[str, ...]:
    return alert["type"], alert["source"], alert["sourceRef"]


def check(alert: Any, known: set[str]) -> None:
    expect(set(alert) <= known, f"unknown fields: {set(alert) - known}")
    for name, most in (("type", 32), ("source", 64), ("sourceRef", 128), ("title", 512), ("description", 1 << 20)):
        if name in alert:
            expect(isinstance(alert[name], str) and 0 < len(alert[name]) <= most, f"{name} is too long or empty")
    for name, most in (("severity", 4), ("tlp", 4), ("pap", 3)):
        if name in alert:
            expect(isinstance(alert[name], int) and 0 <= alert[name] <= most, f"{name} is out of bounds")
    expect(all(0 < len(tag) <= 128 for tag in alert.get("tags", [])), "a tag is too long or empty")
    expect(alert.get("status", "New") in STATUSES, "no such status")
