"""What the queue holds and how it is worked off, in numbers; functions over one transaction."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.alert import Severity
from alerts.incident import State
from alerts.intake import ITSELF

WINDOW_S: Final = 30 * 86_400.0
"""How far back work that is done is counted."""
AGES: Final = {"1h": 3_600.0, "8h": 8 * 3_600.0, "1d": 86_400.0, "7d": 7 * 86_400.0, "older": float("inf")}
"""An incident's age is the first of these that it does not exceed, in seconds."""
WORK: Final = ("assigned", "moved", "closed", "merged", "split")
"""Acts of people by which an incident is acknowledged."""
_OPENING: Final = ("opened", "reopened")


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """The queue at one time.

    `incidents` counts those that are not closed by state, severity and age since they opened. Of the last 30 days,
    `acknowledged_s` has how long each incident waited for the first work on it, ascending; `verdicts` counts the closed
    ones, and `detections` the same by what was found in them. `pending` counts deliveries by receiver and state, and
    `oldest_s` says for how long the oldest has been waiting to be told. `outbox` has for each queue how many alerts
    wait in it and the sequence of the first.
    """

    incidents: Mapping[tuple[str, str, str], int]
    acknowledged_s: tuple[float, ...]
    verdicts: Mapping[str, int]
    detections: Mapping[tuple[str, str], int]
    pending: Mapping[tuple[str, str], int]
    oldest_s: Mapping[str, float]
    outbox: Mapping[str, tuple[int, int]]


def workload(connection: sa.Connection, now: float) -> Workload:
    """Read the queue at `now`, Unix seconds."""
    verdicts, found = judged(connection, now - WINDOW_S)
    pending, oldest = _deliveries(connection, now)
    row = tables.outbox
    waiting = sa.select(row.c.receiver, sa.func.count(), sa.func.min(row.c.sequence)).group_by(row.c.receiver)
    return Workload(
        incidents=Counter((state, severity, _age(age_s)) for state, severity, age_s in unsolved(connection, now)),
        acknowledged_s=acknowledged(connection, now - WINDOW_S),
        verdicts=Counter(verdicts.values()),
        detections=Counter((name, verdicts[incident_id]) for name, incident_id in found),
        pending=pending,
        oldest_s=oldest,
        outbox={str(queue): (int(count), int(first)) for queue, count, first in connection.execute(waiting)},
    )


def unsolved(connection: sa.Connection, now: float) -> list[tuple[str, str, float]]:
    """State, severity and age, in seconds since it was last opened, of each incident that is not closed."""
    row, log = tables.incidents, tables.incident_log
    opened = sa.func.max(sa.case((log.c.act.in_(_OPENING), log.c.time)))  # one that was split off was never opened
    query = (
        sa.select(row.c.state, row.c.severity, sa.func.coalesce(opened, sa.func.min(log.c.time)))
        .join(log, log.c.incident_id == row.c.incident_id)
        .where(row.c.state != State.CLOSED.value)
        .group_by(row.c.incident_id, row.c.state, row.c.severity)
    )
    return [(str(state), str(severity), now - float(since)) for state, severity, since in connection.execute(query)]


def _age(seconds: float) -> str:
    return next(name for name, most in AGES.items() if seconds <= most)


def acknowledged(connection: sa.Connection, after: float) -> tuple[float, ...]:
    """For how many seconds each incident that was opened after a time waited for the first work on it, ascending."""
    row = tables.incident_log
    query = (
        sa.select(row.c.incident_id, row.c.time, row.c.author, row.c.act)
        .where(row.c.time > after, row.c.act.in_((*_OPENING, *WORK)))
        .order_by(row.c.number)
    )
    since: dict[str, float] = {}
    waited: list[float] = []
    for incident_id, time, author, act in connection.execute(query):
        if act in _OPENING:
            since[incident_id] = float(time)
        elif author != ITSELF and incident_id in since:
            waited.append(float(time) - since.pop(incident_id))
    return tuple(sorted(waited))


def judged(connection: sa.Connection, after: float) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """The verdict on each incident that was closed after a time, and each detection that was found in one of them."""
    row, log, joined = tables.incidents, tables.incident_log, tables.incident_alerts
    lately = sa.select(log.c.incident_id).where(log.c.act == "closed", log.c.time > after)
    query = (
        sa.select(row.c.incident_id, row.c.verdict, joined.c.gist)
        .join(joined, joined.c.incident_id == row.c.incident_id)
        .where(row.c.verdict != "", row.c.incident_id.in_(lately))
    )
    verdict_of: dict[str, str] = {}
    found = set[tuple[str, str]]()
    levels = {one.value for one in Severity}  # a gist has these as well
    for incident_id, verdict, gist in connection.execute(query):
        verdict_of[incident_id] = verdict
        found |= {(name, incident_id) for name in msgspec.json.decode(gist, type=list[str]) if name not in levels}
    return verdict_of, found


def _deliveries(connection: sa.Connection, now: float) -> tuple[dict[tuple[str, str], int], dict[str, float]]:
    row = tables.deliveries
    counted = (
        sa.select(row.c.receiver, row.c.state, sa.func.count(), sa.func.min(row.c.since))
        .where(row.c.state.in_(("waiting", "dead")))
        .group_by(row.c.receiver, row.c.state)
    )
    found = connection.execute(counted).all()
    pending = {(str(receiver), str(state)): int(count) for receiver, state, count, _ in found}
    oldest = {str(receiver): max(now - since, 0.0) for receiver, state, _, since in found if state == "waiting"}
    return pending, oldest
