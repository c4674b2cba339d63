"""Who is told what, and once."""

from datetime import UTC

import numpy as np
import pytest

from detector.engine import Engine
from detector.features import Feature, Peak
from detector.measures import Share, Size
from detector.telling import contributing
from tests.detector.office import HONEY, WARM_UP_DAYS, admit, at, engine, event, past, working_days


def honey(watch: Engine, day: int, *hours: float, actor: str = "E01") -> list[float]:
    told = watch.process(admit([event(actor, at(day, hour), HONEY) for hour in hours]))
    return [one.findings[0].observed for one in told]


def opened(watch: Engine, actor: str, day: int) -> bool:
    row = watch.people.find(actor)
    assert row is not None
    accounting_day = watch.newest + day
    return bool(watch.teller.open_many(np.array([row]), accounting_day)[0])


def test_every_touch_of_a_planted_record_is_told_with_its_number_of_the_day() -> None:
    assert honey(engine(), 0, 9.0, 10.0, 11.0) == [1, 2, 3]


def test_what_is_told_within_an_episode_is_one_alert_of_the_budget() -> None:
    watch = engine(risk={"episode_days": 3})
    honey(watch, 0, 9.0, 10.0)
    honey(watch, 1, 9.0)
    assert watch.budget.told == 1
    honey(watch, 4, 9.0)
    assert watch.budget.told == 2


def test_a_finding_says_what_its_actor_touched_on_that_day_up_to_then() -> None:
    events = [
        event("E01", at(0, 9.0), "C-1", "C-2", level="C2"),
        event("E01", at(0, 9.1), "C-3", level="C5", outcome="denied"),
        event("E01", at(0, 9.2), "C-1", level="C3", action="export", count=40),
        event("E02", at(0, 9.3), "C-4", level="C4"),
        event("E01", at(0, 10.0), HONEY, level="C9"),
        event("E01", at(0, 11.0), "C-5", level="C4"),
    ]
    ((finding,),) = (one.findings for one in engine().process(admit(events)))
    assert (finding.customers, finding.records, finding.exported, finding.data_class) == (4, 43, 40, "C3")


def test_of_one_for_whom_there_was_no_room_nothing_is_known() -> None:
    watch = engine(profiles={"max_actors": 16})
    crowd = [event(f"E{number:02}", at(0, 9.0) + number, f"C-{number}") for number in range(20)]
    (one,) = watch.process(admit([*crowd, event("E99", at(0, 10.0), HONEY, level="C2")]))
    assert (one.actor, one.findings[0].customers, one.findings[0].data_class) == ("E99", None, None)


def test_an_episode_stays_open_for_its_days() -> None:
    watch = engine(risk={"episode_days": 3})
    honey(watch, 0, 9.0)
    assert [opened(watch, "E01", day) for day in (0, 2, 5)] == [True, True, False]


def test_a_forgotten_row_has_no_episode() -> None:
    watch = engine()
    honey(watch, 0, 9.0)
    row = watch.people.find("E01")
    assert row is not None
    watch.teller.clear(np.array([row]))
    assert not opened(watch, "E01", 0)


def test_told_things_are_in_the_order_of_the_log_and_in_utc() -> None:
    days = working_days(0, WARM_UP_DAYS + 3)
    thefts = [
        event(actor, at(days[-1], hour), f"C-{hour}", action="export", count=2_000)
        for hour in (10.0, 11.0, 12.0, 13.0)
        for actor in ("E05", "E06")
    ]
    log = [*past(WARM_UP_DAYS + 2), *thefts, event("E07", at(days[-1], 11.5), HONEY)]
    told = engine().process(admit(sorted(log, key=lambda one: (one.time, one.event_id))))
    assert {one.actor for one in told} >= {"E05", "E07"}
    assert [one.time for one in told] == sorted(one.time for one in told)
    for one in told:
        assert one.time.tzinfo is UTC
        assert 0 < one.risk <= 100
        assert one.findings
        assert all(0 <= finding.p_value <= 1 and finding.event_count > 0 for finding in one.findings)
        assert len({finding.detection for finding in one.findings}) == len(one.findings)


@pytest.mark.parametrize("peak", list(Peak))
def test_every_window_names_the_feature_that_fills_it(peak: Peak) -> None:
    assert isinstance(contributing(Size("x", peak, "x")), Feature)


def test_a_share_is_shown_by_what_it_is_a_share_of_acts() -> None:
    assert contributing(Share("x", Feature.EXPORTS, Feature.EVENTS, "%")) is Feature.EXPORTS
