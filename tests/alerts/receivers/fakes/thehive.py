"""Plays TheHive 5: alerts unique by type, source and reference, queries, and updates by id."""

import re
from typing import Any, Final

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

REQUIRED: Final = {"type", "source", "sourceRef", "title", "description"}
OPTIONAL: Final = {
    "date", "externalLink", "severity", "tags", "flag", "tlp", "pap", "customFields", "summary", "status",
    "caseTemplate", "observables",
}  # fmt: skip
CHANGEABLE: Final = (REQUIRED | OPTIONAL | {"follow", "lastSyncDate"}) - {"flag", "caseTemplate", "observables"}
STATUSES: Final = {"New", "InProgress", "Pending", "Imported", "Ignored", "FalsePositive"}


class Fake(FakeServer):
    """An incident is an alert; ``indexed`` says whether searches know what was created."""

    resolves = True
    looks = frozenset({"/api/v1/query"})

    def __init__(self, *arguments: Any) -> None:
        self.indexed = True
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
        self.incidents[name] = {"_id": name, "_type": "Alert", "status": "New", **alert}
        return Reply(201, self.incidents[name])

    def _query(self, body: Any) -> Reply:
        listing, filtering, paging = body["query"]
        expect(listing == {"_name": "listAlert"} and filtering["_name"] == "filter", "a query of alerts")
        expect(paging["_name"] == "page" and paging["to"] > paging["from"], "a page")
        wanted = {one["_eq"]["_field"]: one["_eq"]["_value"] for one in filtering["_and"]}
        found = [one for one in self.incidents.values() if all(one.get(name) == v for name, v in wanted.items())]
        return Reply(200, found[paging["from"] : paging["to"]] if self.indexed else [])

    def _update(self, name: str, fields: Any) -> Reply:
        expect(name in self.incidents, "no such alert", 404)
        check(fields, CHANGEABLE)
        self.incidents[name] |= fields
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
