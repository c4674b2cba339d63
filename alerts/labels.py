"""Verdicts as labels: what people said of alerts, with the times at which that became known and was taken back."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.incident import Verdict

CLOSED: Final = "closed"
REOPENED: Final = "reopened"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict on one alert.

    `opened_at` is when the alert opened, in the time of the log. `given` and `withdrawn` are by the clock, Unix
    seconds; `withdrawn` is None while nobody has taken it back.
    """

    alert_id: str
    actor: str
    incident_id: str
    verdict: str
    opened_at: datetime
    given: float
    withdrawn: float | None


def labels(connection: sa.Connection) -> list[Label]:
    """Every verdict that was ever given on an alert, by when, then alert.

    Verdicts that teach are kept as feedback; what was left undetermined stands in the history of its incident alone.
    An alert belongs to the incident that has it now, if it is older than the verdict.
    """
    joined, alerts = tables.incident_alerts, tables.alerts
    query = sa.select(joined.c.incident_id, alerts.c.alert_id, alerts.c.actor, alerts.c.opened_at).join(
        alerts, alerts.c.alert_id == joined.c.alert_id
    )
    members: dict[str, list[Any]] = {}
    for row in connection.execute(query.order_by(alerts.c.alert_id)):
        members.setdefault(row.incident_id, []).append(row)
    found = [
        Label(
            alert_id=member.alert_id,
            actor=member.actor,
            incident_id=incident_id,
            verdict=verdict,
            opened_at=tables.time_of(member.opened_at),
            given=given,
            withdrawn=withdrawn,
        )
        for incident_id, actor, verdict, given, withdrawn in (*_taught(connection), *_undetermined(connection))
        for member in members.get(incident_id, ())
        if actor in (None, member.actor) and tables.time_of(member.opened_at).timestamp() <= given
    ]
    return sorted(found, key=lambda label: (label.given, label.alert_id))


_Said = tuple[str, str | None, str, float, float | None]


def _taught(connection: sa.Connection) -> Iterator[_Said]:
    row = tables.feedback
    query = sa.select(row.c.incident_id, row.c.actor, row.c.verdict, row.c.given, row.c.withdrawn)
    for one in connection.execute(query.where(row.c.incident_id != "").order_by(row.c.number)):
        yield one.incident_id, one.actor, one.verdict, one.given, one.withdrawn


def _undetermined(connection: sa.Connection) -> Iterator[_Said]:
    log = tables.incident_log
    query = sa.select(log.c.incident_id, log.c.time, log.c.act, log.c.text).order_by(log.c.number)
    given: dict[str, float] = {}
    for one in connection.execute(query.where(log.c.act.in_([CLOSED, REOPENED]))):
        if one.act == CLOSED and one.text.startswith(f"{Verdict.UNDETERMINED}:"):
            given[one.incident_id] = one.time
        elif one.act == REOPENED and one.incident_id in given:
            yield one.incident_id, None, Verdict.UNDETERMINED.value, given.pop(one.incident_id), one.time
    for incident_id, time in given.items():
        yield incident_id, None, Verdict.UNDETERMINED.value, time, None
