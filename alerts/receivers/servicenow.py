"""ServiceNow, Table API (https://docs.servicenow.com, REST API reference)."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from alerts.alert import Severity
from alerts.errors import ReceiverError
from alerts.receivers.http import Answer, HttpCaller, HttpConfig, authorization
from alerts.receivers.identity import mark, reference
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import body, fitted, summary_lines, title

SHORT_BYTES: Final = 160
BODY_BYTES: Final = 4000
NOTE_BYTES: Final = 4000
URGENCIES: Final = {Severity.LOW: "3", Severity.MEDIUM: "3", Severity.HIGH: "2", Severity.CRITICAL: "1"}
_TABLE: Final = re.compile(r"[a-z0-9_]+")


class ServiceNowConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the instance is, without `/api`; `user` with `password_file`, or `password_file` alone for a bearer token.

    `table` is `incident`, or `sn_si_incident` with Security Incident Response. `fields` are set when an incident is
    made (`assignment_group`, `category`), `resolved_fields` when it was closed (`state`, `close_code`,
    `close_notes`); without them closing is left to people, who find a work note.
    """

    user: str = ""
    password_file: str
    table: str = "incident"
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    resolved_fields: dict[str, str] = msgspec.field(default_factory=dict)


class ServiceNow:
    """Makes an incident, and changes that one after: it is found by `correlation_id`.

    `correlation_display` says which notice it has, so that one told twice leaves one work note. The table lets two
    incidents have one `correlation_id`; they are not made because one process tells one alert, one call after another.
    """

    limits = Limits(calls=5, per_s=1.0)

    def __init__(self, config: ServiceNowConfig) -> None:
        if not _TABLE.fullmatch(config.table):
            raise ReceiverError(f"table: {config.table!r} is no name of a table; give one such as incident")
        self._config, self._path = config, f"/api/now/table/{config.table}"
        headers = authorization(config.password_file, config.user) | {"Accept": "application/json"}
        self._caller = HttpCaller(config, headers)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002
        """One or two calls a notice."""
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
        if not isinstance(found.field("result"), list):
            # A page for signing in, as a sleeping instance gives, is no answer to go by.
            return Outcome(Result.RETRY, "the look-up was not answered with a list")
        sys_id = found.text("result", 0, "sys_id")
        resolved = notice.phase is Phase.RESOLVED
        if not sys_id:
            return Outcome(Result.DELIVERED, "closed before it was told") if resolved else self._create(notice)
        if found.text("result", 0, "correlation_display") == mark(notice):
            return Outcome(Result.DELIVERED, remote_id=sys_id)
        note = fitted("\n".join(summary_lines(notice)), NOTE_BYTES, notice.language)
        fields = _changing(notice) | {"work_notes": plain(note)} | (self._config.resolved_fields if resolved else {})
        answer = self._caller.call("PATCH", f"{self._path}/{quote(sys_id, safe='')}", content=_json(fields))
        return msgspec.structs.replace(answer.outcome, remote_id=sys_id if answer.delivered else "")

    def _found(self, notice: Notice) -> Answer:
        query = {
            "sysparm_query": f"correlation_id={reference(notice)}^ORDERBYsys_created_on",
            "sysparm_fields": "sys_id,correlation_display",
            "sysparm_limit": "1",
        }
        return self._caller.call("GET", f"{self._path}?{urlencode(query)}")

    def _create(self, notice: Notice) -> Outcome:
        fields = self._config.fields | _changing(notice) | {"correlation_id": reference(notice)}
        answer = self._caller.call("POST", self._path, content=_json(fields))
        return msgspec.structs.replace(answer.outcome, remote_id=answer.text("result", "sys_id"))


def plain(text: str) -> str:
    """The text without the one markup that journals know, `[code]`, between whose marks HTML is shown as such.

    >>> plain("a [code]<b>x</b>[/CODE]")
    'a [ code]<b>x</b>[ /CODE]'
    """
    return re.sub(r"\[(?=/?code)", "[ ", text, flags=re.IGNORECASE)


def _changing(notice: Notice) -> dict[str, str]:
    return {
        "short_description": fitted(title(notice), SHORT_BYTES, notice.language),
        "description": body(notice, BODY_BYTES),
        "urgency": URGENCIES[notice.alert.severity],
        "correlation_display": mark(notice),
    }


def _json(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode(fields)
