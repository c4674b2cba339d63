"""What is in the queue, for whoever looks: functions over one transaction that change nothing."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from alerts import feedback, tables
from alerts.alert import Alert, Severity
from alerts.errors import AmbiguousAlertError, UnknownAlertError
from alerts.incident import Entry, Incident, State, Verdict
from alerts.pipeline import Matcher, Matching, Silence
from alerts.receivers.receiver import Phase

Decided = tuple[int, str, str, str]
"""What was decided about an alert: revision, stage, reason and detail."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that a receiver is to be told of: in which phase and revision, and how often that was tried.

    `state` is `waiting`, `told`, or `dead`, when a person must look; `due` is when to try (again) and `since` since
    when it has waited, both Unix seconds. `detail` is what the receiver last said.
    `level` is that of the escalation by which it is told, 0 for none.
    """

    receiver: str
    alert_id: str
    incident_id: str
    revision: int
    phase: Phase
    state: str
    attempts: int
    due: float
    since: float
    detail: str
    remote_id: str
    level: int = 0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents: in some states, of some severities, of one owner ("" for nobody), about one actor.

    What is empty, or None, matches any.
    """

    states: tuple[State, ...] = ()
    severities: tuple[Severity, ...] = ()
    owner: str | None = None
    actor: str | None = None


class Dossier(NamedTuple):
    """All there is about an incident: its alerts as they opened, its history, what was decided and who was told."""

    incident: Incident
    alerts: list[Alert]
    entries: list[Entry]
    decisions: dict[str, list[Decided]]
    tasks: list[Task]
    version: str


def found(connection: sa.Connection, begins: str) -> Incident:
    """The incident whose id is, or alone begins with, these characters.

    Raises:
        UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
    """
    row = tables.incidents
    this = row.c.incident_id.startswith(begins.lower(), autoescape=True)
    rows = connection.execute(sa.select(row).where(this).limit(2)).mappings().all() if begins else []
    if len(rows) != 1:
        kind = AmbiguousAlertError if rows else UnknownAlertError
        how_many = "several incidents begin" if rows else "no incident begins"
        raise kind(f"{how_many} with {begins!r}; list the incidents for their ids")
    return _incident(rows[0])


def incidents(
    connection: sa.Connection, wanted: Wanted, after: tuple[float, str] | None = None, limit: int | None = None
) -> list[Incident]:
    """Incidents, the one with the highest risk first; those after a risk and an id, in that order."""
    row = tables.incidents
    query = sa.select(row).order_by(row.c.risk.desc(), row.c.incident_id).limit(limit)
    if wanted.states:
        query = query.where(row.c.state.in_([state.value for state in wanted.states]))
    if wanted.severities:
        query = query.where(row.c.severity.in_([severity.value for severity in wanted.severities]))
    if wanted.owner is not None:
        query = query.where(row.c.owner == wanted.owner)
    if wanted.actor is not None:
        query = query.where(row.c.actor == wanted.actor)
    if after is not None:
        risk, incident_id = after
        query = query.where((row.c.risk < risk) | ((row.c.risk == risk) & (row.c.incident_id > incident_id)))
    return [_incident(one) for one in connection.execute(query).mappings()]


def versions(connection: sa.Connection, some: Sequence[Incident]) -> list[str]:
    """What names each incident as it stands: another one after whatever was done to it, found or noted."""
    log = tables.incident_log
    ids = [one.incident_id for one in some]
    query = sa.select(log.c.incident_id, sa.func.max(log.c.number)).where(log.c.incident_id.in_(ids))
    latest = {str(incident_id): number for incident_id, number in connection.execute(query.group_by(log.c.incident_id))}
    states = [msgspec.json.encode([one, latest.get(one.incident_id)]) for one in some]
    return [blake2b(state, digest_size=10).hexdigest() for state in states]


def dossier(connection: sa.Connection, begins: str) -> Dossier:
    """All there is about the incident whose id is, or alone begins with, these characters.

    Raises:
        UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
    """
    incident = found(connection, begins)
    alerts = alerts_of(connection, incident.incident_id)
    log = tables.incident_log
    this = log.c.incident_id == incident.incident_id
    entries = connection.execute(
        sa.select(log.c.time, log.c.author, log.c.act, log.c.text).where(this).order_by(log.c.number)
    ).all()
    return Dossier(
        incident,
        alerts,
        [Entry(*entry) for entry in entries],
        decisions(connection, [alert.alert_id for alert in alerts]),
        tasks(connection, tables.deliveries.c.incident_id == incident.incident_id),
        *versions(connection, [incident]),
    )


def alerts_of(connection: sa.Connection, incident_id: str) -> list[Alert]:
    """The alerts of an incident, in the order in which they opened."""
    row, joined = tables.alerts, tables.incident_alerts
    query = (
        sa.select(row.c.body)
        .join(joined, joined.c.alert_id == row.c.alert_id)
        .where(joined.c.incident_id == incident_id)
        .order_by(row.c.opened_at, row.c.alert_id)
    )
    return [msgspec.json.decode(body, type=Alert) for body in connection.execute(query).scalars()]


def alert(connection: sa.Connection, alert_id: str) -> tuple[Alert, str, list[Decided]]:
    """An alert, the incident that it is in ("" before the desk took it in), and what was decided about it.

    Raises:
        UnknownAlertError: there is none.
    """
    row, joined = tables.alerts, tables.incident_alerts
    query = sa.select(row.c.body, joined.c.incident_id).outerjoin(joined, joined.c.alert_id == row.c.alert_id)
    one = connection.execute(query.where(row.c.alert_id == alert_id)).one_or_none()
    if one is None:
        raise UnknownAlertError(f"no alert has the id {alert_id!r}")
    decided = decisions(connection, [alert_id])[alert_id]
    return msgspec.json.decode(one.body, type=Alert), one.incident_id or "", decided


def decisions(connection: sa.Connection, alert_ids: Sequence[str]) -> dict[str, list[Decided]]:
    """What was decided about each of some alerts, in order."""
    row = tables.decisions
    query = sa.select(row).where(row.c.alert_id.in_(alert_ids)).order_by(row.c.revision, row.c.time)
    decided: dict[str, list[Decided]] = {alert_id: [] for alert_id in alert_ids}
    for one in connection.execute(query).mappings():
        decided[one["alert_id"]].append((one["revision"], one["stage"], one["reason"], one["detail"]))
    return decided


def tasks(
    connection: sa.Connection,
    *these: sa.ColumnElement[bool],
    after: tuple[str, str] | None = None,
    limit: int | None = None,
) -> list[Task]:
    """Deliveries by receiver and alert; those after a receiver and an alert, in that order."""
    row = tables.deliveries
    query = sa.select(row).where(*these).order_by(row.c.receiver, row.c.alert_id).limit(limit)
    if after is not None:
        receiver, alert_id = after
        query = query.where((row.c.receiver > receiver) | ((row.c.receiver == receiver) & (row.c.alert_id > alert_id)))
    return [task(one) for one in connection.execute(query).mappings()]


def task(row: Mapping[Any, Any]) -> Task:
    """A delivery as its row has it."""
    return msgspec.convert({name: row[name] for name in Task.__struct_fields__}, Task)


def silences(connection: sa.Connection, now: float, *, every: bool = False) -> list[Silence]:
    """The silences that have not ended, or all there ever were."""
    row = tables.silences
    query = sa.select(row).order_by(row.c.silence_id)
    rows = connection.execute(query if every else query.where(row.c.ends > now)).mappings()
    return [Silence(**{**one, "matcher": msgspec.json.decode(one["matcher"], type=Matcher)}) for one in rows]


def hidden(connection: sa.Connection, matcher: Matching, most: int) -> list[tuple[Alert, Verdict]]:
    """Which of the newest alerts a silence or exceptions would have hidden, with the verdict on each."""
    alerts, joined, incidents = tables.alerts, tables.incident_alerts, tables.incidents
    query = (
        sa.select(alerts.c.body, incidents.c.verdict)
        .outerjoin(joined, joined.c.alert_id == alerts.c.alert_id)
        .outerjoin(incidents, incidents.c.incident_id == joined.c.incident_id)
        .order_by(alerts.c.opened_at.desc())
        .limit(most)
    )
    rows = connection.execute(query).all()
    pairs = [(msgspec.json.decode(body, type=Alert), Verdict(verdict or "")) for body, verdict in rows]
    return [(alert, verdict) for alert, verdict in pairs if matcher.matches(alert)]


def taught(connection: sa.Connection) -> list[tuple[feedback.Feedback, int]]:
    """All that verdicts ever said to the detector, and on how many days of a shard each has made a difference."""
    row = tables.checkpoints
    every = feedback.given(connection, every=True)
    counters = connection.execute(sa.select(row.c.counters).where(row.c.counters.is_not(None))).scalars().all()
    counted = [msgspec.json.decode(one, type=dict[str, int]) for one in counters]
    return [(one, sum(counts.get(f"feedback.{one.number}", 0) for counts in counted)) for one in every]


def _incident(row: Mapping[Any, Any]) -> Incident:
    return msgspec.convert({name: row[name] for name in Incident.__struct_fields__}, Incident)
