from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import MAX_FINDINGS, SEVERITY_FLOORS, Severity, alert_id_of, severity_of
from alerts.errors import ContractError


def test_the_json_object_has_its_keys_in_the_documented_order(make_alert):
    keys = list(msgspec.json.decode(msgspec.json.encode(make_alert())))
    assert keys == [
        "alert_id", "actor", "opened_at", "updated_at", "risk", "severity", "findings", "role", "department",
        "position",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"opened_at": datetime(2026, 3, 2)}, "opened_at"),  # noqa: DTZ001
        ({"updated_at": datetime(2026, 3, 2)}, "updated_at"),  # noqa: DTZ001
        ({"risk": 100.01}, "risk"),
        ({"risk": float("nan")}, "risk"),
        ({"findings": ()}, "0 findings"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_named(make_alert, fields, said):
    with pytest.raises(ContractError, match=f"0123456789abcdef0123.*{said}"):
        make_alert(**fields)


def test_as_many_findings_as_fit_are_accepted_and_one_more_is_not(make_alert, make_finding):
    assert make_alert(findings=(make_finding(),) * MAX_FINDINGS)
    with pytest.raises(ContractError, match="33 findings"):
        make_alert(findings=(make_finding(),) * (MAX_FINDINGS + 1))


@pytest.mark.parametrize(("floor", "severity"), SEVERITY_FLOORS)
def test_a_severity_begins_at_its_floor_and_not_below(floor, severity):
    assert severity_of(floor, certain=False) == severity
    if floor:
        assert severity_of(floor - 0.01, certain=False) != severity


def test_the_bands_are_those_of_the_documented_table():
    assert [floor for floor, _ in SEVERITY_FLOORS] == [90.0, 70.0, 40.0, 0.0]
    assert [severity for _, severity in SEVERITY_FLOORS] == list(reversed(Severity))


@pytest.mark.parametrize(("risk", "severity"), [(0.0, "high"), (75.0, "high"), (95.0, "critical")])
def test_a_certain_finding_is_at_least_high_and_no_milder_than_its_risk(risk, severity):
    assert severity_of(risk, certain=True) == severity


def test_an_id_is_twenty_hexadecimal_characters_and_never_changes_between_releases():
    assert alert_id_of("claims/0", "1841", "E-7f3a", "bulk_export") == "1ffdad4278a68ff9a8d9"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.text(max_size=3)] * 4), min_size=2, max_size=2, unique=True))
def test_ids_differ_when_any_part_differs_also_where_the_parts_run_together(parts):
    assert alert_id_of(*parts[0]) != alert_id_of(*parts[1])


@pytest.mark.parametrize("risk", [-0.01, 100.01, float("nan")])
def test_no_severity_is_given_to_a_risk_out_of_bounds(risk):
    with pytest.raises(ContractError, match="risk is"):
        severity_of(risk, certain=False)
