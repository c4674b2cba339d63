"""ServiceNow: what a business rule sends by RESTMessageV2, signed as Standard Webhooks are.

`CertificateEncryption.generateMac(key, "HmacSHA256", text)` takes the key in base64 and gives the signature in base64,
which is what those want; the README has the rule.
"""

from collections.abc import Mapping
from typing import Any, Final

from alerts.inbound.body import decoded, moment, referred, text
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.inbound.standard import ID, StandardSignature
from alerts.incident import Verdict

NEW: Final = frozenset({"new", "draft", "open"})
OVER: Final = frozenset(
    {
        "resolved",
        "closed",
        "closed complete",
        "closed incomplete",
        "closed skipped",
        "canceled",
        "cancelled",
        "complete",
    }
)
"""How states are shown in which nobody works on an incident any more, in English and lower case."""


class ServiceNowSender:
    """Takes the state of an incident as it is shown, with `close_code` and `close_notes`.

    ServiceNow has no verdicts: the close code, or else the state, is looked up in the configuration's.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._verdicts = config.verdicts
        self._signature = StandardSignature(config.secret_file)
        self.verify = self._signature.verify

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:
        """See `Sender`."""
        found = decoded(body)
        time = moment(found, "time")
        return said_of(headers.get(ID, ""), time, text(found, "updated_by"), found, self._verdicts)


def said_of(event_id: str, time: float, by: str, row: Any, verdicts: Mapping[str, Verdict]) -> Said | None:
    """What the present state of an incident says."""
    alert_ids, state = referred(text(row, "correlation_id")), text(row, "state")
    if not alert_ids or not state:
        return None
    over, code = state.casefold() in OVER, text(row, "close_code")
    return Said(
        event_id=event_id,
        time=time,
        act=Act.CLOSED if over else Act.REOPENED if state.casefold() in NEW else Act.IN_PROGRESS,
        by=by,
        alert_ids=alert_ids,
        remote_id=text(row, "sys_id"),
        word=(code or state) if over else state,
        verdict=verdict_of([code, state], verdicts) if over else Verdict.NONE,
        reason=text(row, "close_notes") if over else "",
    )
