"""Every stage decides for a reason, and what one keeps the next gets."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerts.alert import Severity
from alerts.pipeline import Case, Deduplication, Matcher, Route, Routing, Silence, Silencing, Why, decide, gist
from tests.alerts.samples import make_alert, make_finding

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY_NOON = datetime(2026, 3, 2, 4, tzinfo=UTC).timestamp()  # noon in Shanghai
ALL = ("soc", "night", "mail")


def routed(*routes: Route, now: float = MONDAY_NOON, **alert: object) -> tuple[str, ...]:
    (decision,) = decide([Routing(routes, SHANGHAI)], Case(alert=make_alert(**alert), now=now), ALL)
    return decision.receivers


def test_without_routes_everybody_is_told() -> None:
    assert routed() == ALL


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"severity": Severity.HIGH}, ("soc",)),
        ({"severity": Severity.CRITICAL}, ()),
        ({"detections": ("bulk_export",)}, ("soc",)),
        ({"detections": ("odd_hours",)}, ()),
        ({"departments": ("B03",)}, ("soc",)),
        ({"departments": ("B04",)}, ()),
        ({"hours": "working"}, ("soc",)),
        ({"hours": "off"}, ()),
    ],
)
def test_a_route_tells_of_what_it_matches(route: dict, expected: tuple[str, ...]) -> None:
    assert routed(Route(receivers=("soc",), **route), severity=Severity.HIGH, department="B03") == expected


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        ("2026-03-02T00:59", "off"),
        ("2026-03-02T01:00", "working"),
        ("2026-03-02T10:00", "off"),
        ("2026-03-07T04:00", "off"),
    ],
)
def test_working_hours_are_local(moment: str, hours: str) -> None:
    now = datetime.fromisoformat(f"{moment}+00:00").timestamp()
    assert routed(Route(receivers=("night",), hours=hours), now=now) == ("night",)


def test_all_routes_that_match_count_and_none_is_a_reason() -> None:
    routes = [Route(receivers=("soc",)), Route(receivers=("mail", "soc")), Route(receivers=("night",), hours="off")]
    assert routed(*routes) == ("soc", "mail")
    (decision,) = decide([Routing(routes[2:], SHANGHAI)], Case(alert=make_alert(), now=MONDAY_NOON), ALL)
    assert (decision.why, decision.receivers) == (Why.NO_ROUTE, ())


def test_a_silence_by_detection_never_hides_what_else_was_found() -> None:
    silence = Silence(
        silence_id=3, matcher=Matcher(detections=("bulk_export",)), owner="lee", reason="audit", starts=0.0, ends=2e9
    )
    known = make_alert()
    more = make_alert(findings=(make_finding(), make_finding(detection="odd_hours")))
    decisions = [decide([Silencing([silence])], Case(alert=alert, now=1e9), ALL)[-1] for alert in (known, more)]
    assert [decision.why for decision in decisions] == [Why.SILENCED, Why.NOT_SILENCED]
    assert decisions[0].detail == "silence 3 of lee"
    ended = decide([Silencing([silence])], Case(alert=known, now=2e9), ALL)[-1]
    assert ended.receivers == ALL


def test_an_update_is_told_only_when_it_says_something_new() -> None:
    told = make_alert(severity=Severity.MEDIUM, risk=50.0)
    stage = [Deduplication()]

    def why(**changes: object) -> Why:
        alert = msgspec.structs.replace(told, **changes)
        return decide(stage, Case(alert=alert, now=0.0, told=gist(told)), ALL)[-1].why

    assert why(risk=51.0) is Why.NOTHING_NEW
    assert why(severity=Severity.LOW) is Why.NOTHING_NEW
    assert why(severity=Severity.HIGH) is Why.NEWS
    assert why(findings=(*told.findings, make_finding(detection="odd_hours"))) is Why.NEWS
    assert decide(stage, Case(alert=told, now=0.0), ALL)[-1].why is Why.NEWS


def test_when_nobody_remains_later_stages_are_not_asked() -> None:
    silence = Silence(matcher=Matcher(actors=("E-7f3a",)), owner="lee", reason="leave", starts=0.0, ends=2e9)
    stages = [Silencing([silence]), Routing([], SHANGHAI), Deduplication()]
    assert [one.stage for one in decide(stages, Case(alert=make_alert(), now=0.0), ALL)] == ["silence"]
    assert [one.stage for one in decide(stages[1:], Case(alert=make_alert(), now=0.0), ALL)] == ["route", "deduplicate"]
