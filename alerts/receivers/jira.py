"""Jira, Cloud (REST API 3) and Data Center (REST API 2)."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.http import Answer, HttpCaller, HttpConfig, authorization
from alerts.receivers.identity import SOURCE, mark, reference
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import body, fitted, summary_lines, title

SUMMARY_BYTES: Final = 255
BODY_BYTES: Final = 16 << 10
COMMENT_BYTES: Final = 4 << 10
COMMENTS: Final = 5
INDEX_S: Final = 60.0
"""A search finds a new issue after some seconds; waiting so long makes that sure enough."""
_PROJECT: Final = re.compile(r"[A-Z][A-Z0-9_]+")


class JiraConfig(HttpConfig, frozen=True, kw_only=True):
    """Where Jira is, without `/rest`; an API token with its `user` (Cloud), or a personal token alone (Data Center).

    Issues are made in `project` as `issue_type`, with `fields` added as the API takes them (`priority`, `security`).
    """

    project: str
    issue_type: str = "Task"
    user: str = ""
    token_file: str
    cloud: bool = True
    fields: dict[str, Any] = msgspec.field(default_factory=dict)


class Jira:
    """Makes an issue with a label of its own, by which it is found again; what changes later is a comment.

    Transitions and fields are people's. Every text of ours ends with a mark of its notice, so that one told twice is
    written once. Two issues can be made only when the answer to the first is lost and Jira's search does not know the
    issue a minute later.
    """

    limits = Limits(calls=2, per_s=1.0)

    def __init__(self, config: JiraConfig) -> None:
        if not _PROJECT.fullmatch(config.project):
            raise ReceiverError(f"project: {config.project!r} is no key of a project; give one such as SEC")
        self._config, self._base = config, f"/rest/api/{3 if config.cloud else 2}"
        self._caller = HttpCaller(config, authorization(config.token_file, config.user))

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002
        """Two or three calls a notice."""
        return [self._one(notice) for notice in notices]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _one(self, notice: Notice) -> Outcome:
        found = self._found(notice)
        if not found.delivered:
            return found.outcome
        if not isinstance(found.field("issues"), list):
            return Outcome(Result.RETRY, "the search was not answered with a list")
        key = found.text("issues", 0, "key")
        if not key and notice.phase is Phase.RESOLVED:
            return Outcome(Result.DELIVERED, "closed before it was told")
        if not key:
            return self._create(notice)
        if _has(found, notice):
            return Outcome(Result.DELIVERED, remote_id=key)
        return self._comment(notice, key)

    def _found(self, notice: Notice) -> Answer:
        jql = f'project = "{self._config.project}" AND labels = "{reference(notice)}" ORDER BY created ASC'
        query = {"jql": jql, "maxResults": 1, "fields": ["description"]}
        path = "/search/jql" if self._config.cloud else "/search"
        return self._caller.call("POST", self._base + path, content=msgspec.json.encode(query))

    def _create(self, notice: Notice) -> Outcome:
        fields = self._config.fields | {
            "project": {"key": self._config.project},
            "issuetype": {"name": self._config.issue_type},
            "summary": fitted(title(notice), SUMMARY_BYTES, notice.language),
            "description": self._document(body(notice, BODY_BYTES), notice),
            "labels": [SOURCE, reference(notice), *[f"{SOURCE}-test"] * notice.test],
        }
        answer = self._caller.call("POST", f"{self._base}/issue", content=msgspec.json.encode({"fields": fields}))
        outcome = msgspec.structs.replace(answer.outcome, remote_id=answer.text("key"))
        if outcome.result is Result.RETRY and (answer.status == 0 or answer.status >= 500):
            # It may have been made; the search must have had time to learn of it before the next attempt.
            return msgspec.structs.replace(outcome, retry_after_s=max(outcome.retry_after_s or 0.0, INDEX_S))
        return outcome

    def _comment(self, notice: Notice, key: str) -> Outcome:
        path = f"{self._base}/issue/{quote(key, safe='')}/comment"
        newest = self._caller.call("GET", f"{path}?orderBy=-created&maxResults={COMMENTS}")
        if not newest.delivered:
            return newest.outcome
        if _has(newest, notice):
            return Outcome(Result.DELIVERED, remote_id=key)
        text = fitted("\n".join([title(notice), *summary_lines(notice)]), COMMENT_BYTES, notice.language)
        content = msgspec.json.encode({"body": self._document(text, notice)})
        answer = self._caller.call("POST", path, content=content)
        return msgspec.structs.replace(answer.outcome, remote_id=key if answer.delivered else "")

    def _document(self, text: str, notice: Notice) -> Any:
        return document(f"{text}\n{mark(notice)}") if self._config.cloud else unformatted(f"{text}\n{mark(notice)}")


def document(text: str) -> dict[str, Any]:
    """The text in Atlassian Document Format: nothing within a node of text is markup.

    >>> document("a")["content"]
    [{'type': 'paragraph', 'content': [{'type': 'text', 'text': 'a'}]}]
    """
    nodes: list[dict[str, Any]] = []
    for line in text.split("\n"):
        nodes += [{"type": "hardBreak"}] if nodes else []
        nodes += [{"type": "text", "text": line}] if line else []
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": nodes}]}


def unformatted(text: str) -> str:
    r"""The text in Jira's wiki markup as a block in which nothing is markup.

    >>> unformatted("a{noformat}b")
    '{noformat}\na{ noformat}b\n{noformat}'
    """
    within = re.sub(r"\{(?=noformat)", "{ ", text, flags=re.IGNORECASE)
    return "{noformat}\n" + within + "\n{noformat}"


def _has(answer: Answer, notice: Notice) -> bool:
    return mark(notice).encode() in answer.body
