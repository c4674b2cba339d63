"""How the queue stands and how the work went: numbers over one transaction."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.alert import Severity
from alerts.feedback import TEACHES
from alerts.incident import State, Verdict
from alerts.intake import ITSELF

DAY_S: Final = 86_400.0
AGES: Final = ((1, "under_1_day"), (3, "1_to_3_days"), (7, "3_to_7_days"), (None, "over_7_days"))
"""How long incidents have waited: below so many days, and how that is called."""
ANSWERS: Final = ("assigned", "moved", "closed")
"""Acts of people by which an incident is not open any more."""


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """How long incidents waited for the first person who took them on: how many did, and seconds; None of none."""

    incidents: int
    median_s: float | None
    p90_s: float | None
    longest_s: float | None


class DetectionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How many incidents with a finding of a detection got a verdict that says something, and how many "false"."""

    detection: str
    incidents: int
    false_positives: int
    false_positive_share: float


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The queue now, and the work of some days.

    `open` counts incidents that are not closed by severity and age. Of the last `days`: `acknowledged`, those taken on
    then; `verdicts` and `detections`, those closed then whose verdict holds.
    """

    days: int
    open: dict[str, dict[str, int]]
    acknowledged: Answering
    verdicts: dict[str, int]
    detections: list[DetectionRecord]


def statistics_of(connection: sa.Connection, days: int, now: float) -> Statistics:
    """Count; the age of an incident is that of its first line of history."""
    since = now - days * DAY_S
    closed = _closed_since(connection, since)
    return Statistics(
        days=days,
        open=_open(connection, now),
        acknowledged=_answering(connection, since),
        verdicts={verdict.value: list(closed.values()).count(verdict) for verdict in Verdict if verdict},
        detections=_detections(connection, {one: verdict for one, verdict in closed.items() if verdict in TEACHES}),
    )


def _open(connection: sa.Connection, now: float) -> dict[str, dict[str, int]]:
    row, log = tables.incidents, tables.incident_log
    query = (
        sa.select(row.c.severity, sa.func.min(log.c.time))
        .join(log, log.c.incident_id == row.c.incident_id)
        .where(row.c.state != State.CLOSED.value)
        .group_by(row.c.incident_id, row.c.severity)
    )
    counts = Counter((severity, _age((now - time) / DAY_S)) for severity, time in connection.execute(query))
    return {one.value: {age: counts[one.value, age] for _, age in AGES} for one in Severity}


def _age(days: float) -> str:
    return next(name for bound, name in AGES if bound is None or days < bound)


def _answering(connection: sa.Connection, since: float) -> Answering:
    log = tables.incident_log
    answer = (log.c.act.in_(ANSWERS)) & (log.c.author != ITSELF)
    answered = sa.func.min(sa.case((answer, log.c.time)))
    query = (
        sa.select(answered - sa.func.min(log.c.time))
        .group_by(log.c.incident_id)
        .having(answered.is_not(None) & (answered >= since))
    )
    waits = sorted(float(wait) for wait in connection.execute(query).scalars())
    return Answering(
        incidents=len(waits),
        median_s=_quantile(waits, 0.5),
        p90_s=_quantile(waits, 0.9),
        longest_s=_quantile(waits, 1.0),
    )


def _quantile(waits: Sequence[float], share: float) -> float | None:
    """The least wait that this share of them does not exceed."""
    return waits[max(-int(-len(waits) * share // 1), 1) - 1] if waits else None


def _closed_since(connection: sa.Connection, since: float) -> dict[str, Verdict]:
    row, log = tables.incidents, tables.incident_log
    query = (
        sa.select(row.c.incident_id, row.c.verdict)
        .join(log, log.c.incident_id == row.c.incident_id)
        .where((row.c.verdict != "") & (log.c.act == "closed"))
        .group_by(row.c.incident_id, row.c.verdict)
        .having(sa.func.max(log.c.time) >= since)
    )
    return {str(incident_id): Verdict(verdict) for incident_id, verdict in connection.execute(query)}


def _detections(connection: sa.Connection, closed: dict[str, Verdict]) -> list[DetectionRecord]:
    row = tables.incident_alerts
    levels = {one.value for one in Severity}  # the gist of an alert has them beside the detections
    found: set[tuple[str, str]] = set()
    for incident_id, gist in connection.execute(sa.select(row.c.incident_id, row.c.gist)):
        if incident_id in closed:
            found |= {(name, incident_id) for name in set(_names(gist)) - levels}
    all_of = Counter(name for name, _ in found)
    false_of = Counter(name for name, incident_id in found if closed[incident_id] is Verdict.FALSE_POSITIVE)
    return [
        DetectionRecord(
            detection=name, incidents=count, false_positives=false_of[name], false_positive_share=false_of[name] / count
        )
        for name, count in sorted(all_of.items())
    ]


def _names(gist: Any) -> list[str]:
    return msgspec.json.decode(gist, type=list[str])
