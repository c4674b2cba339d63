"""The portrait of an actor: own normal beside the peers', under either name."""

import pytest

from detector.detections import DETECTIONS
from detector.errors import NotFoundError
from detector.portrait import portrait_of
from detector.readiness import readiness
from detector.shard import Shard
from streams import Position, Record
from tests.detector.small import SmallLog
from tests.detector.test_shard import shard


def learned(log: SmallLog, **sections: object) -> Shard:
    one = shard(log, [], **sections)
    lines = log.events.read_bytes().splitlines()[:6_000]
    one.process([Record(line, Position("log", place)) for place, line in enumerate(lines)])
    one.conclude(None)
    return one


def test_an_actor_is_found_by_id_and_by_pseudonym_and_shares_of_hours_add_up_to_one(small_log: SmallLog) -> None:
    one = learned(small_log)
    actor = one.engine.people.ids[1]
    by_id, by_name = portrait_of([one], actor), portrait_of([one], one.pseudonym(actor))
    assert by_id.pseudonym == by_name.pseudonym == one.pseudonym(actor)
    assert by_id.measures == by_name.measures
    assert by_id.hours.sum() == pytest.approx(1.0)
    assert by_id.active_days > 0
    assert any(measure.own is not None and measure.own > 0 for measure in by_id.measures)


def test_somebody_unknown_is_an_error_that_names_them(small_log: SmallLog) -> None:
    with pytest.raises(NotFoundError, match="nobody: nobody in this state"):
        portrait_of([learned(small_log)], "nobody")


def test_a_disabled_detection_has_no_measures_and_the_others_keep_theirs(small_log: SmallLog) -> None:
    whole, less = learned(small_log), learned(small_log, detections={"disabled": ["bulk_export"]})
    actor = whole.engine.people.ids[1]
    all_, rest = portrait_of([whole], actor).measures, portrait_of([less], actor).measures
    assert [(m.detection, m.unit) for m in rest] == [
        (m.detection, m.unit) for m in all_ if m.detection != "bulk_export"
    ]
    why = {item.detection: item.why for item in readiness(less.engine)}
    assert why.keys() == DETECTIONS.keys()
    assert "detections.disabled" in why["bulk_export"]
    assert why["honey_record"] == ""
