"""Events become columns."""

from typing import Any

import msgspec
import numpy as np
import pytest

from detector.columns import Columns, Gather
from detector.config import DataConfig
from detector.features import N_FEATURES, N_KINDS, UNEXPLAINED_FROM, Feature, Kind
from streams import Admitted
from tests.detector.office import TOKENS, admit, at, event


def columns(*admitted: Admitted) -> Columns:
    return Gather(lambda them: [int(one.actor.id[1:]) for one in them], DataConfig()).columns(admitted)


def adds(*customers: str, **facts: Any) -> dict[Feature, float]:
    """What one event adds."""
    amounts = columns(*admit([event("E1", at(0, 9.0), *customers, **facts)])).amounts[0]
    return {feature: float(amounts[feature]) for feature in Feature if amounts[feature]}


def test_a_batch_keeps_its_order_and_shapes() -> None:
    batch = columns(*admit([event("E2", at(0, 9.0), "C-1", "C-2"), event("E1", at(0, 8.0))], 5))
    assert len(batch) == 2
    assert batch.rows.tolist() == [2, 1]
    assert batch.times.tolist() == [at(0, 9.0), at(0, 8.0)]
    assert batch.amounts.shape == (2, N_FEATURES)
    assert batch.values.shape == (2, N_KINDS)
    assert batch.subject_events.tolist() == [0, 0]
    assert batch.subjects.tolist() == [int(TOKENS.token("subject", customer), 16) for customer in ("C-1", "C-2")]
    assert batch.serials.tolist() == [[TOKENS.serial("C-1"), TOKENS.serial("C-2")], [-1, -1]]
    assert [str(position) for position in batch.positions] == ["log@5", "log@6"]


def test_an_empty_batch_has_empty_columns() -> None:
    batch = columns()
    assert len(batch) == 0
    assert batch.amounts.shape == (0, N_FEATURES)
    assert batch.values.shape == (0, N_KINDS)


@pytest.mark.parametrize("action", ["export", "download", "print", "send", "share", "copy"])
def test_records_are_taken_out_by_acts_that_carry_them_out_of_the_system(action: str) -> None:
    got = adds("C-1", count=30, action=action)
    assert got[Feature.EXPORTED] == got[Feature.UNEXPLAINED_EXPORTED] == 30
    assert got[Feature.EXPORTS] == 1
    assert Feature.EXPORTED not in adds("C-1", count=30, action="read")


def test_what_did_not_succeed_disclosed_nothing() -> None:
    got = adds("C-1", count=30, action="export", outcome="denied", masked=False)
    assert got[Feature.REFUSED] == 1
    assert not {Feature.EXPORTED, Feature.RECORDS, Feature.DISCLOSED, Feature.UNMASKED} & set(got)


def test_subjects_are_counted_where_no_count_is_given() -> None:
    assert adds("C-1", "C-2")[Feature.RECORDS] == 2
    assert adds("C-1", "C-2", count=50)[Feature.RECORDS] == 50


def test_a_stated_purpose_leaves_only_what_does_not_ask_for_one() -> None:
    facts: dict[str, Any] = {"count": 30, "action": "export", "masked": False, "level": "C3", "channel": "api"}
    without, explained = adds("C-1", **facts), adds("C-1", purpose="claim:1", **facts)
    assert any(feature >= UNEXPLAINED_FROM for feature in without)
    assert explained == {feature: value for feature, value in without.items() if feature < UNEXPLAINED_FROM}


@pytest.mark.parametrize(
    ("facts", "feature"),
    [
        ({"action": "update"}, Feature.CHANGES),
        ({"action": "search"}, Feature.SEARCHES),
        ({"outcome": "failure"}, Feature.REFUSED),
        ({"channel": "sql"}, Feature.DIRECT),
        ({"level": "C4"}, Feature.SENSITIVE),
        ({"masked": False}, Feature.UNMASKED),
        ({"action": "export", "channel": "usb"}, Feature.REMOVALS),
        ({"action": "print"}, Feature.REMOVALS),
        ({"count": 1, "kilobytes": 7}, Feature.KILOBYTES),
    ],
)
def test_a_fact_adds_to_its_feature_and_its_absence_does_not(facts: dict[str, Any], feature: Feature) -> None:
    assert adds("C-1", **facts)[feature] == facts.get("kilobytes", 1)
    assert feature not in adds("C-1", masked=True, level="C1")


def test_one_event_cannot_break_the_sums() -> None:
    assert max(adds("C-1", count=2**62, kilobytes=2**50, action="export").values()) <= 2**24


def test_a_place_is_the_same_everywhere_and_differs_from_its_like() -> None:
    gather = [Gather(lambda events: [1] * len(events), DataConfig()) for _ in range(2)]
    one = event("E1", at(0, 9.0), ip="10.0.0.1", agent="x/1")
    other = event("E1", at(0, 9.0), ip="10.0.0.2", agent="x/1", host="x/1")
    first, again = (each.columns(admit([one])).values for each in gather)
    assert np.array_equal(first, again)
    values = gather[0].columns(admit([one, other])).values
    assert values[0, Kind.ADDRESS] != values[1, Kind.ADDRESS]
    assert values[0, Kind.AGENT] == values[1, Kind.AGENT]
    assert values[1, Kind.HOST] != values[1, Kind.AGENT]  # the same text as another kind of place


def test_where_nothing_is_said_there_is_no_place() -> None:
    values = columns(*admit([event("E1", at(0, 9.0), channel=None, host=None, resource=None)])).values[0]
    assert np.flatnonzero(values).tolist() == [Kind.ACTION]


def test_an_event_without_a_source_has_no_places_of_it() -> None:
    bare = msgspec.structs.replace(event("E1", at(0, 9.0)), src=None)
    assert np.flatnonzero(columns(*admit([bare])).values[0]).tolist() == [Kind.ACTION, Kind.RESOURCE]
