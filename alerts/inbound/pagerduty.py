"""PagerDuty: webhooks v3, and the log of its REST API (https://developer.pagerduty.com/docs/webhooks-overview)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from alerts.errors import ReceiverError
from alerts.inbound.body import at, decoded, moment, needed, referred, rfc3339, text
from alerts.inbound.poll import POLL_BYTES, Page, page_of
from alerts.inbound.secrets import read_secrets, require_match, signatures
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.incident import Verdict
from alerts.receivers.http import HttpCaller, authorization
from alerts.receivers.pagerduty import PagerDutyConfig

ACTS: Final = {
    "incident.acknowledged": Act.ACKNOWLEDGED,
    "incident.unacknowledged": Act.REOPENED,
    "incident.reopened": Act.REOPENED,
    "incident.resolved": Act.CLOSED,
}
ENTRIES: Final = {
    "acknowledge_log_entry": Act.ACKNOWLEDGED,
    "unacknowledge_log_entry": Act.REOPENED,
    "resolve_log_entry": Act.CLOSED,
}
RESOLVED: Final = "resolved"
AT_ONCE: Final = 50


class PagerDutySender:
    """Takes what happens to incidents that our events have opened, known by their `incident_key`.

    PagerDuty has no verdicts: the name of the incident's priority, or the word "resolved", is looked up in the
    configuration's. What no person did there, such as our own resolving, a merge or a time-out, is a note.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._secrets, self._verdicts = read_secrets(config.secret_file), config.verdicts

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:  # noqa: ARG002
        """See `Sender`; the signature holds no time."""
        given = [one.strip() for one in headers.get("x-pagerduty-signature", "").split(",")]
        require_match([f"v1={one}" for one in signatures(self._secrets, body)], given)

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:  # noqa: ARG002
        """See `Sender`."""
        event = at(decoded(body), "event")
        act = ACTS.get(needed(event, "event_type"))
        if act is None:
            return None
        return said_of(needed(event, "id"), moment(event, "occurred_at"), act, event, self._verdicts)


class PagerDutyPoll:
    """Reads the log of incidents; `api_token_file` is needed."""

    def __init__(self, config: PagerDutyConfig, verdicts: Mapping[str, Verdict]) -> None:
        if config.api_token_file is None:
            raise ReceiverError("asking PagerDuty needs api_token_file, with a key that may read")
        self._verdicts = verdicts
        headers = authorization(config.api_token_file, scheme="Token")
        headers["Authorization"] = headers["Authorization"].replace("Token ", "Token token=", 1)
        headers["Accept"] = "application/vnd.pagerduty+json;version=2"
        api = msgspec.structs.replace(config, url=config.api_url, url_file=None)
        self._caller = HttpCaller(api, headers, answer_bytes=POLL_BYTES)

    def read(self, since: float, now: float, page: str) -> Page:
        """See `Poll`; a page is where it begins. The newest come first."""
        start = int(page or 0)
        query = {"since": rfc3339(since), "until": rfc3339(now + 1.0), "is_overview": "true", "include[]": "incidents"}
        query |= {"limit": str(AT_ONCE), "offset": page or "0"}
        answer = self._caller.call("GET", f"/log_entries?{urlencode(query)}")
        following = str(start + AT_ONCE) if answer.field("more") is True else ""
        return page_of(answer, ("log_entries",), self._said, lambda _: following)

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _said(self, entry: Any) -> Said | None:
        act = ENTRIES.get(needed(entry, "type"))
        if act is None:
            return None
        event = {"agent": at(entry, "agent"), "data": at(entry, "incident")}
        return said_of(needed(entry, "id"), moment(entry, "created_at"), act, event, self._verdicts)


def said_of(event_id: str, time: float, act: Act, event: Any, verdicts: Mapping[str, Verdict]) -> Said | None:
    """What an event with its `agent` and an incident as its `data` says."""
    incident, word, by_hand = at(event, "data"), "", text(event, "agent", "type").startswith("user")
    alert_ids = referred(text(incident, "incident_key"))
    if not alert_ids:
        return None
    if act is Act.CLOSED:
        word = text(incident, "priority", "summary") or RESOLVED
        act = act if by_hand and not at(incident, "resolve_reason") else Act.NOTED
    return Said(
        event_id=event_id,
        time=time,
        act=act,
        by=text(event, "agent", "summary"),
        alert_ids=alert_ids,
        word=word,
        verdict=verdict_of([word, RESOLVED], verdicts) if act is Act.CLOSED else Verdict.NONE,
    )
