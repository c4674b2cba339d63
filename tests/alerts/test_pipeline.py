"""Every stage decides for a reason, and what one keeps the next gets."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerts.alert import Severity
from alerts.incident import Verdict
from alerts.pipeline import (
    Case,
    Deduplication,
    Enrichment,
    Grouping,
    Inhibition,
    Matcher,
    Route,
    Routing,
    Silence,
    Silencing,
    Throttling,
    Why,
    decide,
    gist,
    pipeline_of,
)
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
        ({"data_classes": ("C3", "C4")}, ("soc",)),
        ({"data_classes": ("C2",)}, ()),
        ({"hours": "working"}, ("soc",)),
        ({"hours": "off"}, ()),
    ],
)
def test_a_route_tells_of_what_it_matches(route: dict, expected: tuple[str, ...]) -> None:
    fields = {"severity": Severity.HIGH, "department": "B03", "findings": (make_finding(data_class="C3"),)}
    assert routed(Route(receivers=("soc",), **route), **fields) == expected


def test_an_alert_whose_data_nobody_classified_matches_no_route_by_data_class() -> None:
    assert routed(Route(receivers=("soc",), data_classes=("C1",))) == ()


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
    decisions = [
        decide([Silencing()], Case(alert=alert, now=1e9, silences=[silence]), ALL)[-1] for alert in (known, more)
    ]
    assert [decision.why for decision in decisions] == [Why.SILENCED, Why.NOT_SILENCED]
    assert decisions[0].detail == "silence 3 of lee"
    ended = decide([Silencing()], Case(alert=known, now=2e9, silences=[silence]), ALL)[-1]
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
    stages = pipeline_of(Routing([], SHANGHAI))

    def asked(*silences: Silence) -> list[str]:
        return [one.stage for one in decide(stages, Case(alert=make_alert(), now=0.0, silences=silences), ALL)]

    assert asked(silence) == ["group", "enrich", "silence"]
    assert asked() == ["group", "enrich", "silence", "route", "inhibit", "deduplicate", "throttle"]


def test_every_stage_gives_a_reason_that_is_its_own() -> None:
    reasons = [one.why for one in decide(pipeline_of(Routing([], SHANGHAI)), Case(alert=make_alert(), now=0.0), ALL)]
    assert len(set(reasons)) == len(reasons) == 7


@pytest.mark.parametrize(
    ("case", "why", "detail"),
    [
        ({}, Why.OPENED, f"incident {make_alert().alert_id}"),
        ({"incident_id": "ab"}, Why.JOINED, "incident ab"),
        ({"incident_id": "ab", "member": True}, Why.MEMBER, "incident ab"),
    ],
)
def test_grouping_says_which_incident_has_the_alert(case: dict, why: Why, detail: str) -> None:
    decision = Grouping().decide(Case(alert=make_alert(), now=0.0, **case), ALL)
    assert (decision.why, decision.receivers, decision.detail) == (why, ALL, detail)


def test_enrichment_counts_what_became_of_earlier_incidents() -> None:
    verdicts = (Verdict.BENIGN_POSITIVE, Verdict.TRUE_POSITIVE, Verdict.TRUE_POSITIVE)
    decision = Enrichment().decide(Case(alert=make_alert(), now=0.0, verdicts=verdicts), ALL)
    assert (decision.why, decision.receivers) == (Why.RECORD, ALL)
    assert decision.detail == "earlier incidents: 2 true_positive, 1 benign_positive"
    assert Enrichment().decide(Case(alert=make_alert(), now=0.0), ALL).why is Why.UNKNOWN


@pytest.mark.parametrize(
    ("severity", "told", "since", "spared"),
    [
        (Severity.MEDIUM, Severity.HIGH, 0.0, True),
        (Severity.HIGH, Severity.HIGH, 0.0, False),
        (Severity.CRITICAL, Severity.HIGH, 0.0, False),
        (Severity.MEDIUM, Severity.HIGH, -8 * 3600.0, False),
    ],
)
def test_whoever_was_lately_told_of_something_worse_is_spared(
    severity: Severity, told: Severity, since: float, spared: bool
) -> None:
    stage = Inhibition({"soc": 8.0, "night": 8.0})
    paged = [("soc", told, since), ("mail", told, since)]
    decision = stage.decide(Case(alert=make_alert(severity=severity), now=0.0, paged=paged), ALL)
    assert decision.why is (Why.INHIBITED if spared else Why.NOT_INHIBITED)
    assert decision.receivers == (ALL[1:] if spared else ALL)  # mail wants everything, and night knows of nothing
    assert decision.detail == ("soc: told of a more severe one" if spared else "")


@pytest.mark.parametrize(
    ("name", "case", "due"),
    [
        ("chat", {"fresh": {"chat": 29}}, 0.0),
        ("chat", {"fresh": {"chat": 30}}, 7200.0),
        ("chat", {"fresh": {"chat": 500}}, 7200.0),
        ("soc", {"fresh": {"soc": 1000}}, 0.0),
        ("chat", {"fresh": {"chat": 30}, "deliveries": {"chat": 0.0}}, 0.0),
        ("chat", {"deliveries": {"chat": 7200.0}}, 7200.0),
        ("chat", {"fresh": {"chat": 30}, "alert": make_alert(severity=Severity.CRITICAL)}, 0.0),
    ],
)
def test_what_is_above_an_allowance_waits_for_the_full_hour(name: str, case: dict, due: float) -> None:
    decision = Throttling({"chat": 30}).decide(Case(**{"alert": make_alert(), "now": 5000.0, **case}), (name,))
    assert decision.receivers == (name,)
    assert decision.due == ({name: due} if due else {})
    assert decision.why is (Why.THROTTLED if due else Why.AT_ONCE)
