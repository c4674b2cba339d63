"""PagerDuty, webhooks v3 (https://developer.pagerduty.com/docs/webhooks-overview)."""

from collections.abc import Mapping
from typing import Any, Final

from alerts.inbound.body import at, decoded, moment, needed, referred, text
from alerts.inbound.secrets import read_secrets, require_match, signatures
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.incident import Verdict

ACTS: Final = {
    "incident.acknowledged": Act.ACKNOWLEDGED,
    "incident.unacknowledged": Act.REOPENED,
    "incident.reopened": Act.REOPENED,
    "incident.resolved": Act.CLOSED,
}
RESOLVED: Final = "resolved"


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
