"""What people say to the detector, verdicts and what is to be expected: by whom, until when, whether taken back."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.alert import SEVERITY_FLOORS, Alert, Severity
from alerts.errors import IncidentError
from alerts.incident import Verdict

DAY_S: Final = 86_400.0
LASTS_S: Final = 90 * DAY_S
"""After the last alert that a verdict is about, in the time of the log; by then what is normal was learned anew."""
EXPECTED: Final = "expected"
"""An exception: no verdict on what was told, but word of what is to come, such as a migration or a yearly report."""
LONGEST_DAYS: Final = 90
TEACHES: Final = (Verdict.TRUE_POSITIVE, Verdict.BENIGN_POSITIVE, Verdict.FALSE_POSITIVE)


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict about one actor's alerts in an incident, or an exception for one actor, which has no incident.

    `detections` are those that were told, and `risk` how high, 0 to 100, of the alerts without a certain finding, 0
    if there are none; of an exception what is expected, and up to which risk. `verdict` is a `Verdict` or `EXPECTED`.
    `given` and `withdrawn` are when, by the clock, and `ends` is the time in the log at which it
    ends, all Unix seconds; `withdrawn` is None while nobody has taken it back.
    """

    number: int
    incident_id: str
    actor: str
    verdict: str
    detections: tuple[str, ...]
    risk: float
    author: str
    reason: str
    given: float
    ends: float
    withdrawn: float | None = None
    withdrawn_by: str = ""


class Exceptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be expected of some people: these detections and no others, up to a severity, for some days.

    Raises:
        IncidentError: nobody or nothing is named, or it is to last longer than `LONGEST_DAYS` or cover `critical`.
    """

    actors: tuple[str, ...]
    detections: tuple[str, ...]
    most: Severity
    days: float
    reason: str

    def __post_init__(self) -> None:
        if not self.actors or not self.detections:
            raise IncidentError("an exception is for somebody and something; name actors and detections")
        if not 0.0 < self.days <= LONGEST_DAYS:
            raise IncidentError(f"an exception of {self.days:g} days; give up to {LONGEST_DAYS}")
        if self.most is Severity.CRITICAL:
            raise IncidentError("what is critical is never expected; give low, medium or high")

    @property
    def risk(self) -> float:
        """The highest risk of the severity."""
        floors = {mildest: floor for (floor, _), (_, mildest) in pairwise(SEVERITY_FLOORS)}
        return floors[self.most] - 0.01

    def matches(self, alert: Alert) -> bool:
        """Whether the alert would have been spared."""
        return (
            alert.actor in self.actors
            and {finding.detection for finding in alert.findings} <= set(self.detections)
            and alert.risk <= self.risk
            and not _is_certain(alert)
        )

    def said(self, author: str, now: float) -> list[Feedback]:
        """The same for each of them, as it is kept; it has no number yet."""
        detections, ends = tuple(sorted(set(self.detections))), now + self.days * DAY_S
        return [
            Feedback(number=0, incident_id="", actor=actor, verdict=EXPECTED, detections=detections, risk=self.risk,
                     author=author, reason=self.reason, given=now, ends=ends)
            for actor in dict.fromkeys(self.actors)
        ]  # fmt: skip


def give(
    connection: sa.Connection, incident_id: str, alerts: Sequence[Alert], verdict: Verdict, by: tuple[str, str, float]
) -> None:
    """Keep what a verdict on an incident with these alerts says of each of their actors; `by` whom, why and when."""
    if verdict not in TEACHES:
        return
    author, reason, now = by
    for actor in sorted({alert.actor for alert in alerts}):
        mine = [alert for alert in alerts if alert.actor == actor]
        detections = sorted({finding.detection for alert in mine for finding in alert.findings})
        one = Feedback(
            number=0,
            incident_id=incident_id,
            actor=actor,
            verdict=verdict.value,
            detections=tuple(detections),
            risk=max((alert.risk for alert in mine if not _is_certain(alert)), default=0.0),
            author=author,
            reason=reason,
            given=now,
            ends=max(alert.updated_at for alert in mine).timestamp() + LASTS_S,
        )
        keep(connection, one)


def keep(connection: sa.Connection, said: Feedback) -> int:
    """Keep what was said; its number."""
    fields = msgspec.structs.asdict(said) | {"detections": msgspec.json.encode(said.detections).decode()}
    del fields["number"]
    row = tables.feedback
    return int(connection.execute(sa.insert(row).values(**fields).returning(row.c.number)).scalar_one())


def _is_certain(alert: Alert) -> bool:
    """Whether a certain finding is in it, whose high risk says nothing of how far the others stood out."""
    return any(finding.certain for finding in alert.findings)


def withdraw(connection: sa.Connection, incident_id: str, author: str, now: float) -> None:
    """Take back what the verdict on an incident said."""
    row = tables.feedback
    this = (row.c.incident_id == incident_id) & row.c.withdrawn.is_(None)
    connection.execute(sa.update(row).where(this).values(withdrawn=now, withdrawn_by=author))


def withdraw_one(connection: sa.Connection, number: int, author: str, now: float) -> str | None:
    """Take back what has this number; the incident that it was about, None when there is nothing to take back."""
    row = tables.feedback
    this = (row.c.number == number) & row.c.withdrawn.is_(None)
    changed = sa.update(row).where(this).values(withdrawn=now, withdrawn_by=author).returning(row.c.incident_id)
    return connection.execute(changed).scalar()


def given(connection: sa.Connection, *, every: bool = False) -> list[Feedback]:
    """What was not taken back, or all there ever was, in order."""
    row = tables.feedback
    query = sa.select(row).order_by(row.c.number)
    found = connection.execute(query if every else query.where(row.c.withdrawn.is_(None))).mappings()
    return [_feedback(one) for one in found]


def _feedback(row: Mapping[Any, Any]) -> Feedback:
    fields = {name: row[name] for name in Feedback.__struct_fields__}
    return msgspec.convert(fields | {"detections": msgspec.json.decode(row["detections"])}, Feedback)
