"""ServiceNow: what a business rule sends by RESTMessageV2, signed as Standard Webhooks are, and the Table API.

`CertificateEncryption.generateMac(key, "HmacSHA256", text)` takes the key in base64 and gives the signature in base64,
which is what those want; the README has the rule.
"""

import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from alerts.inbound.body import decoded, moment, referred, text
from alerts.inbound.poll import POLL_BYTES, Page, page_of
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.inbound.standard import ID, StandardSignature
from alerts.incident import Verdict
from alerts.receivers.http import HttpCaller, authorization
from alerts.receivers.identity import SOURCE
from alerts.receivers.servicenow import ServiceNowConfig

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


FIELDS: Final = (
    "sys_id", "correlation_id", "state", "close_code", "close_notes", "sys_updated_on", "sys_updated_by", "resolved_at",
    "closed_at",
)  # fmt: skip
AT_ONCE: Final = 20


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


class ServiceNowPoll:
    """Asks for incidents of ours that were updated, by a time that is counted back from the instance's own."""

    def __init__(self, config: ServiceNowConfig, verdicts: Mapping[str, Verdict]) -> None:
        self._user, self._verdicts, self._path = config.user, verdicts, f"/api/now/table/{config.table}"
        headers = authorization(config.password_file, config.user) | {"Accept": "application/json"}
        self._caller = HttpCaller(config, headers, answer_bytes=POLL_BYTES)

    def read(self, since: float, now: float, page: str) -> Page:
        """See `Poll`; a page is where it begins."""
        start, minutes = int(page or 0), math.ceil((now - since) / 60.0) + 1
        of_ours = f"correlation_idSTARTSWITH{SOURCE}-^sys_updated_onRELATIVEGE@minute@ago@{minutes}"
        query = {
            "sysparm_query": f"{of_ours}^ORDERBYsys_updated_on",
            "sysparm_fields": ",".join(FIELDS),
            "sysparm_display_value": "all",
            "sysparm_limit": str(AT_ONCE),
            "sysparm_offset": str(start),
        }
        answer = self._caller.call("GET", f"{self._path}?{urlencode(query)}")
        return page_of(answer, ("result",), self._said, lambda rows: str(start + AT_ONCE) if rows == AT_ONCE else "")

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _said(self, found: Any) -> Said | None:
        """What a row says; times are taken as they are stored, in UTC, and states as they are shown."""
        stored = {name: text(found, name, "value") for name in FIELDS}
        row = stored | {"state": text(found, "state", "display_value")}
        by = stored["sys_updated_by"]
        if by == self._user and by:
            return None
        over = row["state"].casefold() in OVER
        times = (stored["resolved_at"], stored["closed_at"]) if over else ()
        stamp = next((time for time in times if time), stored["sys_updated_on"])
        time = moment({"time": f"{stamp.replace(' ', 'T')}Z"}, "time")
        return said_of(f"{row['sys_id']} {stamp} {row['state']}", time, by, row, self._verdicts)


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
