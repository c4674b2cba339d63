from datetime import datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest

from alerts.errors import ContractError
from alerts.finding import MAX_EVENT_IDS, Finding


def test_the_json_object_is_flat_with_its_keys_in_the_documented_order(make_finding):
    keys = list(msgspec.json.decode(msgspec.json.encode(make_finding())))
    assert keys == [
        "detection", "time", "p_value", "observed", "expected", "peer_expected", "unit", "event_ids",
        "event_count", "technique", "sentence", "sample_size", "peer_sample_size", "threshold",
        "model_version", "certain", "customers", "records", "exported", "data_class",
    ]  # fmt: skip


def test_a_finding_survives_json(make_finding):
    finding = make_finding(expected=None, threshold=None, certain=True)
    assert msgspec.json.decode(msgspec.json.encode(finding), type=Finding) == finding


def test_numbers_of_numpy_and_whole_numbers_print_as_floats_and_counts(make_finding):
    plain = make_finding(observed=412.0, event_count=30)
    given = make_finding(observed=np.float64(412), event_count=np.int64(30), certain=np.bool_(False), threshold=61)
    assert msgspec.json.encode(given) == msgspec.json.encode(plain)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"time": datetime(2026, 3, 2)}, "aware UTC"),  # noqa: DTZ001
        ({"time": datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=8)))}, "aware UTC"),
        ({"p_value": 1.01}, "p_value"),
        ({"p_value": -0.1}, "p_value"),
        ({"p_value": float("nan")}, "p_value"),
        ({"observed": float("inf")}, "observed"),
        ({"expected": float("nan")}, "expected"),
        ({"threshold": float("-inf")}, "threshold"),
        ({"event_ids": tuple(map(str, range(MAX_EVENT_IDS + 1)))}, "event_ids"),
        ({"event_count": 1}, "event_count"),
        ({"event_ids": (), "event_count": -1}, "event_count"),
        ({"peer_sample_size": -1}, "peer_sample_size"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_named(make_finding, fields, said):
    with pytest.raises(ContractError, match=f"bulk_export.*{said}"):
        make_finding(**fields)


def test_values_at_the_bounds_are_accepted(make_finding):
    ids = tuple(map(str, range(MAX_EVENT_IDS)))
    finding = make_finding(event_ids=ids, event_count=MAX_EVENT_IDS, p_value=0.0, sample_size=0)
    assert finding.event_ids == ids
    assert make_finding(p_value=1.0).p_value == 1.0


def test_bounds_hold_for_what_is_decoded_too(make_finding):
    line = msgspec.json.encode(make_finding()).replace(b'"p_value":0.000025', b'"p_value":7.0')
    with pytest.raises(msgspec.ValidationError, match="p_value"):
        msgspec.json.decode(line, type=Finding)
