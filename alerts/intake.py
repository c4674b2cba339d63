"""How an alert comes to the desk: it joins an incident, and is decided upon; functions over one transaction."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.alert import Alert, Severity
from alerts.incident import Entry, State
from alerts.outbox import Delivery
from alerts.pipeline import Case, Decision, Stage, Why, decide, gist
from alerts.receivers.receiver import Phase

ITSELF: Final = "innerwatch"
"""The author of what happened by itself."""
NEVER: Final = 1e15
"""When a delivery is due that has nothing to tell."""


def admit(
    connection: sa.Connection, delivery: Delivery, stages: Sequence[Stage], receivers: Sequence[str], now: float
) -> None:
    """Join an alert that waited to an incident and decide who is told; one that was admitted before changes nothing."""
    alert = msgspec.json.decode(delivery.body, type=Alert)
    joined = tables.incident_alerts
    known = connection.execute(sa.select(joined).where(joined.c.alert_id == alert.alert_id)).mappings().one_or_none()
    if known is None or known["revision"] < delivery.revision:
        told = None if known is None else frozenset(msgspec.json.decode(known["gist"], type=list[str]))
        decisions = decide(stages, Case(alert=alert, now=now, told=told or None), receivers)
        incident_id = known["incident_id"] if known is not None else _home_of(connection, alert, now)
        news = decisions[-1].why is not Why.NOTHING_NEW
        _join(connection, incident_id, alert, delivery.revision, told or frozenset(), news)
        _raise(connection, incident_id, alert, news, now)
        for order, decision in enumerate(decisions):
            _keep(connection, alert.alert_id, delivery.revision, decision, now + order * 1e-6)
        for receiver in decisions[-1].receivers:
            _wait(connection, receiver, alert.alert_id, incident_id, delivery.revision, now)


def note(connection: sa.Connection, incident_id: str, entry: Entry) -> None:
    """Write a line into an incident's history."""
    fields = msgspec.structs.asdict(entry)
    connection.execute(sa.insert(tables.incident_log).values(incident_id=incident_id, **fields))


def turn(connection: sa.Connection, incident_id: str, phase: Phase, now: float) -> None:
    """Tell all receivers that know of an incident's alerts that these are over, or go on."""
    row = tables.deliveries
    changes = {"phase": phase.value, "state": "waiting", "due": now, "since": now, "attempts": 0}
    connection.execute(sa.update(row).where(row.c.incident_id == incident_id).values(**changes))


def _home_of(connection: sa.Connection, alert: Alert, now: float) -> str:
    """The incident that a new alert belongs to: an open one of the same actor, or its own."""
    row = tables.incidents
    found = _open_incident_of(connection, alert.actor)
    if found:
        note(connection, found, Entry(now, ITSELF, "joined", f"alert {alert.alert_id}"))
        return found
    connection.execute(
        sa.insert(row).values(
            incident_id=alert.alert_id,
            actor=alert.actor,
            state=State.OPEN.value,
            severity=alert.severity.value,
            risk=alert.risk,
            opened_at=tables.time_text(alert.opened_at),
            updated_at=tables.time_text(alert.updated_at),
            owner="",
            verdict="",
            reason="",
        )
    )
    note(connection, alert.alert_id, Entry(now, ITSELF, "opened", f"alert {alert.alert_id}"))
    return alert.alert_id


def _open_incident_of(connection: sa.Connection, actor: str) -> str:
    """The open incident of an actor that opened first, or that one of theirs was merged into; "" for none."""
    row = tables.incidents
    mine = (row.c.actor == actor) & ((row.c.state != State.CLOSED.value) | (row.c.merged_into != ""))
    for one in connection.execute(sa.select(row).where(mine).order_by(row.c.opened_at)).mappings().all():
        found = one
        while found["merged_into"]:  # no incident is merged into one that was, so this ends
            found = connection.execute(sa.select(row).where(row.c.incident_id == found["merged_into"])).mappings().one()
        if found["state"] != State.CLOSED.value:
            return str(found["incident_id"])
    return ""


def _join(
    connection: sa.Connection, incident_id: str, alert: Alert, revision: int, told: frozenset[str], news: bool
) -> None:
    row = tables.incident_alerts
    known = sorted(told | gist(alert)) if news else sorted(told)
    fields: dict[str, Any] = {"revision": revision, "gist": msgspec.json.encode(known).decode()}
    updated = connection.execute(sa.update(row).where(row.c.alert_id == alert.alert_id).values(**fields))
    if updated.rowcount == 0:
        connection.execute(sa.insert(row).values(alert_id=alert.alert_id, incident_id=incident_id, **fields))


def _raise(connection: sa.Connection, incident_id: str, alert: Alert, news: bool, now: float) -> None:
    """Bring an incident up to an alert; one that was closed opens again when something new was found."""
    row = tables.incidents
    this = row.c.incident_id == incident_id
    stored = connection.execute(sa.select(row).where(this)).mappings().one()
    scale = list(Severity)
    changes: dict[str, Any] = {
        "severity": max(Severity(stored["severity"]), alert.severity, key=scale.index).value,
        "risk": max(stored["risk"], alert.risk),
        "updated_at": max(stored["updated_at"], tables.time_text(alert.updated_at)),
    }
    if news and stored["state"] == State.CLOSED.value:
        changes |= {"state": State.OPEN.value, "verdict": "", "reason": ""}
        note(connection, incident_id, Entry(now, ITSELF, "reopened", f"something new in alert {alert.alert_id}"))
        turn(connection, incident_id, Phase.FIRING, now)
    connection.execute(sa.update(row).where(this).values(**changes))


def _keep(connection: sa.Connection, alert_id: str, revision: int, decision: Decision, time: float) -> None:
    connection.execute(
        sa.insert(tables.decisions).values(
            alert_id=alert_id,
            revision=revision,
            stage=decision.stage,
            reason=decision.why.value,
            detail=decision.detail or ", ".join(decision.receivers),
            time=time,
        )
    )


def _wait(connection: sa.Connection, receiver: str, alert_id: str, incident_id: str, revision: int, now: float) -> None:
    row = tables.deliveries
    this = (row.c.receiver == receiver) & (row.c.alert_id == alert_id)
    fields: dict[str, Any] = {
        "incident_id": incident_id, "revision": revision, "phase": Phase.FIRING.value, "state": "waiting",
        "attempts": 0, "due": now, "since": now, "detail": "",
    }  # fmt: skip
    if connection.execute(sa.update(row).where(this).values(**fields)).rowcount == 0:
        connection.execute(sa.insert(row).values(receiver=receiver, alert_id=alert_id, remote_id="", **fields))
