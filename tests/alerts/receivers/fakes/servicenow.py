"""Plays ServiceNow's Table API for incidents: queries by field, lengths that cut, journals that grow."""

import base64
import re
from typing import Any, Final

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

LENGTHS: Final = {
    "short_description": 160, "description": 4000, "correlation_id": 100, "correlation_display": 100, "urgency": 40,
    "work_notes": 4000, "state": 40, "close_code": 40, "close_notes": 4000, "category": 40,
}  # fmt: skip
QUERY: Final = re.compile(r"correlation_id=([^\^=]+)\^ORDERBYsys_created_on")


class Fake(FakeServer):
    """An incident is a row; a real instance cuts what is too long, this one refuses it."""

    resolves = True

    def settings(self) -> dict[str, object]:
        return {
            **self.reach(),
            "user": "innerwatch",
            "password_file": str(self.secret_file),
            "fields": {"category": "security"},
            "resolved_fields": {"state": "6", "close_code": "Closed", "close_notes": "Closed in innerwatch."},
        }

    def handle(self, request: Request) -> Reply:
        right = base64.b64encode(f"innerwatch:{self.secret()}".encode()).decode()
        expect(request.headers.get("authorization") == f"Basic {right}", "User Not Authenticated", 401)
        expect(request.headers.get("accept") == "application/json", "XML")
        if request.path == "/api/now/table/incident":
            return self._find(request.query) if request.method == "GET" else self._insert(request)
        match = re.fullmatch(r"/api/now/table/incident/([0-9a-f]{32})", request.path)
        expect(match and request.method == "PATCH", "no such path", 404)
        assert match
        expect(match[1] in self.incidents, "No Record found", 404)
        self._change(self.incidents[match[1]], request.json())
        return Reply(200, {"result": self.incidents[match[1]]})

    def _find(self, query: Any) -> Reply:
        match = QUERY.fullmatch(query["sysparm_query"])
        expect(match, "no query by correlation_id alone")
        assert match
        fields = query["sysparm_fields"].split(",")
        rows = [row for row in self.incidents.values() if row["correlation_id"] == match[1]]
        cut = [{name: row.get(name, "") for name in fields} for row in rows][: int(query["sysparm_limit"])]
        return Reply(200, {"result": cut})

    def _insert(self, request: Request) -> Reply:
        expect(request.method == "POST", "no such method", 405)
        row = {"sys_id": f"{len(self.incidents):032x}", "state": "1", "journal": []}
        self._change(row, request.json())
        self.incidents[str(row["sys_id"])] = row
        return Reply(201, {"result": row})

    def _change(self, row: dict[str, Any], fields: Any) -> None:
        for name, value in fields.items():
            expect(name in LENGTHS, f"no column {name}")
            expect(isinstance(value, str) and len(value) <= LENGTHS[name], f"{name} is too long or no text")
        expect(fields.get("state") != "6" or fields.get("close_code"), "Data Policy: close_code is mandatory", 403)
        row |= {name: value for name, value in fields.items() if name != "work_notes"}
        row["journal"] += [fields["work_notes"]] if fields.get("work_notes") else []

    def resolved(self) -> set[str]:
        return {name for name, row in self.incidents.items() if row["state"] == "6"}

    def shown(self) -> list[str]:
        shown = []
        for row in self.incidents.values():
            shown += [row["short_description"], *row["description"].split("\n")]
            for note in row["journal"]:
                expect("[code]" not in note.lower(), "a note that is shown as HTML")
                shown += note.split("\n")
        return shown
