"""TheHive 5: the webhook of a notification, and queries (https://docs.strangebee.com/thehive/).

TheHive signs nothing. An endpoint of its configuration has an `auth`, "bearer" with a key or "basic" with a
password, and that key or password is the secret.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerts.inbound.body import at, decoded, digest, items, moment, needed, referred, text
from alerts.inbound.poll import POLL_BYTES, Page, page_of
from alerts.inbound.secrets import read_secrets, require_match
from alerts.inbound.sender import Act, Said, SenderConfig, verdict_of
from alerts.incident import Verdict
from alerts.receivers.http import HttpCaller, authorization
from alerts.receivers.identity import SOURCE
from alerts.receivers.thehive import TYPE, TheHiveConfig

VERDICTS: Final = {
    "TruePositive": Verdict.TRUE_POSITIVE,
    "FalsePositive": Verdict.FALSE_POSITIVE,
    "Indeterminate": Verdict.UNDETERMINED,
}
"""Statuses of closed cases that every TheHive has."""
STAGES: Final = {"New": Act.REOPENED, "InProgress": Act.IN_PROGRESS, "Imported": Act.IN_PROGRESS, "Closed": Act.CLOSED}
OURS: Final = {
    "listAlert": ({"_eq": {"_field": "type", "_value": TYPE}}, {"_eq": {"_field": "source", "_value": SOURCE}}),
    "listCase": ({"_eq": {"_field": "tags", "_value": SOURCE}},),
}
"""What is asked for: alerts, and then cases, that are ours."""
AT_ONCE: Final = 20
UPDATES: Final = ("update", "updated")


class TheHiveSender:
    """Takes changes of our alerts, and of cases that have their tags because they were made from them.

    Statuses are an organisation's own; what they mean beyond the usual ones is for the configuration to say.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._secrets, self._verdicts = read_secrets(config.secret_file), VERDICTS | config.verdicts

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:  # noqa: ARG002
        """See `Sender`; there is no signature and no time."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        given = {"bearer": credentials, "basic": password(credentials)}
        require_match(self._secrets, [given.get(scheme.lower(), "")])

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:  # noqa: ARG002
        """See `Sender`; the form of version 0 says `operation` where that of version 1 says `action`."""
        found = decoded(body)
        action = text(found, "action") or needed(found, "operation")
        if action.lower() not in UPDATES or at(found, "details", "status") is None:
            return None
        if needed(found, "objectType").lower() not in ("alert", "case"):
            return None
        by = text(found, "_createdBy") or text(found, "object", "_updatedBy") or text(found, "object", "updatedBy")
        time = moment(found, "_createdAt" if "_createdAt" in found else "startDate")
        return said_of(digest(body), time, by, at(found, "object"), self._verdicts)


class TheHivePoll:
    """Asks for alerts of ours, and for cases with our tag, that were updated."""

    def __init__(self, config: TheHiveConfig, verdicts: Mapping[str, Verdict]) -> None:
        self._verdicts = {**VERDICTS, **verdicts}
        organisation = {"X-Organisation": config.organisation} if config.organisation else {}
        headers = authorization(config.token_file) | organisation
        self._caller = HttpCaller(config, headers, answer_bytes=POLL_BYTES)

    def read(self, since: float, now: float, page: str) -> Page:  # noqa: ARG002
        """See `Poll`; a page is what is listed, and where it begins."""
        listing, _, begins = (page or "listAlert 0").partition(" ")
        start = int(begins)
        newer = {"_gte": {"_field": "_updatedAt", "_value": int(since * 1000)}}
        query = [
            {"_name": listing},
            {"_name": "filter", "_and": [*OURS[listing], newer]},
            {"_name": "sort", "_fields": [{"_updatedAt": "asc"}]},
            {"_name": "page", "from": start, "to": start + AT_ONCE},
        ]
        path = "/api/v1/query?name=changes"
        answer = self._caller.call("POST", path, content=msgspec.json.encode({"query": query}))
        after = "listCase 0" if listing == "listAlert" else ""
        return page_of(
            answer, (), self._said, lambda rows: f"{listing} {start + AT_ONCE}" if rows == AT_ONCE else after
        )

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _said(self, found: Any) -> Said | None:
        over = text(found, "stage") == "Closed" and at(found, "closedDate") is not None
        time = moment(found, "closedDate" if over else "_updatedAt")
        event_id = f"{needed(found, '_id')} {time} {text(found, 'status')}"
        return said_of(event_id, time, text(found, "_updatedBy"), found, self._verdicts)


def password(credentials: str) -> str:
    """That of HTTP's Basic credentials (RFC 7617), "" where they are none.

    >>> password("aGl2ZTpzZWNyZXQ=")
    'secret'
    """
    try:
        return base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def said_of(event_id: str, time: float, by: str, found: Any, verdicts: Mapping[str, Verdict]) -> Said | None:
    """What the present state of an alert or a case says."""
    names = [text(found, "sourceRef"), *[tag for tag in items(found, "tags") if isinstance(tag, str)]]
    alert_ids, act = tuple(dict.fromkeys(referred(*names))), STAGES.get(text(found, "stage"))
    if not alert_ids or act is None:
        return None
    word = text(found, "status")
    return Said(
        event_id=event_id,
        time=time,
        act=act,
        by=by,
        alert_ids=alert_ids,
        word=word,
        verdict=verdict_of([word], verdicts) if act is Act.CLOSED else Verdict.NONE,
        reason=text(found, "summary"),
    )
