"""What happens when nobody acknowledges an incident: others are told, level by level; over one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from alerts import intake, tables
from alerts.alert import Severity
from alerts.incident import Entry, State
from alerts.pipeline import Why
from alerts.receivers.receiver import Phase
from alerts.rotation import Rotation


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of an incident of at least `severity` that stayed open for `after_s` seconds.

    These count from the level before, and for the first one from when the incident became so severe. Only an incident
    of which somebody was told counts: what is silenced is nobody's to acknowledge.
    """

    severity: Severity
    after_s: float
    receivers: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()

    def told(self, now: float) -> tuple[str, ...]:
        """The receivers at that time, those on call among them."""
        return tuple(dict.fromkeys((*self.receivers, *(one.on_call(now) for one in self.rotations))))


def escalate(connection: sa.Connection, levels: Sequence[Level], now: float) -> int:
    """Tell those of the next level of each incident whose time is up; how many incidents that were."""
    row, scale, escalated = tables.incidents, list(Severity), 0
    ripe = [
        (row.c.level == number)
        & row.c.severity.in_([one.value for one in scale[scale.index(level.severity) :]])
        & ((row.c.unanswered_since == 0.0) | (row.c.unanswered_since <= now - level.after_s))
        for number, level in enumerate(levels)
    ]
    if not ripe:
        return 0
    told = sa.exists().where(_firing(row.c.incident_id))
    query = sa.select(row).where((row.c.state == State.OPEN.value) & sa.or_(*ripe) & told).order_by(row.c.incident_id)
    for incident in connection.execute(query).mappings().all():
        changes: dict[str, Any] = {"unanswered_since": now}
        if incident["unanswered_since"]:
            changes["level"] = incident["level"] + 1
            _tell(connection, incident, levels[incident["level"]], now)
            escalated += 1
        connection.execute(sa.update(row).where(row.c.incident_id == incident["incident_id"]).values(**changes))
    return escalated


def _tell(connection: sa.Connection, incident: Mapping[Any, Any], level: Level, now: float) -> None:
    """Tell of the worst alert that was told of, and write it into the history."""
    joined, alerts, deliveries = tables.incident_alerts, tables.alerts, tables.deliveries
    query = (
        sa.select(joined.c.alert_id, joined.c.revision, alerts.c.severity, alerts.c.risk)
        .join(alerts, alerts.c.alert_id == joined.c.alert_id)
        .join(deliveries, deliveries.c.alert_id == joined.c.alert_id)
        .where(_firing(incident["incident_id"]))
        .order_by(joined.c.alert_id)
    )
    scale = [one.value for one in Severity]
    worst = max(connection.execute(query).all(), key=lambda one: (scale.index(one.severity), one.risk))
    number, told = incident["level"] + 1, level.told(now)
    for receiver in told:
        what = intake.Waiting(worst.alert_id, incident["incident_id"], worst.revision, now, now, number)
        intake.wait(connection, receiver, what)
    reason = f"{Why.UNACKNOWLEDGED.value} for {level.after_s / 60:g} minutes"
    words = f"level {number}, {reason}: {', '.join(told)} told of alert {worst.alert_id}"
    intake.note(connection, incident["incident_id"], Entry(now, intake.ITSELF, "escalated", words))


def _firing(incident_id: Any) -> sa.ColumnElement[bool]:
    row = tables.deliveries
    return sa.and_(row.c.incident_id == incident_id, row.c.phase == Phase.FIRING.value)
