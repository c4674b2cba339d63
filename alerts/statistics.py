"""How the queue stands and how the work went: numbers over one transaction."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from alerts.alert import Severity
from alerts.feedback import TEACHES
from alerts.incident import Verdict
from alerts.workload import acknowledged, judged, unsolved

DAY_S: Final = 86_400.0
AGES: Final = ((1, "under_1_day"), (3, "1_to_3_days"), (7, "3_to_7_days"), (None, "over_7_days"))
"""How long incidents have waited: below so many days, and how that is called."""


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
    """Count; the age of an incident is since it was last opened."""
    since = now - days * DAY_S
    verdicts, found = judged(connection, since)
    waits = acknowledged(connection, since)
    return Statistics(
        days=days,
        open=_open(connection, now),
        acknowledged=Answering(
            incidents=len(waits),
            median_s=_quantile(waits, 0.5),
            p90_s=_quantile(waits, 0.9),
            longest_s=_quantile(waits, 1.0),
        ),
        verdicts={verdict.value: list(verdicts.values()).count(verdict.value) for verdict in Verdict if verdict},
        detections=_detections({one: verdict for one, verdict in verdicts.items() if verdict in TEACHES}, found),
    )


def _open(connection: sa.Connection, now: float) -> dict[str, dict[str, int]]:
    counts = Counter((severity, _age(age_s / DAY_S)) for _, severity, age_s in unsolved(connection, now))
    return {one.value: {age: counts[one.value, age] for _, age in AGES} for one in Severity}


def _age(days: float) -> str:
    return next(name for bound, name in AGES if bound is None or days < bound)


def _quantile(waits: Sequence[float], share: float) -> float | None:
    """The least wait that this share of them does not exceed."""
    return waits[max(-int(-len(waits) * share // 1), 1) - 1] if waits else None


def _detections(verdicts: Mapping[str, str], found: Collection[tuple[str, str]]) -> list[DetectionRecord]:
    all_of = Counter(name for name, incident_id in found if incident_id in verdicts)
    false_of = Counter(name for name, incident_id in found if verdicts.get(incident_id) == Verdict.FALSE_POSITIVE)
    return [
        DetectionRecord(
            detection=name, incidents=count, false_positives=false_of[name], false_positive_share=false_of[name] / count
        )
        for name, count in sorted(all_of.items())
    ]
