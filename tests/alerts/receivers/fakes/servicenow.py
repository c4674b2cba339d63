"""Plays ServiceNow's Table API for incidents: queries by field, lengths that cut, journals that grow."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from alerts.inbound.sender import Act
from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect
from tests.alerts.receivers.fakes.webhook import standard_headers

LENGTHS: Final = {
    "short_description": 160, "description": 4000, "correlation_id": 100, "correlation_display": 100, "urgency": 40,
    "work_notes": 4000, "state": 40, "close_code": 40, "close_notes": 4000, "category": 40,
}  # fmt: skip
STATES: Final = {"1": "New", "2": "In Progress", "6": "Resolved", "7": "Closed"}
DID: Final = {Act.ACKNOWLEDGED: "2", Act.IN_PROGRESS: "2", Act.REOPENED: "1", Act.CLOSED: "6"}
SINCE: Final = re.compile(
    r"correlation_idSTARTSWITHinnerwatch-\^sys_updated_onRELATIVEGE@minute@ago@(\d+)\^ORDERBYsys_updated_on"
)
QUERY: Final = re.compile(r"correlation_id=([^\^=]+)\^ORDERBYsys_created_on")


class Fake(FakeServer):
    """An incident is a row; a real instance cuts what is too long, this one refuses it."""

    resolves = True

    clock = 0.0  # what queries call now

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
        if since := SINCE.fullmatch(query["sysparm_query"]):
            return self._changed(query, int(since[1]))
        match = QUERY.fullmatch(query["sysparm_query"])
        expect(match, "no query by correlation_id alone")
        assert match
        fields = query["sysparm_fields"].split(",")
        rows = [row for row in self.incidents.values() if row["correlation_id"] == match[1]]
        cut = [{name: row.get(name, "") for name in fields} for row in rows][: int(query["sysparm_limit"])]
        return Reply(200, {"result": cut})

    def _changed(self, query: Any, minutes: int) -> Reply:
        expect(query["sysparm_display_value"] == "all", "values and how they are shown")
        since, offset = self.clock - minutes * 60, int(query["sysparm_offset"])
        found = [row for row in self.incidents.values() if row.get("updated", 0.0) >= since]
        found.sort(key=lambda row: float(row["updated"]))
        fields = query["sysparm_fields"].split(",")
        page = found[offset : offset + int(query["sysparm_limit"])]
        return Reply(200, {"result": [{name: both(name, row) for name in fields} for row in page]})

    def said(self, act: Act, at: float, word: str = "", reason: str = "") -> bytes:
        """What its business rule would send when a person has done that to the newest incident."""
        row = self.incidents[list(self.incidents)[-1]]
        row |= {"state": DID[act], "close_code": word, "close_notes": reason, "updated": at, "sys_updated_by": "ann"}
        row["sys_updated_on"] = stamp(at)
        row["resolved_at"] = stamp(at) if act is Act.CLOSED else ""
        sent = {name: row[name] for name in ("sys_id", "correlation_id", "close_code", "close_notes")}
        time = f"{stamp(at).replace(' ', 'T')}Z"
        return json.dumps({**sent, "state": STATES[row["state"]], "updated_by": "ann", "time": time}).encode()

    def touched(self, at: float) -> None:
        """A person changes something else of the newest incident."""
        row = self.incidents[list(self.incidents)[-1]]
        row |= {"updated": at, "sys_updated_on": stamp(at), "sys_updated_by": "bo"}

    def signed(self, secret: str, body: bytes, at: float) -> dict[str, str]:
        """The headers with which it would send that."""
        return standard_headers(secret, f"{len(body):032x}{int(at)}", body, at)

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


def stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def both(name: str, row: Any) -> dict[str, str]:
    value = str(row.get(name, ""))
    shown = {"state": STATES.get(value, value), "sys_updated_on": f"{value} local", "resolved_at": f"{value} local"}
    return {"value": value, "display_value": shown.get(name, value)}
