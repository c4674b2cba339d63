"""How alerts move between incidents: merging two, and splitting one; functions over one transaction."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from alerts import intake, tables
from alerts.alert import Severity
from alerts.errors import IncidentError, UnknownAlertError
from alerts.incident import Entry, Incident, State

SHOWN: Final = 20
"""Alerts that a line of a history names."""


def merge(connection: sa.Connection, source: Incident, into: Incident, author: str, now: float) -> None:
    """Move all alerts of one open incident to another, with what receivers are to be told of them.

    Nothing is resolved by that: the alerts go on, elsewhere.
    """
    if source.incident_id == into.incident_id:
        raise IncidentError(f"incident {into.incident_id} cannot be merged into itself; name another")
    moved = [alert_id for alert_id, _ in _alerts_of(connection, source.incident_id)]
    _move(connection, moved, into.incident_id)
    row = tables.incidents
    this = row.c.incident_id == source.incident_id
    changes = {"state": State.CLOSED.value, "merged_into": into.incident_id, "reason": "merged"}
    connection.execute(sa.update(row).where(this).values(**changes))
    _bring_up(connection, into.incident_id)
    named = _named(moved)
    intake.note(connection, source.incident_id, Entry(now, author, "merged", f"into {into.incident_id}: {named}"))
    intake.note(connection, into.incident_id, Entry(now, author, "merged", f"from {source.incident_id}: {named}"))


def split(connection: sa.Connection, source: Incident, alerts: Sequence[str], author: str, now: float) -> str:
    """Move some alerts of an open incident to one of their own; its id.

    Where one of them had opened an incident that was merged since, that one is opened again, with its id and owner;
    otherwise the first gives the id, and the owner is that of the incident they come from. The alert that gave an
    incident its id never leaves it so, and thus two incidents never have one id.
    """
    present = _alerts_of(connection, source.incident_id)
    chosen = list(dict.fromkeys(_chosen(source, [alert_id for alert_id, _ in present], begins) for begins in alerts))
    if not chosen:
        raise IncidentError(f"incident {source.incident_id}: name the alerts that are to be split off")
    if source.incident_id in chosen:
        raise IncidentError(
            f"alert {source.incident_id} gave the incident its id and stays with it; split off the others instead"
        )
    incident_id = _opened(connection, source, [alert_id for alert_id, _ in present if alert_id in chosen])
    _move(connection, chosen, incident_id)
    for one in (source.incident_id, incident_id):
        _bring_up(connection, one)
    named = _named(chosen)
    intake.note(connection, source.incident_id, Entry(now, author, "split", f"into {incident_id}: {named}"))
    intake.note(connection, incident_id, Entry(now, author, "split", f"from {source.incident_id}: {named}"))
    return incident_id


def _chosen(source: Incident, present: Sequence[str], begins: str) -> str:
    found = [alert_id for alert_id in present if begins and alert_id.startswith(begins.lower())]
    if len(found) != 1:
        how_many = "several alerts" if found else "no alert"
        raise UnknownAlertError(f"incident {source.incident_id}: {how_many} of it begin with {begins!r}; show it first")
    return found[0]


def _opened(connection: sa.Connection, source: Incident, alerts: Sequence[str]) -> str:
    """Open the incident for alerts, in the order in which these opened."""
    row = tables.incidents
    merged = connection.execute(sa.select(row).where(row.c.incident_id.in_(alerts))).mappings().all()
    owners = {one["incident_id"]: str(one["owner"]) for one in merged}
    incident_id = next((alert_id for alert_id in alerts if alert_id in owners), alerts[0])
    owner = owners.get(incident_id) or source.owner
    seen = owner or source.state is not State.OPEN
    fields: dict[str, Any] = {
        "state": (State.ACKNOWLEDGED if seen else State.OPEN).value, "owner": owner, "verdict": "", "reason": "",
        "merged_into": "", **intake.UNANSWERED,
    }  # fmt: skip
    if incident_id in owners:
        connection.execute(sa.update(row).where(row.c.incident_id == incident_id).values(**fields))
    else:
        actor = sa.select(tables.alerts.c.actor).where(tables.alerts.c.alert_id == incident_id).scalar_subquery()
        begin = {"risk": 0.0, "severity": Severity.LOW.value, "opened_at": "", "updated_at": ""}
        connection.execute(sa.insert(row).values(incident_id=incident_id, actor=actor, **begin, **fields))
    return incident_id


def _alerts_of(connection: sa.Connection, incident_id: str) -> list[tuple[str, str]]:
    """The alerts of an incident with the times when they opened, in that order."""
    row, joined = tables.alerts, tables.incident_alerts
    query = (
        sa.select(row.c.alert_id, row.c.opened_at)
        .join(joined, joined.c.alert_id == row.c.alert_id)
        .where(joined.c.incident_id == incident_id)
        .order_by(row.c.opened_at, row.c.alert_id)
    )
    return [(str(alert_id), str(opened_at)) for alert_id, opened_at in connection.execute(query)]


def _move(connection: sa.Connection, alerts: Sequence[str], incident_id: str) -> None:
    for row in (tables.incident_alerts, tables.deliveries):
        moved = [{"moved": alert_id} for alert_id in alerts]
        connection.execute(
            sa.update(row).where(row.c.alert_id == sa.bindparam("moved")).values(incident_id=incident_id), moved
        )


def _bring_up(connection: sa.Connection, incident_id: str) -> None:
    """Let an incident say of its alerts what it should: the highest severity and risk, the first and last time."""
    row, joined = tables.alerts, tables.incident_alerts
    query = (
        sa.select(row.c.severity, row.c.risk, row.c.opened_at, row.c.updated_at)
        .join(joined, joined.c.alert_id == row.c.alert_id)
        .where(joined.c.incident_id == incident_id)
    )
    severities, risks, opened, updated = zip(*connection.execute(query).all(), strict=True)
    scale = [one.value for one in Severity]
    changes = {
        "severity": max(severities, key=scale.index), "risk": max(risks), "opened_at": min(opened),
        "updated_at": max(updated),
    }  # fmt: skip
    this = tables.incidents.c.incident_id == incident_id
    connection.execute(sa.update(tables.incidents).where(this).values(**changes))


def _named(alerts: Sequence[str]) -> str:
    more = f" and {len(alerts) - SHOWN:,} more" if len(alerts) > SHOWN else ""
    return f"alerts {', '.join(alerts[:SHOWN])}{more}"
