"""Jira, Cloud and Data Center: webhooks of an administrator, with a secret.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from alerts.errors import MalformedError
from alerts.inbound.body import at, decoded, digest, items, moment, needed, referred, text
from alerts.inbound.secrets import read_secrets, require_match, signatures
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.incident import Verdict

UPDATED: Final = "jira:issue_updated"
TELLING: Final = ("status", "resolution")
"""Fields of whose changes we hear."""
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
