"""A contestant in numbers, and what moves from one to the other."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import msgspec
import numpy as np

from alerts.alert import Alert
from detector.backtest.match import Played
from detector.backtest.truth import Case, Source, Truth, found_by, line_of
from detector.backtest.witness import BUDGETS
from detector.calendar import DAY_S, Calendar
from detector.config import RiskConfig
from detector.evaluation import GRACE, StoryResult
from detector.span import Span

UNUSUAL_RATIO: Final = 2.0
"""Times the whole's from which on a department's alerts are unusually many, or its false ones unusually frequent."""
LEAST_ALERTS: Final = 5
"""Alerts of a department, or judged ones, from which on that says something."""


class Counted(msgspec.Struct, frozen=True):
    """How many of how many."""

    found: int
    of: int


class AtBudget(msgspec.Struct, frozen=True):
    """Misuse found by whoever reads so many times the budget: `alerts` by their levels, and what they find."""

    times: float
    alerts: int
    found: int
    recall: float | None


class Department(msgspec.Struct, frozen=True, kw_only=True):
    """One department's part, "" for those of whom none is known.

    `judged` are its alerts of which it is known whether they are true, `false` those that are not. `ratio` is how many
    times as many alerts in 1,000 employee-days it has as all have; `unusual` if that is above 2, with 5 alerts or more.
    """

    name: str
    alerts: int
    judged: int
    false: int
    employee_days: int
    per_thousand: float | None
    ratio: float | None
    unusual: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A contestant's figures.

    `allowed` is how many alerts the budget had for the days on which it told. `recall` is `found` of `cases`: of misuse
    that began in the days that count; `by_source` and `by_kind` say the same of each source and each kind of story.
    `benign` is benign twins that were told of. `delays` are days from the start of a story to its first alert,
    ascending. `precision` is `true` of `judged`, by what `precision_by` names. `days` has the alerts that opened on
    each day, `detections` those that each detection gave the strongest finding of.
    """

    alerts: int
    employee_days: int
    per_thousand: float | None
    allowed: float
    cases: int
    found: int
    recall: float | None
    by_source: dict[str, Counted]
    by_kind: dict[str, Counted]
    benign: Counted
    recall_at: tuple[AtBudget, ...]
    delay_days: float | None
    delays: tuple[float, ...]
    judged: int
    true: int
    precision: float | None
    precision_by: str
    departments: tuple[Department, ...]
    detections: dict[str, int]
    days: dict[str, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """What figures are taken of: days, a truth, the operating point, and whose days."""

    span: Span
    truth: Truth
    risk: RiskConfig
    calendar: Calendar

    def day(self, moment: float) -> int:
        """The accounting day of a time in Unix seconds."""
        return int(self.calendar.days(np.array([moment]))[0])

    def alerts(self, played: Played) -> list[Alert]:
        """The alerts that opened on these days, by when, then id."""
        mine = [alert for alert in played.alerts if self.day(alert.opened_at.timestamp()) in self.span]
        return sorted(mine, key=lambda alert: (alert.opened_at, alert.alert_id))

    def cases(self, *, misuse: bool) -> list[Case]:
        """The misuse that began on these days, or what began on them and only looks like it."""
        every = (case for case in self.truth.cases if case.is_misuse is misuse)
        return [case for case in every if self.day(begin_of(case)) in self.span]


def begin_of(case: Case) -> float:
    """When it began, Unix seconds; of a verdict, when the alert opened that it is about."""
    start, end = case.label.start.timestamp(), case.label.end.timestamp()
    return (start + end + GRACE.total_seconds()) / 2.0 if case.source is Source.VERDICT else start


def figures_of(played: Played, frame: Frame) -> Figures:
    """The figures of a contestant."""
    alerts = frame.alerts(played)
    worked = [day for day in played.days if day.day in frame.span]
    employee_days = sum((day.active for day in worked), Counter[str]())
    told_days = sum(day.active.total() for day in worked if day.telling)
    known = {alert.alert_id: frame.truth.known(alert) for alert in alerts}
    judged = [alert for alert in alerts if known[alert.alert_id] is not None]
    true = sum(known[alert.alert_id] is True for alert in judged)
    lines = [line_of(alert) for alert in alerts]
    misuse = [(case, found_by(case, lines)) for case in frame.cases(misuse=True)]
    benign = [found_by(case, lines) for case in frame.cases(misuse=False) if case.source is Source.STORY]
    delays = _delays(misuse)
    return Figures(
        alerts=len(alerts),
        employee_days=employee_days.total(),
        per_thousand=share(1_000 * len(alerts), employee_days.total()),
        allowed=round(frame.risk.budget * told_days / 1_000.0, 3),
        cases=len(misuse),
        found=_counted(misuse).found,
        recall=share(_counted(misuse).found, len(misuse)),
        by_source=_by(misuse, lambda case: case.source.value),
        by_kind=_by(misuse, lambda case: case.kind),
        benign=Counted(sum(bool(result.alert_ids) for result in benign), len(benign)),
        recall_at=_recall_at(played, [case for case, _ in misuse], frame),
        delay_days=round(median(delays), 3) if delays else None,
        delays=delays,
        judged=len(judged),
        true=true,
        precision=share(true, len(judged)),
        precision_by=frame.truth.precision_by.value if frame.truth.precision_by is not None else "",
        departments=_departments(alerts, known, employee_days),
        detections=dict(sorted(Counter(alert.findings[0].detection for alert in alerts).items())),
        days=_by_day(alerts, frame),
    )


def _by(results: Sequence[tuple[Case, StoryResult]], name_of: Callable[[Case], str]) -> dict[str, Counted]:
    """How many were found of those of each name."""
    names = sorted({name_of(case) for case, _ in results})
    return {name: _counted([one for one in results if name_of(one[0]) == name]) for name in names}


def _counted(results: Sequence[tuple[Case, StoryResult]]) -> Counted:
    return Counted(sum(bool(result.alert_ids) for _, result in results), len(results))


def _delays(results: Sequence[tuple[Case, StoryResult]]) -> tuple[float, ...]:
    """Days from the start of what was found, ascending; when that began of which a verdict speaks, nobody knows."""
    told = [result.delay_s for case, result in results if case.source is not Source.VERDICT]
    return tuple(sorted(round(delay / DAY_S, 3) for delay in told if delay is not None))


def share(part: float, whole: float) -> float | None:
    """A part of a whole, rounded so that it prints the same everywhere; ``None`` of nothing.

    >>> share(1, 3), share(0, 0)
    (0.333333, None)
    """
    return round(part / whole, 6) if whole else None


def _departments(
    alerts: Sequence[Alert], known: Mapping[str, bool | None], employee_days: Counter[str]
) -> tuple[Department, ...]:
    whole = share(1_000 * len(alerts), employee_days.total())
    rows = []
    for name in sorted({*employee_days, *((alert.department or "") for alert in alerts)}):
        mine = [alert for alert in alerts if (alert.department or "") == name]
        rate = share(1_000 * len(mine), employee_days[name])
        ratio = share(rate, whole) if rate is not None and whole else None
        rows.append(
            Department(
                name=name,
                alerts=len(mine),
                judged=sum(known[alert.alert_id] is not None for alert in mine),
                false=sum(known[alert.alert_id] is False for alert in mine),
                employee_days=employee_days[name],
                per_thousand=rate,
                ratio=ratio,
                unusual=ratio is not None and ratio > UNUSUAL_RATIO and len(mine) >= LEAST_ALERTS,
            )
        )
    return tuple(rows)


def _by_day(alerts: Sequence[Alert], frame: Frame) -> dict[str, int]:
    days = Counter(frame.day(alert.opened_at.timestamp()) for alert in alerts)
    return {Calendar.date_of(day).isoformat(): count for day, count in sorted(days.items())}


def _recall_at(played: Played, misuse: Sequence[Case], frame: Frame) -> tuple[AtBudget, ...]:
    """Recall at multiples of the budget, by ranking the closed days' levels in hindsight, as the threshold is learned.

    Episodes open from the highest level downwards, one an actor within an episode's days, until the budget is used up;
    misuse is found if one of its actor's days, up to two days after its end, reaches the level of the last of them.
    """
    worked = [day for day in played.days if day.day in frame.span]
    tops = [(level, day.day, actor) for day in worked for actor, level in day.top]
    tops.sort(key=lambda one: (-one[0], one[1], one[2]))
    opened: dict[str, list[int]] = {}
    levels: list[float] = []
    for level, day, actor in tops:
        told = opened.setdefault(actor, [])
        if all(abs(day - other) >= frame.risk.episode_days for other in told):
            told.append(day)
            levels.append(level)
    highest = [_highest(case, tops, frame) for case in misuse]
    rows = []
    for times in BUDGETS:
        allowed = min(int(times * frame.risk.budget * sum(day.active.total() for day in worked) / 1_000.0), len(levels))
        found = sum(level >= levels[allowed - 1] for level in highest) if allowed else 0
        rows.append(AtBudget(times, allowed, found, share(found, len(misuse))))
    return tuple(rows)


def _highest(case: Case, tops: Sequence[tuple[float, int, str]], frame: Frame) -> float:
    """The highest level that the actor of a case has in its days, below all levels for none."""
    first, last = frame.day(case.label.start.timestamp()), frame.day((case.label.end + GRACE).timestamp())
    mine = (level for level, day, actor in tops if actor == case.label.actor and first <= day <= last)
    return next(mine, float("-inf"))
