"""How an alert comes to the desk: it joins an incident, and is decided upon; functions over one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import feedback, tables
from alerts.alert import Alert, Severity
from alerts.incident import Entry, State, Verdict
from alerts.outbox import Delivery
from alerts.pipeline import HOUR_S, Case, Decision, Silence, Stage, decide, gist
from alerts.receivers.receiver import Phase

ITSELF: Final = "innerwatch"
"""The author of what happened by itself."""
NEVER: Final = 1e15
"""When a delivery is due that has nothing to tell."""
UNANSWERED: Final = {"level": 0, "unanswered_since": 0.0}
"""Of an incident that waits for somebody to acknowledge it, from now on."""


class Moment(msgspec.Struct, frozen=True):
    """What holds for all alerts that are taken in together: the time, silences, and how much each receiver had.

    `fresh` is counted on as alerts are admitted.
    """

    now: float
    silences: Sequence[Silence]
    fresh: dict[str, int]


def admit(
    connection: sa.Connection, delivery: Delivery, stages: Sequence[Stage], receivers: Sequence[str], moment: Moment
) -> None:
    """Join an alert that waited to an incident and decide who is told; one that was admitted before changes nothing."""
    alert, now = msgspec.json.decode(delivery.body, type=Alert), moment.now
    joined = tables.incident_alerts
    known = connection.execute(sa.select(joined).where(joined.c.alert_id == alert.alert_id)).mappings().one_or_none()
    if known is not None and known["revision"] >= delivery.revision:
        return
    case = _case(connection, alert, known, moment)
    decisions = decide(stages, case, receivers)
    told = decisions[-1].receivers if decisions else tuple(receivers)
    incident_id = case.incident_id or alert.alert_id
    if not case.member:
        _enter(connection, incident_id, alert, bool(case.incident_id), now)
    _join(connection, incident_id, delivery.revision, case)
    _raise(connection, incident_id, alert, case.news, now)
    _keep(connection, alert.alert_id, delivery.revision, decisions, now)
    for receiver in told:
        due = decisions[-1].due.get(receiver, now) if decisions else now
        wait(connection, receiver, Waiting(alert.alert_id, incident_id, delivery.revision, due, now))
        if receiver not in case.deliveries:
            moment.fresh[receiver] = moment.fresh.get(receiver, 0) + 1


def moment_of(connection: sa.Connection, silences: Sequence[Silence], now: float) -> Moment:
    """The moment, with what each receiver had within the last hour."""
    row = tables.deliveries
    query = sa.select(row.c.receiver, sa.func.count()).where(row.c.admitted > now - HOUR_S).group_by(row.c.receiver)
    return Moment(now, silences, {str(name): int(count) for name, count in connection.execute(query)})


def note(connection: sa.Connection, incident_id: str, entry: Entry) -> None:
    """Write a line into an incident's history."""
    fields = msgspec.structs.asdict(entry)
    connection.execute(sa.insert(tables.incident_log).values(incident_id=incident_id, **fields))


def turn(connection: sa.Connection, incident_id: str, phase: Phase, now: float) -> None:
    """Tell all receivers that know of an incident's alerts that these are over, or go on."""
    row = tables.deliveries
    changes = {"phase": phase.value, "state": "waiting", "due": now, "since": now, "attempts": 0, "level": 0}
    changes |= {"answer": ""} if phase is Phase.FIRING else {}
    connection.execute(sa.update(row).where(row.c.incident_id == incident_id).values(**changes))


def _case(connection: sa.Connection, alert: Alert, known: Mapping[Any, Any] | None, moment: Moment) -> Case:
    incident_id = _open_incident_of(connection, alert.actor) if known is None else str(known["incident_id"])
    told = frozenset(msgspec.json.decode(known["gist"], type=list[str])) if known is not None else None
    return Case(
        alert=alert,
        now=moment.now,
        told=told or None,
        incident_id=incident_id,
        member=known is not None,
        verdicts=_verdicts(connection, alert.actor, incident_id),
        silences=moment.silences,
        paged=_paged(connection, incident_id, alert.alert_id),
        deliveries={} if known is None else _deliveries(connection, alert.alert_id, moment.now),
        fresh=moment.fresh,
    )


def _verdicts(connection: sa.Connection, actor: str, incident_id: str) -> tuple[Verdict, ...]:
    """Those on the actor's closed incidents, but for one, in the order in which they opened."""
    row = tables.incidents
    this = (row.c.actor == actor) & (row.c.verdict != "") & (row.c.incident_id != incident_id)
    found = connection.execute(sa.select(row.c.verdict).where(this).order_by(row.c.opened_at)).scalars()
    return tuple(Verdict(verdict) for verdict in found)


def _paged(connection: sa.Connection, incident_id: str, alert_id: str) -> list[tuple[str, Severity, float]]:
    """Of which severities of an incident's other alerts receivers know, or are about to, and since when."""
    row, alerts = tables.deliveries, tables.alerts
    this = (row.c.incident_id == incident_id) & (row.c.alert_id != alert_id)
    firing = (row.c.phase == Phase.FIRING.value) & row.c.state.in_(("waiting", "told"))
    query = (
        sa.select(row.c.receiver, alerts.c.severity, sa.func.max(row.c.since))
        .join(alerts, alerts.c.alert_id == row.c.alert_id)
        .where(this & firing)
        .group_by(row.c.receiver, alerts.c.severity)
        .order_by(row.c.receiver, alerts.c.severity)
    )
    found = connection.execute(query).all() if incident_id else []
    return [(str(receiver), Severity(severity), float(since)) for receiver, severity, since in found]


def _deliveries(connection: sa.Connection, alert_id: str, now: float) -> dict[str, float]:
    row = tables.deliveries
    found = connection.execute(sa.select(row).where(row.c.alert_id == alert_id)).mappings().all()
    late = [one["state"] == "waiting" and one["attempts"] == 0 and one["due"] > now for one in found]
    return {one["receiver"]: one["due"] if waits else 0.0 for one, waits in zip(found, late, strict=True)}


def _enter(connection: sa.Connection, incident_id: str, alert: Alert, joins: bool, now: float) -> None:
    """Note that an alert joins an incident, or open its own."""
    row = tables.incidents
    note(connection, incident_id, Entry(now, ITSELF, "joined" if joins else "opened", f"alert {alert.alert_id}"))
    if joins:
        return
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


def _join(connection: sa.Connection, incident_id: str, revision: int, case: Case) -> None:
    row, alert_id = tables.incident_alerts, case.alert.alert_id
    told = case.told or frozenset()
    known = sorted(told | gist(case.alert)) if case.news else sorted(told)
    fields: dict[str, Any] = {"revision": revision, "gist": msgspec.json.encode(known).decode()}
    if case.member:
        connection.execute(sa.update(row).where(row.c.alert_id == alert_id).values(**fields))
    else:
        connection.execute(sa.insert(row).values(alert_id=alert_id, incident_id=incident_id, **fields))


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
        changes |= {"state": State.OPEN.value, "verdict": "", "reason": "", **UNANSWERED}
        note(connection, incident_id, Entry(now, ITSELF, "reopened", f"something new in alert {alert.alert_id}"))
        turn(connection, incident_id, Phase.FIRING, now)
        feedback.withdraw(connection, incident_id, ITSELF, now)
    connection.execute(sa.update(row).where(this).values(**changes))


def _keep(connection: sa.Connection, alert_id: str, revision: int, decisions: Sequence[Decision], now: float) -> None:
    rows = [
        {
            "alert_id": alert_id,
            "revision": revision,
            "stage": decision.stage,
            "reason": decision.why.value,
            "detail": decision.detail or ", ".join(decision.receivers),
            "time": now + order * 1e-6,
        }
        for order, decision in enumerate(decisions)
    ]
    if rows:
        connection.execute(sa.insert(tables.decisions), rows)


class Waiting(msgspec.Struct, frozen=True):
    """What a receiver is to be told from `due` on, at which level of escalation; all times are Unix seconds."""

    alert_id: str
    incident_id: str
    revision: int
    due: float
    now: float
    level: int = 0


def wait(connection: sa.Connection, receiver: str, what: Waiting) -> None:
    """Let a receiver be told, whatever it was told of the alert before."""
    row = tables.deliveries
    this = (row.c.receiver == receiver) & (row.c.alert_id == what.alert_id)
    fields: dict[str, Any] = {
        "incident_id": what.incident_id, "revision": what.revision, "phase": Phase.FIRING.value, "state": "waiting",
        "attempts": 0, "due": what.due, "since": what.due, "detail": "", "level": what.level, "answer": "",
    }  # fmt: skip
    if connection.execute(sa.update(row).where(this).values(**fields)).rowcount == 0:
        begin = {"receiver": receiver, "alert_id": what.alert_id, "remote_id": "", "admitted": what.now}
        connection.execute(sa.insert(row).values(**begin, **fields))
