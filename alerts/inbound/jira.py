"""Jira, Cloud and Data Center: webhooks of an administrator, with a secret, and searches for what has changed.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from alerts.errors import MalformedError
from alerts.inbound.body import at, decoded, digest, items, moment, needed, referred, text
from alerts.inbound.poll import POLL_BYTES, Page, page_of
from alerts.inbound.secrets import read_secrets, require_match, signatures
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.incident import Verdict
from alerts.receivers.http import HttpCaller, authorization
from alerts.receivers.identity import SOURCE
from alerts.receivers.jira import JiraConfig

UPDATED: Final = "jira:issue_updated"
TELLING: Final = ("status", "resolution")
"""Fields of whose changes we hear."""
AT_ONCE: Final = 20
DONE, UNDERWAY = "done", "indeterminate"
"""Keys of the categories that every status is in; the third is that of what nobody has begun."""


class JiraSender:
    """Takes changes of status and resolution of issues that have our label.

    Jira has no verdicts: the issue's resolution, or else its status, is looked up in the configuration's.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._secrets, self._verdicts = read_secrets(config.secret_file), config.verdicts

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:  # noqa: ARG002
        """See `Sender`; the signature holds no time."""
        right = [f"sha256={one}" for one in signatures(self._secrets, body)]
        require_match(right, [headers.get("x-hub-signature", "")])

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:  # noqa: ARG002
        """See `Sender`."""
        found = decoded(body)
        if needed(found, "webhookEvent") != UPDATED or not tells(at(found, "changelog")):
            return None
        said = said_of(at(found, "issue"), text(found, "user", "displayName"), self._verdicts)
        if said is None:
            return None
        event_id = text(found, "changelog", "id") or digest(body)
        return msgspec.structs.replace(said, event_id=event_id, time=moment(found, "timestamp"))


class JiraPoll:
    """Searches for issues of ours that were updated, by a time that is counted back from Jira's own."""

    def __init__(self, config: JiraConfig, verdicts: Mapping[str, Verdict]) -> None:
        self._config, self._verdicts = config, verdicts
        headers = authorization(config.token_file, config.user)
        self._caller = HttpCaller(config, headers, answer_bytes=POLL_BYTES)

    def read(self, since: float, now: float, page: str) -> Page:
        """See `Poll`; a page is the token of Cloud, or where Data Center's begins."""
        minutes = math.ceil((now - since) / 60.0) + 1
        of_ours = f'project = "{self._config.project}" AND labels = "{SOURCE}"'
        query: dict[str, Any] = {
            "jql": f"{of_ours} AND updated >= -{minutes}m ORDER BY updated ASC",
            "maxResults": AT_ONCE,
            "fields": ["labels", "status", "resolution"],
        }
        if self._config.cloud:
            query |= {"expand": "changelog", **({"nextPageToken": page} if page else {})}
            answer = self._caller.call("POST", "/rest/api/3/search/jql", content=msgspec.json.encode(query))
            return page_of(answer, ("issues",), self._said, lambda _: answer.text("nextPageToken"))
        start = int(page or 0)
        query |= {"expand": ["changelog"], "startAt": start}
        answer = self._caller.call("POST", "/rest/api/2/search", content=msgspec.json.encode(query))
        return page_of(answer, ("issues",), self._said, lambda rows: str(start + AT_ONCE) if rows == AT_ONCE else "")

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _said(self, issue: Any) -> Said | None:
        """What its last change that tells anything says."""
        changes = [change for change in items(issue, "changelog", "histories") if tells(change)]
        if not changes:
            return None
        time, last = max(((moment(change, "created"), change) for change in changes), key=lambda one: one[0])
        said = said_of(issue, text(last, "author", "displayName"), self._verdicts)
        event_id = f"{text(issue, 'key')} {needed(last, 'id')}"
        return None if said is None else msgspec.structs.replace(said, event_id=event_id, time=time)


def tells(change: Any) -> bool:
    """Whether one change of an issue is of its status or resolution."""
    return any(text(item, "field") in TELLING for item in items(change, "items"))


def said_of(issue: Any, by: str, verdicts: Mapping[str, Verdict]) -> Said | None:
    """What the present state of an issue says; whose event it was, and when, is for the caller to know."""
    labels: Sequence[Any] = items(issue, "fields", "labels")
    alert_ids = referred(*[label for label in labels if isinstance(label, str)])
    if not alert_ids:
        return None
    resolution, status = text(issue, "fields", "resolution", "name"), text(issue, "fields", "status", "name")
    category = text(issue, "fields", "status", "statusCategory", "key")
    if not status:
        raise MalformedError("issue.fields.status.name is missing")
    over = bool(resolution) or category == DONE
    act = Act.CLOSED if over else Act.IN_PROGRESS if category == UNDERWAY else Act.REOPENED
    return Said(
        event_id="",
        time=0.0,
        act=act,
        by=by,
        alert_ids=alert_ids,
        remote_id=text(issue, "key"),
        word=resolution or status,
        verdict=verdict_of([resolution, status], verdicts) if over else Verdict.NONE,
    )
