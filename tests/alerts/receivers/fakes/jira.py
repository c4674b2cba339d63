"""Plays Jira, Cloud or Data Center: search by JQL with an index that may lag, issues, comments, document format."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from alerts.inbound.sender import Act
from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

JQL: Final = re.compile(r'project = "([A-Z][A-Z0-9_]+)" AND labels = "([^"\\\s]+)" ORDER BY created ASC')
SINCE: Final = re.compile(r'project = "SEC" AND labels = "innerwatch" AND updated >= -(\d+)m ORDER BY updated ASC')
MOST: Final = 32_767
CATEGORIES: Final = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
STATUSES: Final = {Act.ACKNOWLEDGED: "In Progress", Act.IN_PROGRESS: "In Progress", Act.REOPENED: "To Do"}


class Fake(FakeServer):
    """An incident is an issue; ``indexed`` says whether searches know what was created, ``cloud`` which of the two."""

    looks = frozenset({"/rest/api/3/search/jql", "/rest/api/2/search"})
    cloud = True

    def __init__(self, *arguments: Any) -> None:
        self.indexed = True
        self.clock = 0.0  # what searches call now
        super().__init__(*arguments)

    def settings(self) -> dict[str, object]:
        user = {"user": "bot@example.org"} if self.cloud else {}
        token = {"token_file": str(self.secret_file), "cloud": self.cloud}
        return {**self.reach(), **user, **token, "project": "SEC", "fields": {"priority": {"name": "High"}}}

    def handle(self, request: Request) -> Reply:
        basic = "Basic " + base64.b64encode(f"bot@example.org:{self.secret()}".encode()).decode()
        right = basic if self.cloud else f"Bearer {self.secret()}"
        expect(request.headers.get("authorization") == right, "no right", 401)
        base = f"/rest/api/{3 if self.cloud else 2}"
        if request.path == base + ("/search/jql" if self.cloud else "/search"):
            return self._search(request.json())
        if (request.method, request.path) == ("POST", f"{base}/issue"):
            return self._create(request.json())
        match = re.fullmatch(re.escape(base) + r"/issue/(SEC-\d+)/comment", request.path)
        expect(match and match[1] in self.incidents, "no such path", 404)
        assert match
        comments = self.incidents[match[1]]["comments"]
        if request.method == "GET":
            newest = list(reversed(comments))[: int(request.query["maxResults"])]
            return Reply(200, {"comments": [{"body": one} for one in newest], "total": len(comments)})
        body = request.json()
        expect(set(body) == {"body"}, "a comment has a body")
        self.text_of(body["body"])
        comments.append(body["body"])
        return Reply(201, {"id": str(10_000 + len(comments))})

    def _search(self, query: Any) -> Reply:
        if since := SINCE.fullmatch(query["jql"]):
            return self._changed(query, int(since[1]))
        match = JQL.fullmatch(query["jql"])
        expect(match and match[1] == "SEC", "the JQL cannot be read")
        assert match
        expect(query["maxResults"] == 1 and query["fields"] == ["description"], "a small answer")
        found = [
            {"key": key, "fields": {"description": issue["description"]}}
            for key, issue in self.incidents.items()
            if match[2] in issue["labels"]
        ]
        return Reply(200, {"issues": found[:1] if self.indexed else [], "isLast": True})

    def _changed(self, query: Any, minutes: int) -> Reply:
        place = "nextPageToken" if self.cloud else "startAt"
        expect(set(query) <= {"jql", "maxResults", "fields", "expand", place}, "a key that search does not know")
        expect(query["expand"] == ("changelog" if self.cloud else ["changelog"]), "the history is wanted")
        since = self.clock // 60 * 60 - minutes * 60
        found = [(key, issue) for key, issue in self.incidents.items() if issue.get("updated", 0.0) >= since]
        found.sort(key=lambda one: float(one[1]["updated"]))
        start, size = int(query.get(place) or 0), query["maxResults"]
        page = [self._shown(key, issue, query["fields"]) for key, issue in found[start : start + size]]
        last = start + size >= len(found)
        if self.cloud:
            return Reply(
                200, {"issues": page, "isLast": last, **({} if last else {"nextPageToken": str(start + size)})}
            )
        return Reply(200, {"issues": page, "startAt": start, "maxResults": size, "total": len(found)})

    def _shown(self, key: str, issue: Any, fields: list[str]) -> dict[str, Any]:
        status = issue.get("status", "To Do")
        known = {
            "labels": issue["labels"], "status": {"name": status, "statusCategory": {"key": CATEGORIES[status]}},
            "resolution": {"name": issue["resolution"]} if issue.get("resolution") else None,
        }  # fmt: skip
        shown = {"key": key, "fields": {name: known[name] for name in fields}}
        return {**shown, "changelog": {"histories": list(reversed(issue.get("histories", [])))}}

    def said(self, act: Act, at: float, word: str = "", reason: str = "") -> bytes:
        """What it would post when a person has done that to the newest issue, with a resolution where it is over."""
        key = list(self.incidents)[-1]
        issue = self.incidents[key]
        former = issue.get("status", "To Do")
        issue["status"], issue["updated"] = STATUSES.get(act, "Done"), at
        issue["resolution"] = (word or "Won't Do") if act is Act.CLOSED else ""
        items = [{"field": "status", "fromString": former, "toString": issue["status"]}]
        author = {"accountId": "5b10", "displayName": "ann"}
        history = {"id": str(10_000 + len(issue.setdefault("histories", []))), "author": author, "items": items}
        issue["histories"].append(
            {**history, "created": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"}
        )
        event = {
            "timestamp": int(at * 1000), "webhookEvent": "jira:issue_updated", "issue_event_type_name": "issue_generic",
            "user": author, "issue": self._shown(key, issue, ["labels", "status", "resolution"]),
            "changelog": {"id": f"{key}.{history['id']}", "items": items},
        }  # fmt: skip
        return json.dumps(event).encode()

    def touched(self, at: float) -> None:
        """A person changes something else of the newest issue."""
        issue = self.incidents[list(self.incidents)[-1]]
        issue["updated"] = at
        created = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"
        items = [{"field": "priority", "fromString": "High", "toString": "Low"}]
        history = {"id": "20000", "author": {"displayName": "bo"}, "items": items, "created": created}
        issue.setdefault("histories", []).append(history)

    def signed(self, secret: str, body: bytes, at: float) -> dict[str, str]:
        """The headers with which it would post that."""
        return {"x-hub-signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}

    def _create(self, body: Any) -> Reply:
        fields = body["fields"]
        known = {"project", "issuetype", "summary", "description", "labels", "priority"}
        expect(set(body) == {"fields"} and set(fields) <= known, "a field that is not on the screen")
        expect(fields["project"] == {"key": "SEC"} and fields["issuetype"] == {"name": "Task"}, "no such project")
        expect(0 < len(fields["summary"]) <= 255 and "\n" not in fields["summary"], "the summary")
        expect(all(0 < len(one) <= 255 and " " not in one for one in fields["labels"]), "a label with spaces")
        self.text_of(fields["description"])
        key = f"SEC-{len(self.incidents) + 1}"
        self.incidents[key] = {**fields, "comments": []}
        return Reply(201, {"id": "10000", "key": key, "self": f"{self.url}/rest/api/3/issue/10000"})

    def text_of(self, body: Any) -> str:
        """The text of a description or comment, all of it outside markup; otherwise refused."""
        if self.cloud:
            expect(isinstance(body, dict) and (body.get("type"), body.get("version")) == ("doc", 1), "no document")
            text = "".join(self._text(node) for paragraph in body["content"] for node in paragraph["content"])
        else:
            expect(isinstance(body, str) and body.startswith("{noformat}\n"), "no text without format")
            text, _, rest = body.removeprefix("{noformat}\n").partition("{noformat}")
            expect(rest == "" and text.endswith("\n"), "the text without format ends early")
        expect(len(text) <= MOST, "the text is too long")
        return text

    def _text(self, node: Any) -> str:
        if node == {"type": "hardBreak"}:
            return "\n"
        expect(set(node) == {"type", "text"} and node["type"] == "text" and node["text"], "INVALID_INPUT")
        return str(node["text"])

    def shown(self) -> list[str]:
        shown = []
        for issue in self.incidents.values():
            shown += [issue["summary"], *issue["labels"]]
            for body in (issue["description"], *issue["comments"]):
                shown += self.text_of(body).split("\n")
        return shown
