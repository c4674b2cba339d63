"""A roster, planted records or a calendar that change in the middle of a log."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.calendar import Calendar
from detector.columns import CROWD
from detector.context import Context
from detector.drift import Fact
from detector.engine import Engine
from detector.roster import Person
from detector.telling import Told
from streams import AccessEvent, Admitted
from tests.detector.office import HONEY, PEOPLE, TOKENS, admit, at, engine, event, names, past, saved, working_days
from tests.detector.test_engine import bare, same

CLERKS, LAWYERS = PEOPLE[:20], PEOPLE[20:]
MOVER = CLERKS[3]
DAYS = 12


def context(planted: Sequence[str] = (HONEY,), off: Sequence[date] = (), **roles: str) -> Context:
    """Clerks read some twenty customers a day, lawyers the same; ``roles`` differ."""
    known = dict.fromkeys(CLERKS, "clerk") | dict.fromkeys(LAWYERS, "lawyer") | roles
    roster = {actor: Person(actor, role=role) for actor, role in known.items() if role}
    honey = np.unique(np.array([int(TOKENS.token("subject", customer), 16) for customer in planted], np.uint64))
    return Context(roster, honey, Calendar("Asia/Shanghai", "CN", dict.fromkeys(off, False)))


FIRST, MOVED = context(), context(**{MOVER: "lawyer"})


@pytest.fixture(scope="module")
def story() -> list[Admitted]:
    return admit(past(DAYS, seed=4))


def watch(first: Context = FIRST) -> Engine:
    one = engine()
    one.adopt(first, {})
    return one


def group_of(one: Engine, actor: str) -> str:
    return one.people.group_names[one.people.groups[one.people.find(actor) or 0]]


def normals(one: Engine, row: int, group: str) -> list[object]:
    index = one.people.group_names.index(group)
    return [one.baselines.normal(number, row, index) for number in range(len(one.baselines.measures))]


def test_who_moves_is_a_peer_of_the_new_role_from_the_next_event_on_and_keeps_the_own_past(
    story: list[Admitted],
) -> None:
    one = watch()
    half = len(story) // 2
    one.process(story[:half])
    row = one.people.find(MOVER) or 0
    before = {group: normals(one, CROWD, group) for group in ("clerk", "lawyer")}
    own = [normal.expected for normal in normals(one, row, "clerk")]  # type: ignore[attr-defined]
    one.adopt(MOVED, {})
    assert group_of(one, MOVER) == "lawyer"
    assert group_of(one, CLERKS[4]) == "clerk"
    assert one.people.find(MOVER) == row
    # What either group has learned stays where it is until a day is learned.
    assert {group: normals(one, CROWD, group) for group in ("clerk", "lawyer")} == before
    after = [normal.expected for normal in normals(one, row, "clerk")]  # type: ignore[attr-defined]
    assert after == own
    one.process(story[half:])
    assert int(one.people.active_days[row]) == int(one.people.active_days[one.people.find(CLERKS[4]) or 0])


def test_who_does_not_move_is_judged_as_before_until_days_are_learned(story: list[Admitted]) -> None:
    last = story[-1].time
    loot = admit(
        [event(CLERKS[7], last + 60.0 * n, f"X-{n}", action="export", count=900) for n in range(5)], len(story)
    )
    told = []
    for change in (False, True):
        one = watch()
        one.process(story)
        if change:
            one.adopt(MOVED, {})
        findings = [finding for item in one.process(loot) for finding in item.findings]
        told.append([(one.detection, one.p_value, one.expected, one.peer_expected) for one in findings])
        peers = {finding.peer_sample_size for finding in findings}
        assert peers == {18 if change else 19}
    assert told[0] == told[1]
    assert told[0]


def test_planted_records_count_from_the_next_event_on_and_not_before() -> None:
    one = watch(context(planted=()))
    morning = [event(CLERKS[n], at(0, 9.0 + n / 10), f"C-{n}") for n in range(3)]
    assert one.process(admit([*morning, event(CLERKS[0], at(0, 10.0), "H-9")])) == []
    one.adopt(context(planted=("H-9",)), {})
    later = admit([event(CLERKS[1], at(0, 11.0), "H-9")], 4)
    assert names(one.process(later), CLERKS[1]) == {"honey_record"}
    one.adopt(context(planted=()), {})
    assert one.process(admit([event(CLERKS[2], at(0, 12.0), "H-9")], 5)) == []


def test_a_day_off_is_one_from_the_next_event_on() -> None:
    one = watch()
    bins = [one.context.calendar.bins(np.array([at(0, 10.0)]))]
    one.adopt(context(off=[date(2026, 3, 2)]), {})
    bins.append(one.context.calendar.bins(np.array([at(0, 10.0)])))
    assert np.concatenate(bins).tolist() == [10, 34]


def test_who_leaves_the_roster_and_comes_back_has_the_same_row_and_peers(story: list[Admitted]) -> None:
    one = watch()
    one.process(story[:3_000])
    row = one.people.find(MOVER)
    one.adopt(context(**{MOVER: ""}), {})
    one.process(story[3_000:4_000])
    assert (one.people.find(MOVER), group_of(one, MOVER)) == (row, "clerk")
    one.adopt(FIRST, {})
    one.process(story[4_000:])
    assert (one.people.find(MOVER), group_of(one, MOVER)) == (row, "clerk")


def run(story: list[Admitted], cuts: Sequence[int], change: int, restore: bool) -> tuple[list[Told], dict[str, object]]:
    one, told = watch(), list[Told]()
    new = context(planted=(HONEY, "H-2"), **{MOVER: "lawyer", CLERKS[5]: "", "NEW": "broker", "E31": "broker"})
    for start, stop in zip([0, *cuts], [*cuts, len(story)], strict=True):
        if start == change:
            if restore:  # as a shard that was saved under one context and opened under another
                state, one = saved(one.snapshot()), watch()
                one.restore(state)
            one.adopt(new, {})
        told += bare(one.process(story[start:stop]))
    one.finish()
    return told, one.snapshot()


@pytest.fixture(scope="module")
def busy(story: list[Admitted]) -> tuple[list[Admitted], int]:
    """A story with a thief, a new hire and planted records, and where the context changes: in the middle of a day."""
    days = working_days(0, DAYS)
    events: list[AccessEvent] = [item.event for item in story]
    for day in days[-3:]:
        events += [event(MOVER, at(day, 11.0 + n), f"Y-{day}-{n}", action="export", count=700) for n in range(4)]
        events += [event("NEW", at(day, 10.0 + n / 4), f"C-{day}{n}", count=1) for n in range(9)]
    events += [event("E31", at(days[-1], 12.5), "H-2"), event("E07", at(days[-4], 12.5), "H-2")]
    events.sort(key=lambda one: (one.time, one.event_id))
    return admit(events), sum(one.time.timestamp() < at(days[-2], 13.0) for one in events)


@pytest.fixture(scope="module")
def whole(busy: tuple[list[Admitted], int]) -> tuple[list[Told], dict[str, object]]:
    return run(busy[0], [busy[1]], busy[1], restore=False)


def test_the_story_has_something_that_the_change_decides(
    busy: tuple[list[Admitted], int], whole: tuple[list[Told], dict[str, object]]
) -> None:
    story, _ = busy
    other, _ = run(story, [], -1, restore=False)
    assert names(whole[0], "E31") == {"honey_record"}
    assert not names(other, "E31") | names(whole[0], "E07")
    assert names(whole[0], MOVER)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), restore=st.booleans())
def test_however_the_log_is_cut_around_a_change_the_outcome_is_the_same(
    busy: tuple[list[Admitted], int], whole: tuple[list[Told], dict[str, object]], seed: int, restore: bool
) -> None:
    story, change = busy
    rng = np.random.default_rng(seed)
    cuts = sorted({change, *rng.integers(1, len(story), rng.integers(1, 20)).tolist()})
    told, state = run(story, cuts, change, restore)
    assert told == whole[0]
    assert same(state, whole[1])


def test_roles_that_change_for_ever_make_no_groups_without_end() -> None:
    one = watch()
    one.process(admit([event(actor, at(0, 9.0 + n / 100), "C-1") for n, actor in enumerate(PEOPLE)]))
    rows = len(one.people)
    for n in range(400):
        one.adopt(context(**{MOVER: f"role {n}"}), {})
    assert one.people.n_groups <= 256
    assert len(one.people) == rows


def test_who_is_given_to_other_peers_is_counted_with_the_drift_once_the_warm_up_is_over(story: list[Admitted]) -> None:
    one = watch()
    one.adopt(MOVED, {})  # of those who move before there is anything to compare nothing is counted
    half = len(story) * 3 // 4
    one.process(story[:half])
    assert one.ready
    one.adopt(FIRST, {})
    one.process(story[half:])
    one.finish()
    facts = one.drift.recent.facts + one.drift.reference.facts
    assert facts[Fact.MOVED] == 1
