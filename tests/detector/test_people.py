"""Rows of actors."""

from datetime import date, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.people import CROWD, MAX_GROUPS, STRANGERS_GROUP, People
from detector.roster import Person
from detector.state import packed_values, unpacked_values
from tests.detector.office import at, event


def row(people: People, actor: str, **facts: str) -> int:
    return people.rows_of([event(actor, at(0, 9.0), **facts)])[0]


def none(people: People) -> np.ndarray:
    return np.zeros(len(people), np.bool_)


def test_an_actor_keeps_the_row_once_given() -> None:
    people = People({}, 20)
    rows = [row(people, actor) for actor in ("A", "B", "A")]
    assert rows[0] == rows[2]
    assert len({CROWD, *rows}) == 3
    assert people.find("B") == rows[1]
    assert people.find("C") is None


def test_a_peer_group_is_the_rosters_role_else_the_events_else_the_department() -> None:
    people = People({"A": Person("A", role="adjuster"), "B": Person("B")}, 20)
    rows = [row(people, actor, role="clerk") for actor in ("A", "B")]
    rows.append(people.rows_of([event("C", at(0, 9.0), role=None)])[0])
    assert [people.group_names[people.groups[one]] for one in rows] == ["adjuster", "clerk", STRANGERS_GROUP]


def test_invented_roles_do_not_make_peer_groups_without_end() -> None:
    people = People({}, 2_000)
    rows = [row(people, f"A{n}", role=f"role {n}") for n in range(MAX_GROUPS + 50)]
    assert len(people.group_names) == MAX_GROUPS
    assert people.groups[rows[-1]] == 0


def test_who_finds_no_row_joins_the_crowd_and_is_counted() -> None:
    people = People({}, 16)
    rows = [row(people, f"A{n}") for n in range(20)]
    assert rows[-5:] == [CROWD] * 5
    assert people.crowded == 5
    assert len(people) == 16


def test_the_rarest_strangers_make_room_and_neither_the_busy_nor_the_roster() -> None:
    people = People({"E": Person("E")}, 32)
    rows = {actor: row(people, actor) for actor in ["E", *(f"A{n}" for n in range(30))]}
    people.active_days[[rows["A0"], rows["A1"]]] = 9
    keep = none(people)
    keep[rows["A5"]] = True
    gone = people.evict(keep)
    assert len(gone) > 0
    assert not {rows[actor] for actor in ("E", "A0", "A1", "A5")} & set(gone.tolist())
    assert people.find("A2") is None
    assert row(people, "NEW") in gone


def test_nobody_is_evicted_while_there_is_room() -> None:
    people = People({}, 40)
    for n in range(20):
        row(people, f"A{n}")
    assert people.evict(none(people)).size == 0


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(0, 40), st.none()), max_size=120))
def test_every_actor_with_a_row_has_it_alone_after_any_history(steps: list[int | None]) -> None:
    people = People({"A1": Person("A1")}, 20)
    for step in steps:
        if step is None:
            people.evict(none(people))
        else:
            row(people, f"A{step}")
        known = [actor for actor in people.ids if actor]
        assert len(set(known)) == len(known) < 20
        assert all(people.ids[people.find(actor) or 0] == actor for actor in known)
    twin = People({"A1": Person("A1")}, 20)
    state = people.snapshot()
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    twin.restore(arrays | unpacked_values(packed_values({k: v for k, v in state.items() if k not in arrays})))
    assert [row(twin, f"A{n}") for n in range(45)] == [row(people, f"A{n}") for n in range(45)]
    assert twin.ids == people.ids


def test_a_person_in_another_zone_is_named_by_index() -> None:
    people = People({"L": Person("L", zone=ZoneInfo("Europe/London"))}, 20)
    rows = np.array([row(people, actor) for actor in ("A", "L", "A", "L")])
    assert people.zones(rows) == {1: ZoneInfo("Europe/London"), 3: ZoneInfo("Europe/London")}
    assert People({}, 20).zones(np.array([CROWD])) == {}


WORKING, FREE = 0, 24
FRIDAY = (date(2026, 3, 6) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("actor", "bin_", "outside"),
    [
        ("A", WORKING + 9, False),
        ("A", WORKING + 22, True),
        ("A", FREE + 9, True),
        ("NIGHT", WORKING + 23, False),
        ("NIGHT", FREE + 23, False),
        ("NIGHT", WORKING + 12, True),
        ("AWAY", WORKING + 9, True),
        ("BACK", WORKING + 9, False),
    ],
)
def test_hours_are_those_of_the_shift_if_known_and_nobody_has_any_on_leave(
    actor: str, bin_: int, outside: bool
) -> None:
    roster = {
        "NIGHT": Person("NIGHT", shift=(time(22), time(6))),
        "AWAY": Person("AWAY", leave=((date(2026, 3, 2), date(2026, 3, 6)),)),
        "BACK": Person("BACK", leave=((date(2026, 3, 2), date(2026, 3, 5)),)),
    }
    for known in (roster, {}) if actor == "A" else (roster,):
        people = People(known, 20)
        rows = np.array([row(people, actor)])
        assert people.off_hours(rows, np.array([bin_]), np.array([FRIDAY])).tolist() == [outside]


def test_a_service_account_is_known_as_one() -> None:
    people = People({}, 20)
    rows = [row(people, "BATCH", type="service"), row(people, "A")]
    assert people.services[rows].tolist() == [True, False]


def group(people: People, actor: str) -> str:
    return people.group_names[people.groups[people.find(actor) or 0]]


def test_with_another_roster_people_join_the_peers_of_their_role_and_keep_their_rows() -> None:
    people = People({"A": Person("A", role="clerk"), "B": Person("B", role="clerk")}, 20)
    rows = [row(people, actor) for actor in ("A", "B")]
    people.active_days[rows[0]] = 7
    london = ZoneInfo("Europe/London")
    people.adopt({"A": Person("A", role="adjuster", zone=london, shift=(time(22), time(6))), "B": Person("B", "clerk")})
    assert [row(people, actor) for actor in ("A", "B")] == rows
    assert [group(people, actor) for actor in ("A", "B")] == ["adjuster", "clerk"]
    assert people.active_days[rows[0]] == 7
    assert people.zones(np.array(rows)) == {0: london}
    assert people.off_hours(np.array(rows[:1]), np.array([23]), np.array([FRIDAY])).tolist() == [False]
    assert people.persons[rows[0]] == Person("A", role="adjuster", zone=london, shift=(time(22), time(6)))


def test_without_a_role_in_the_new_roster_or_without_a_line_people_keep_their_peers() -> None:
    people = People({"A": Person("A", role="clerk"), "B": Person("B", role="clerk", shift=(time(22), time(6)))}, 20)
    rows = [row(people, actor, role="auditor") for actor in ("A", "B", "C")]
    people.adopt({"A": Person("A"), "C": Person("C", role="clerk")})
    assert [group(people, actor) for actor in ("A", "B", "C")] == ["clerk", "clerk", "clerk"]
    assert people.persons[rows[1]] is None
    assert people.off_hours(np.array(rows[1:2]), np.array([23]), np.array([FRIDAY])).tolist() == [True]


def test_who_leaves_the_roster_is_a_stranger_and_who_joins_it_is_none() -> None:
    everyone = {f"E{n}": Person(f"E{n}", role="clerk") for n in range(12)}
    people = People(everyone, 14)
    for actor in everyone:
        row(people, actor)
    people.adopt({"E0": Person("E0", role="clerk")})
    row(people, "NEW")
    gone = people.evict(none(people))
    assert len(gone) > 0
    assert people.find("E0") not in gone.tolist()
    people.adopt(everyone)
    staff = {people.find(actor) for actor in everyone} - {None}
    assert not staff & set(people.evict(none(people)).tolist())


def test_a_roster_that_fills_all_rows_takes_them_from_strangers_at_the_next_eviction() -> None:
    people = People({}, 16)
    for n in range(15):
        row(people, f"A{n}")
    people.adopt({f"E{n}": Person(f"E{n}") for n in range(15)})
    assert row(people, "E0") == CROWD
    assert len(people.evict(none(people))) == 15
    rows = [row(people, f"E{n}") for n in range(15)]
    assert CROWD not in rows
    assert len(people) == 16


def test_adopting_again_or_after_a_restore_changes_nothing_more() -> None:
    first = {"A": Person("A", role="clerk"), "B": Person("B", role="clerk")}
    second = {"A": Person("A", role="lawyer"), "C": Person("C", role="adjuster")}
    people = People(first, 20)
    for actor in ("A", "B", "C"):
        row(people, actor)
    twin = People(first, 20)
    state = people.snapshot()
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    twin.restore(arrays | unpacked_values(packed_values({k: v for k, v in state.items() if k not in arrays})))
    for one in (people, twin, twin):
        one.adopt(second)
    assert people.group_names == twin.group_names == [STRANGERS_GROUP, "clerk", "lawyer", "adjuster"]
    assert people.groups[: len(people)].tolist() == twin.groups[: len(twin)].tolist()


def refined(actor: str) -> str:
    return {"E1": "claims #2", "E2": "sales #2"}.get(actor, "")


def test_who_does_other_work_than_the_role_says_has_peers_of_that_and_the_new_group_is_told() -> None:
    people = People({}, 16)
    for actor in ("E1", "E2", "E3"):
        row(people, actor, role="claims")
    claims = people.groups_of(["claims"])[0]
    assert people.refine(refined) == {people.groups_of(["claims #2"])[0]: claims}
    assert [group(people, actor) for actor in ("E1", "E2", "E3")] == [
        "claims #2",
        "claims",
        "claims",
    ]  # E2 is not in sales
    assert people.refine(refined) == {}


def test_refined_peers_go_with_the_role_of_another_roster_and_end_with_the_bundle() -> None:
    people = People({}, 16)
    people.refine(refined)
    row(people, "E1", role="claims")
    assert group(people, "E1") == "claims #2"
    people.adopt({"E1": Person(id="E1", role="sales")})
    assert group(people, "E1") == "sales"
    people.adopt({"E1": Person(id="E1", role="claims")})
    assert group(people, "E1") == "claims #2"
    people.refine(lambda _: "")
    assert group(people, "E1") == "claims"
