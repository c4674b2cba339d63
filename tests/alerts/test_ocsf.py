import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Alert, Severity, severity_of
from alerts.errors import ContractError
from alerts.finding import Finding
from alerts.ocsf import SCHEMA_VERSION, detection_finding, ocsf_line
from alerts.techniques import TECHNIQUES
from tests.alerts import samples
from tests.alerts.ocsf_schema import SCHEMA, faults

TEXTS = st.text(max_size=12) | st.sampled_from(['"}],{"x":', "<script>", "\x1b[2J\u202e", "\x00", "null", "客户"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.datetimes(timezones=st.just(UTC))
IDS = st.sampled_from([*TECHNIQUES, "T9999", "T9999.001", "T1565", "", "none\n", "T1213\n"])


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    ids = tuple(draw(st.lists(TEXTS, max_size=4)))
    return samples.make_finding(
        detection=draw(st.sampled_from(["bulk_export", "odd_hours", "honey_record"]) | TEXTS),
        time=draw(TIMES),
        p_value=draw(st.floats(0, 1)),
        observed=draw(NUMBERS),
        expected=draw(st.none() | NUMBERS),
        peer_expected=draw(st.none() | NUMBERS),
        threshold=draw(st.none() | NUMBERS),
        unit=draw(TEXTS),
        event_ids=ids,
        event_count=len(ids) + draw(st.integers(0, 10**12)),
        technique=draw(IDS | TEXTS),
        sentence=draw(TEXTS),
        sample_size=draw(st.integers(0, 10**6)),
        model_version=draw(st.sampled_from(["m-1", "m-2"])),
        certain=draw(st.booleans()),
    )


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    return samples.make_alert(
        alert_id=draw(st.text("0123456789abcdef", min_size=20, max_size=20)),
        actor=draw(TEXTS),
        opened_at=draw(TIMES),
        updated_at=draw(TIMES),
        risk=draw(st.floats(0, 100) | st.integers(0, 100)),
        severity=draw(st.sampled_from(Severity)),
        findings=tuple(draw(st.lists(findings(), min_size=1, max_size=4))),
        role=draw(st.none() | TEXTS),
        department=draw(st.none() | TEXTS),
        position=draw(TEXTS),
    )


REVISIONS = st.integers(1, 2**31 - 1)


def info(*held: Finding) -> Any:
    return detection_finding(samples.make_alert(findings=held), 1)["finding_info"]


@settings(max_examples=200, deadline=None)
@given(alerts(), REVISIONS)
def test_whatever_an_alert_holds_its_finding_keeps_to_the_schema(alert, revision):
    assert faults(detection_finding(alert, revision)) == []
    assert faults(json.loads(ocsf_line(alert, revision))) == []


@settings(max_examples=100, deadline=None)
@given(alerts(), REVISIONS)
def test_everything_in_an_alert_can_be_read_from_its_finding(alert, revision):
    event = json.loads(ocsf_line(alert, revision))
    read = {
        "alert_id": event["finding_info"]["uid"],
        "actor": event["actor"]["user"]["uid"],
        "risk": event["unmapped"]["risk"],
        "severity": event["severity"].lower(),
        "findings": [evidence["data"] for evidence in event["evidences"]],
        "role": event["actor"]["user"].get("ldap_person", {}).get("job_title"),
        "department": event["actor"]["user"].get("ldap_person", {}).get("department"),
        "position": event["unmapped"]["position"],
        "opened_at": alert.opened_at,
        "updated_at": alert.updated_at,
    }
    assert msgspec.convert(read, Alert) == alert
    assert timedelta(0) <= alert.opened_at - moment(event["finding_info"]["created_time"]) < timedelta(milliseconds=1)
    assert timedelta(0) <= alert.updated_at - moment(event["time"]) < timedelta(milliseconds=1)


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


@settings(max_examples=50, deadline=None)
@given(alerts(), REVISIONS)
def test_a_line_is_canonical_also_after_a_trip_through_json_and_steers_no_terminal(alert, revision):
    line = ocsf_line(alert, revision)
    assert line == ocsf_line(msgspec.json.decode(msgspec.json.encode(alert), type=Alert), revision)
    assert line.count(b"\n") == 1
    assert "\x1b" not in line.decode()
    assert "\u202e" not in line.decode()
    assert json.loads(line) == detection_finding(alert, revision)
    for table in tables(json.loads(line)):
        assert list(table) == sorted(table, key=str.encode)


def tables(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from tables(inner)


def test_an_alert_reads_so():
    alert = samples.make_alert(role="claims_adjuster", department="B03")
    sentence = "E-7f3a opened 412 customers in two hours; a normal day has 18."
    counted = {"observation_parameter": "customers", "observation_type": "bulk_export"}
    assert detection_finding(alert, 1) == {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200401,
        "type_name": "Detection Finding: Create",
        "status_id": 1,
        "status": "New",
        "severity_id": 4,
        "severity": "High",
        "risk_score": 72,
        "risk_level_id": 3,
        "risk_level": "High",
        "confidence_id": 0,
        "confidence": "Unknown",
        "time": 1772414045120,
        "message": sentence,
        "is_alert": True,
        "metadata": {
            "version": "1.8.0",
            "product": {"name": "innerwatch", "vendor_name": "innerwatch", "version": version("innerwatch")},
            "profiles": ["host"],
            "log_name": "alerts",
            "log_version": version("innerwatch"),
            "uid": "0123456789abcdef0123.1",
            "correlation_uid": "0123456789abcdef0123",
            "sequence": 1,
        },
        "finding_info": {
            "uid": "0123456789abcdef0123",
            "title": "Insider risk: bulk_export",
            "desc": sentence,
            "types": ["bulk_export"],
            "created_time": 1772414045120,
            "modified_time": 1772414045120,
            "first_seen_time": 1772414045120,
            "last_seen_time": 1772414045120,
            "analytic": {
                "uid": "bulk_export",
                "name": "bulk_export",
                "type_id": 2,
                "type": "Behavioral",
                "version": "m-1",
            },
            "attacks": [
                {
                    "technique": {"uid": "T1213", "name": "Data from Information Repositories"},
                    "tactic": {"uid": "TA0009", "name": "Collection"},
                }
            ],
        },
        "actor": {
            "user": {
                "uid": "E-7f3a",
                "name": "E-7f3a",
                "ldap_person": {"job_title": "claims_adjuster", "department": "B03"},
            }
        },
        "observables": [{"name": "actor.user.name", "type_id": 4, "type": "User Name", "value": "E-7f3a"}],
        "evidences": [
            {
                "name": "bulk_export",
                "actor": {"user": {"uid": "E-7f3a", "name": "E-7f3a"}},
                "data": json.loads(msgspec.json.encode(alert.findings[0])),
            }
        ],
        "anomaly_analyses": [
            {
                "analysis_targets": [{"name": "E-7f3a", "type": "User Account"}],
                "anomalies": [
                    counted
                    | {
                        "observed_pattern": "about once in 40,000 working days",
                        "observations": [{"value": "412"}],
                    }
                ],
                "baselines": [
                    counted
                    | {
                        "observed_pattern": "own normal (days of history: 60)",
                        "observations": [{"value": "18"}],
                    },
                    counted | {"observed_pattern": "peers' normal (peers: 9)", "observations": [{"value": "22.5"}]},
                ],
            }
        ],
        "unmapped": {"position": "claims/0:1841", "risk": 72.5},
    }


def test_the_first_revision_is_created_and_new_and_a_later_one_an_update_that_leaves_the_status_alone():
    first, second = (detection_finding(samples.make_alert(), revision) for revision in (1, 2))
    assert (first["type_uid"], first["status"]) == (200401, "New")
    assert second["type_uid"] == 200402
    assert not {"status", "status_id"} & second.keys()
    assert first["finding_info"]["uid"] == second["finding_info"]["uid"]
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


@pytest.mark.parametrize("revision", [0, -1])
def test_a_revision_below_one_is_refused_and_named(revision):
    with pytest.raises(ContractError, match=f"0123456789abcdef0123.*revision is {revision}"):
        detection_finding(samples.make_alert(), revision)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 100) | st.sampled_from([39.99, 69.5, 89.99]), st.sampled_from(Severity))
def test_a_score_is_cut_so_that_it_never_reaches_a_band_that_the_risk_does_not(risk, severity):
    event = detection_finding(samples.make_alert(risk=risk, severity=severity), 1)
    assert event["risk_level"] == severity_of(risk, certain=False).capitalize()
    assert event["risk_level"] == severity_of(event["risk_score"], certain=False).capitalize()
    assert event["severity_id"] == 2 + list(Severity).index(severity)


def test_a_certain_finding_is_a_rule_of_high_confidence_and_needs_no_baseline():
    honey = samples.make_finding(detection="honey_record", certain=True)
    event = detection_finding(samples.make_alert(findings=(honey,)), 1)
    assert event["confidence"] == "High"
    assert event["finding_info"]["analytic"]["type"] == "Rule"
    assert "anomaly_analyses" not in event


@pytest.mark.parametrize(
    ("technique", "attack"),
    [
        (
            "T1213.006",
            {
                "technique": {"uid": "T1213", "name": "Data from Information Repositories"},
                "sub_technique": {"uid": "T1213.006", "name": "Databases"},
                "tactic": {"uid": "TA0009", "name": "Collection"},
            },
        ),
        (
            "T1565.001",
            {
                "technique": {"uid": "T1565"},
                "sub_technique": {"uid": "T1565.001", "name": "Stored Data Manipulation"},
                "tactic": {"uid": "TA0040", "name": "Impact"},
            },
        ),
        ("T9999", {"technique": {"uid": "T9999"}}),
    ],
)
def test_a_technique_is_named_as_far_as_it_is_known(technique, attack):
    assert info(samples.make_finding(technique=technique))["attacks"] == [attack]


@pytest.mark.parametrize("technique", ["", "collection", "T1213\n", "T12134", "T\u0661213"])
def test_what_is_no_id_of_a_technique_is_not_passed_off_as_one(technique):
    finding = samples.make_finding(technique=technique)
    event = detection_finding(samples.make_alert(findings=(finding,)), 1)
    assert "attacks" not in event["finding_info"]
    assert event["evidences"][0]["data"]["technique"] == technique


def test_several_findings_are_told_together_and_what_they_share_once():
    later = samples.MORNING + timedelta(days=2)
    found = info(
        samples.make_finding(sentence="Much."),
        samples.make_finding(sentence="Much.", time=later),
        samples.make_finding(sentence="Late.", detection="odd_hours", technique="T1078", time=later),
    )
    assert found["title"] == "Insider risk: bulk_export, odd_hours"
    assert found["types"] == ["bulk_export", "odd_hours"]
    assert found["desc"] == "Much.\nLate."
    assert found["analytic"]["uid"] == "bulk_export"
    assert [analytic["uid"] for analytic in found["related_analytics"]] == ["odd_hours"]
    assert [attack["technique"]["uid"] for attack in found["attacks"]] == ["T1213", "T1078"]
    assert found["last_seen_time"] - found["first_seen_time"] == 2 * 86_400_000


def test_the_release_that_is_written_is_the_one_that_is_judged_by():
    assert SCHEMA["version"] == SCHEMA_VERSION


def put(event: Any, path: str, value: Any) -> None:
    *folders, name = (int(part) if part.isdigit() else part for part in path.split("/"))
    for folder in folders:
        event = event[folder]
    if value is ...:
        del event[name]
    else:
        event[name] = value


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("time", ..., "time: required"),
        ("severity_id", ..., "severity_id: required"),
        ("metadata/product", ..., "metadata.product: required"),
        ("finding_info/uid", ..., "finding_info.uid: required"),
        ("finding_info/analytic/type_id", ..., "finding_info.analytic.type_id: required"),
        ("time", 1.5, "time: 1.5 is no timestamp_t"),
        ("time", "2026-03-02", "time: '2026-03-02' is no timestamp_t"),
        ("time", 2**63, f"time: {2**63} does not fit timestamp_t"),
        ("risk_score", 72.5, "risk_score: 72.5 is no integer_t"),
        ("risk_score", True, "risk_score: True is no integer_t"),
        ("is_alert", 1, "is_alert: 1 is no boolean_t"),
        ("message", None, "message: None is no string_t"),
        ("severity_id", 7, "severity_id: 7 is not in the enumeration"),
        ("severity", "Low", "severity: 'Low' is not the caption of severity_id 4"),
        ("type_uid", 200402, "type_uid: not class_uid * 100 + activity_id"),
        ("colour", "red", "colour: unknown"),
        ("metadata/profiles", [], "actor: of a profile that is not applied"),
        ("metadata/profiles", ["host", "trace"], "metadata.profiles: the class has no profile trace"),
        ("metadata/profiles", ["host", "cloud"], "cloud: required"),
        ("metadata/version", "1.3.0", "metadata.version: not 1.8.0"),
        ("evidences", {}, "evidences: not a list"),
        ("evidences", [], "evidences: empty"),
        ("evidences/0", "x", "evidences[0]: not an object"),
        ("evidences/0/data", float("nan"), "evidences[0].data: no JSON"),
        ("evidences/0/data", {"at": (1,)}, "evidences[0].data: changes on its way through JSON"),
        ("actor/user", {"display_name": "E-7f3a"}, "actor.user.: none of ['account', 'name', 'uid']"),
        ("actor/invoked_by", "cron", "actor.invoked_by: deprecated"),
        ("resources", [{"uid": "x"}], "resources[0]: resource_details is not in this extract"),
        ("finding_info/attacks/0/tactic", {}, "finding_info.attacks[0].tactic.: none of ['name', 'uid']"),
        ("anomaly_analyses/0/anomalies", ..., "anomaly_analyses[0].anomalies: required"),
    ],
)
def test_the_judge_notices(path, value, fault):
    event = detection_finding(samples.make_alert(), 1)
    put(event, path, value)
    assert any(found.startswith(fault) for found in faults(event)), faults(event)


def test_the_judge_takes_nothing_but_an_object():
    assert faults([]) == ["event: not an object"]
