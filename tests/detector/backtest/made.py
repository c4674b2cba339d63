"""Contestants, alerts and truths made by hand."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.alert import Alert, severity_of
from alerts.labels import Label as Said
from detector.backtest.figures import Figures, Frame, figures_of
from detector.backtest.match import Contestant, LogFacts, Match, Played
from detector.backtest.report import Report, report_of
from detector.backtest.truth import Case, Source, Truth
from detector.backtest.witness import Worked
from detector.calendar import Calendar
from detector.config import Config, RiskConfig
from detector.evaluation import Label
from detector.span import Span, number_of
from tests.alerts.samples import make_alert, make_finding

FIRST = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""Ten in the morning of the first day, in the default zone."""
DAY = timedelta(days=1)
NUMBER = number_of("2026-03-02")
EVER = Span(NUMBER, NUMBER + 29)
CONFIG = Config.model_validate({"risk": {"budget": 10.0}})


def alert(day: float, actor: str = "E-1", department: str | None = "B01", risk: float = 60.0, **fields: Any) -> Alert:
    """An alert that opens so many days after the first and changes no more."""
    moment = FIRST + day * DAY
    usual: dict[str, Any] = {
        "alert_id": f"{actor}-{day:g}",
        "actor": actor,
        "opened_at": moment,
        "updated_at": moment,
        "risk": risk,
        "severity": severity_of(risk, certain=False),
        "department": department,
        "findings": (make_finding(time=moment),),
    }
    return make_alert(**usual | fields)


def worked(day: int, active: dict[str, int], telling: bool = True, top: Sequence[tuple[str, float]] = ()) -> Worked:
    return Worked(NUMBER + day, Counter(active), telling, tuple(top))


def month(active: dict[str, int] | None = None) -> list[Worked]:
    """Thirty days with 40 people: 1,200 employee-days."""
    return [worked(day, active or {"B01": 30, "B02": 10}) for day in range(30)]


def story(
    day: float, days: float = 1, actor: str = "E-1", kind: Any = "insider", source: Source = Source.STORY
) -> Case:
    return Case(source, Label("browsing", kind, actor, FIRST + day * DAY, FIRST + (day + days) * DAY))


def said(day: float, verdict: str, actor: str = "E-1", given: float = 1.0, **fields: Any) -> Said:
    usual: dict[str, Any] = {
        "alert_id": f"{actor}-{day:g}",
        "actor": actor,
        "incident_id": "i",
        "verdict": verdict,
        "opened_at": FIRST + day * DAY,
        "given": given,
        "withdrawn": None,
    }
    return Said(**usual | fields)


def frame(*cases: Case, complete: bool = True, span: Span = EVER) -> Frame:
    return Frame(span, Truth(cases, complete), RiskConfig(budget=10.0), Calendar("Asia/Shanghai", "CN"))


def figures(*alerts: Alert, frame: Frame, days: list[Worked] | None = None) -> Figures:
    return figures_of(Played(list(alerts), days if days is not None else month()), frame)


def report(champion: Played, challenger: Played, *cases: Case, complete: bool = True) -> Report:
    match = Match([champion, challenger], log=LogFacts(shards=["0"], events=1))
    return report_of(match, [Contestant(), Contestant()], Truth(cases, complete), EVER, CONFIG, 0)
