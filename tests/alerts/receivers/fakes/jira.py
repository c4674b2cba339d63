"""Plays Jira, Cloud or Data Center: search by JQL with an index that may lag, issues, comments, document format."""

import base64
import re
from typing import Any, Final

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect

JQL: Final = re.compile(r'project = "([A-Z][A-Z0-9_]+)" AND labels = "([^"\\\s]+)" ORDER BY created ASC')
MOST: Final = 32_767


class Fake(FakeServer):
    """An incident is an issue; ``indexed`` says whether searches know what was created, ``cloud`` which of the two."""

    looks = frozenset({"/rest/api/3/search/jql", "/rest/api/2/search"})
    cloud = True

    def __init__(self, *arguments: Any) -> None:
        self.indexed = True
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
