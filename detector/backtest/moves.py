"""What moves from one contestant to the other."""

from collections.abc import Sequence
from typing import Final

import msgspec

from alerts.alert import Alert
from detector.backtest.figures import Frame, share
from detector.backtest.match import Played
from detector.backtest.truth import Truth
from detector.calendar import DAY_S

MOST_MOVED: Final = 500
"""Alerts that are listed, the highest risks first."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that one contestant tells and the other does not.

    `known` is whether it is true, as far as that is known; `actor` a pseudonym; `detection` that of its strongest
    finding.
    """

    by: str
    alert_id: str
    actor: str
    department: str
    opened_at: str
    risk: float
    severity: str
    detection: str
    known: bool | None


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """How the alerts of two contestants differ.

    Two alerts are the same if they are about one actor and their episodes overlap. `correlation` is the mean over the
    days of the rank correlation of the levels of all at work, weighted by how many those were. `alerts` are those that
    one of the two alone tells, by risk, the highest first, at most ``MOST_MOVED``.
    """

    both: int
    champion_alone: int
    challenger_alone: int
    correlation: float | None
    alerts: tuple[Moved, ...]


def moves_of(
    champion: Played, challenger: Played, correlations: Sequence[tuple[int, float, int]], frame: Frame
) -> Moves:
    """What moves from the champion to the challenger."""
    one, other = frame.alerts(champion), frame.alerts(challenger)
    met, again = _matched(one, other, frame.risk.episode_days)
    alone = [("champion", alert) for alert in one if alert.alert_id not in met]
    alone += [("challenger", alert) for alert in other if alert.alert_id not in again]
    alone.sort(key=lambda pair: (-pair[1].risk, pair[1].opened_at, pair[1].alert_id, pair[0]))
    compared = [(value, people) for day, value, people in correlations if day in frame.span]
    return Moves(
        both=len(met),
        champion_alone=len(one) - len(met),
        challenger_alone=len(other) - len(met),
        correlation=share(sum(value * people for value, people in compared), sum(people for _, people in compared)),
        alerts=tuple(_moved(by, alert, frame.truth) for by, alert in alone[:MOST_MOVED]),
    )


def _matched(one: Sequence[Alert], other: Sequence[Alert], episode_days: float) -> tuple[set[str], set[str]]:
    """The ids of alerts that both have, in either's: pairs of one actor that opened closest to each other first."""
    by_actor: dict[str, list[Alert]] = {}
    for alert in other:
        by_actor.setdefault(alert.actor, []).append(alert)
    pairs = [
        (abs((alert.opened_at - match.opened_at).total_seconds()), alert.opened_at, alert.alert_id, match.alert_id)
        for alert in one
        for match in by_actor.get(alert.actor, ())
    ]
    met: set[str] = set()
    again: set[str] = set()
    for seconds, _, alert_id, match_id in sorted(pairs):
        if seconds < episode_days * DAY_S and alert_id not in met and match_id not in again:
            met.add(alert_id)
            again.add(match_id)
    return met, again


def _moved(by: str, alert: Alert, truth: Truth) -> Moved:
    return Moved(
        by=by,
        alert_id=alert.alert_id,
        actor=alert.actor,
        department=alert.department or "",
        opened_at=alert.opened_at.isoformat(),
        risk=alert.risk,
        severity=alert.severity.value,
        detection=alert.findings[0].detection,
        known=truth.known(alert),
    )
