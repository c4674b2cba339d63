"""PagerDuty, Events API v2 (https://developer.pagerduty.com/docs/send-alert-event)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alerts.alert import Severity
from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.receivers.http import HttpCaller, HttpConfig, read_secret
from alerts.receivers.identity import SOURCE, reference
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase
from alerts.receivers.text import body, fitted, safe_link, title

KEY_CHARS: Final = 32
SUMMARY_BYTES: Final = 1024
FIELD_BYTES: Final = 255
BODY_BYTES: Final = 32 << 10  # of 512 KiB that an event may have
SEVERITIES: Final = {
    Severity.LOW: "info",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "critical",
}


class PagerDutyConfig(HttpConfig, frozen=True, kw_only=True):
    """Where events go; `routing_key_file` holds the integration key of the service.

    What people do there is asked of `api_url`, where that is wanted, with a key for reading in `api_token_file`.
    """

    url: str = "https://events.pagerduty.com/v2/enqueue"
    routing_key_file: str
    api_url: str = "https://api.pagerduty.com"
    api_token_file: str | None = None


class PagerDuty:
    """Triggers and resolves an alert there under one `dedup_key`, so that whatever is told again joins the first."""

    limits = Limits(calls=2, per_s=1.0)

    def __init__(self, config: PagerDutyConfig) -> None:
        self._key = read_secret(config.routing_key_file)
        if len(self._key) != KEY_CHARS:
            raise ReceiverError(f"{config.routing_key_file}: a routing key of PagerDuty has {KEY_CHARS} characters")
        self._caller = HttpCaller(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002
        """One call a notice."""
        return [self._one(notice) for notice in notices]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _one(self, notice: Notice) -> Outcome:
        event: dict[str, Any] = {"routing_key": self._key, "dedup_key": reference(notice)}
        event |= {"event_action": "resolve"} if notice.phase is Phase.RESOLVED else _trigger(notice)
        answer = self._caller.call("POST", content=msgspec.json.encode(event))
        return msgspec.structs.replace(answer.outcome, remote_id=reference(notice) if answer.delivered else "")


def _trigger(notice: Notice) -> dict[str, Any]:
    alert, link = notice.alert, safe_link(notice)
    return {
        "event_action": "trigger",
        "client": SOURCE,
        **({"client_url": link, "links": [{"href": link, "text": alert.alert_id}]} if link else {}),
        "payload": {
            "summary": fitted(title(notice), SUMMARY_BYTES, notice.language),
            "source": SOURCE,
            # A test shall show that pages arrive, and wake nobody whose rules go by severity.
            "severity": "info" if notice.test else SEVERITIES[alert.severity],
            "timestamp": alert.updated_at,
            "component": fitted(escape(alert.actor), FIELD_BYTES),
            "group": fitted(escape(alert.department or SOURCE), FIELD_BYTES),
            "class": fitted(escape(alert.findings[0].detection), FIELD_BYTES),
            "custom_details": {
                "alert_id": escape(alert.alert_id),
                "revision": notice.revision,
                "risk": alert.risk,
                "test": notice.test,
                "text": body(notice, BODY_BYTES),
            },
        },
    }
