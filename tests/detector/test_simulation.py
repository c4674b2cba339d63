"""The simulated insurer: its files, its honesty, its stories."""

import collections
import csv
import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.simulation import Manifest, SimulationConfig, SimulationError, simulate
from detector.simulation.calendar import work_calendar
from detector.simulation.roles import ROLES
from detector.simulation.scene import Scene
from detector.simulation.stories import INSIDERS, cast_actor, first_day, plan_insiders
from detector.simulation.twins import TWINS, TWINS_DRAWN, plan_twins
from detector.simulation.world import World, build_world

CONFIG = SimulationConfig(staff=45, days=36, seed=5)
ACTIONS = {
    "login", "logout", "search", "read", "query", "update", "create", "delete", "export", "download", "print",
    "share", "send", "copy", "archive", "rename", "unmask", "grant", "other",
}  # fmt: skip
CHANNELS = {"ui", "api", "sql", "file", "usb", "print", "email", "web"}


class Insurer(NamedTuple):
    """One simulated insurer, read back."""

    folder: Path
    manifest: Manifest
    events: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    roster: dict[str, dict[str, str]]
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Insurer:
    folder, progress = tmp_path_factory.mktemp("insurer"), []
    manifest = simulate(CONFIG, folder, lambda done, total: progress.append((done, total)))
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]
    with (folder / "roster.csv").open(newline="") as file:
        roster = {row["id"]: row for row in csv.DictReader(file)}
    return Insurer(folder, manifest, events, labels, roster, progress)


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def _world(seed: int = 3) -> World:
    return build_world(SimulationConfig(staff=60, days=40, seed=seed), np.random.default_rng(seed))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _insiders(insurer: Insurer) -> list[dict[str, Any]]:
    return [label for label in insurer.labels if label["kind"] == "insider"]


def test_the_same_seed_gives_the_same_bytes(insurer: Insurer, tmp_path: Path) -> None:
    simulate(CONFIG, tmp_path)
    assert _digests(tmp_path) == _digests(insurer.folder)


def test_another_seed_gives_another_insurer(tmp_path: Path) -> None:
    for seed in (1, 2):
        simulate(SimulationConfig(staff=40, days=28, seed=seed), tmp_path / str(seed))
    one, two = _digests(tmp_path / "1"), _digests(tmp_path / "2")
    assert all(one[name] != two[name] for name in one)


def test_the_files_are_those_that_were_promised(insurer: Insurer) -> None:
    names = "assignments.jsonl events.jsonl honey.txt labels.jsonl manifest.json roster.csv vips.txt"
    assert list(_digests(insurer.folder)) == names.split()
    assert json.loads((insurer.folder / "manifest.json").read_text())["events"] == len(insurer.events)
    assert insurer.progress == [(day + 1, CONFIG.days) for day in range(CONFIG.days)]


def test_every_event_keeps_the_input_contract(insurer: Insurer) -> None:
    for event in insurer.events:
        assert event["action"] in ACTIONS
        assert event["outcome"] in {"success", "denied", "failure"}
        assert event["src"]["channel"] in CHANNELS
        assert event["time"].endswith("+08:00")
        assert event["actor"]["id"]
        assert event["resource"]["system"]
        assert event.get("records", {"count": 0})["count"] >= 0


def test_event_ids_are_unique(insurer: Insurer) -> None:
    assert len({event["event_id"] for event in insurer.events}) == len(insurer.events) == insurer.manifest.events


def test_events_arrive_in_order_but_for_a_little_jitter_and_a_few_late_ones(insurer: Insurer) -> None:
    latest, behind = 0.0, []
    for event in insurer.events:
        time_s = _moment(event["time"]).timestamp()
        latest = max(latest, time_s)
        behind.append(latest - time_s)
    lag = np.array(behind)
    assert 0 < (lag > 0).mean() < 0.5
    assert 0 < (lag > 60.0).mean() < 0.002


def test_nothing_that_was_refused_disclosed_records(insurer: Insurer) -> None:
    refused = [event for event in insurer.events if event["outcome"] != "success" and "records" in event]
    assert refused
    assert all(event["records"]["count"] == 0 for event in refused)


def test_every_actor_is_in_the_roster_and_works_only_while_employed(insurer: Insurer) -> None:
    for event in insurer.events:
        row = insurer.roster[event["actor"]["id"]]
        day = _moment(event["time"]).date()
        assert row["hired"] <= day.isoformat()
        # a night shift of the last day ends on the next morning
        assert not row["leaves"] or day <= date.fromisoformat(row["leaves"]) + timedelta(days=1)


def test_an_employee_makes_about_65_events_on_a_working_day(insurer: Insurer) -> None:
    days: collections.Counter[tuple[str, str]] = collections.Counter()
    for event in insurer.events:
        if event["actor"]["type"] == "employee":
            days[event["actor"]["id"], event["time"][:10]] += 1
    counts = np.array(list(days.values()))
    assert 45 < counts.mean() < 90
    assert counts.std() > 0.4 * counts.mean()


def test_a_public_holiday_is_quiet_where_offices_close(insurer: Insurer) -> None:
    office = collections.Counter(
        event["time"][:10]
        for event in insurer.events
        if event["actor"]["type"] == "employee" and event["actor"]["role"] != "call_centre_agent"
    )
    assert office["2026-04-06"] < 0.4 * office["2026-03-30"]


def test_every_story_is_told_once_by_an_actor_of_its_own(insurer: Insurer) -> None:
    assert sorted(label["story"] for label in _insiders(insurer)) == sorted(INSIDERS)
    twins = [label["story"] for label in insurer.labels if label["kind"] == "twin"]
    assert len(set(twins)) == len(twins) == TWINS_DRAWN
    assert set(twins) <= set(TWINS)
    assert len({label["actor"] for label in insurer.labels}) == len(insurer.labels)


def test_no_insider_begins_in_the_warm_up_or_takes_longer_than_the_period(insurer: Insurer) -> None:
    warm = CONFIG.first_day + timedelta(days=CONFIG.warm_up_days)
    for label in _insiders(insurer):
        assert _moment(label["start"]).date() >= warm, label["story"]
        assert timedelta(0) < _moment(label["end"]) - _moment(label["start"]) < timedelta(days=30)
        assert label["expects"]


def test_labelled_events_belong_to_the_actor_and_the_time_of_the_story(insurer: Insurer) -> None:
    by_id = {event["event_id"]: event for event in insurer.events}
    for label in insurer.labels:
        assert 1 <= len(label["event_ids"]) <= 200, label["story"]
        for event_id in label["event_ids"]:
            event = by_id[event_id]
            assert event["actor"]["id"] == label["actor"]
            assert _moment(label["start"]) <= _moment(event["time"]) <= _moment(label["end"])


def test_no_key_system_action_or_channel_belongs_to_insiders_alone(insurer: Insurer) -> None:
    stolen = {event_id for label in _insiders(insurer) for event_id in label["event_ids"]}
    actors = {label["actor"] for label in _insiders(insurer)}

    def marks(event: dict[str, Any]) -> set[str]:
        return {
            *event,
            event["action"],
            event["src"]["channel"],
            event["resource"]["type"],
            event["resource"]["system"],
        }

    theirs = {mark for event in insurer.events if event["event_id"] in stolen for mark in marks(event)}
    ordinary = {mark for event in insurer.events if event["actor"]["id"] not in actors for mark in marks(event)}
    assert theirs
    assert theirs <= ordinary


def test_every_session_of_an_insider_has_a_login_like_any_other(insurer: Insurer) -> None:
    stolen = {event_id for label in _insiders(insurer) for event_id in label["event_ids"]}
    sessions = {event["session"]["id"] for event in insurer.events if event["event_id"] in stolen}
    opened = {event["session"]["id"] for event in insurer.events if event["action"] == "login"}
    assert sessions
    assert sessions <= opened


def test_the_leaver_leaves_right_after_the_story(insurer: Insurer) -> None:
    label = next(label for label in insurer.labels if label["story"] == "leaver_takes_files")
    left = date.fromisoformat(insurer.roster[label["actor"]]["leaves"]) - _moment(label["end"]).date()
    assert timedelta(0) <= left < timedelta(days=15)


def test_the_honey_story_touches_honey_and_ordinary_work_hardly_ever(insurer: Insurer) -> None:
    honey = set((insurer.folder / "honey.txt").read_text().split())
    label = next(label for label in insurer.labels if label["story"] == "honey_record")
    touched = {event["event_id"] for event in insurer.events if honey.intersection(event.get("subjects", ()))}
    assert touched.intersection(label["event_ids"])
    assert len(touched.difference(label["event_ids"])) < 1e-4 * len(insurer.events)


def test_assignments_explain_much_of_the_work_but_not_all(insurer: Insurer) -> None:
    lines = [json.loads(line) for line in (insurer.folder / "assignments.jsonl").read_text().splitlines()]
    known = {(line["actor"], line["subject"]) for line in lines}
    work = [
        (event["actor"]["id"], event["subjects"][0])
        for event in insurer.events
        if event["actor"]["role"] == "claims_adjuster" and len(event.get("subjects", ())) == 1
    ]
    assert 0.5 < np.mean([pair in known for pair in work]) < 0.99


@pytest.mark.parametrize("name", sorted(INSIDERS))
@pytest.mark.parametrize("strength", [0.45, 2.6])
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_every_story_can_be_told_mildly_and_boldly(name: str, strength: float, seed: int) -> None:
    world, rng = _world(), np.random.default_rng(seed)
    insider = INSIDERS[name]
    actor = cast_actor(world, insider.roles, set(), rng)
    scene = Scene(world, actor, first_day(world, actor, insider.longest, rng), rng, strength)
    insider.tell(scene)
    assert scene.accesses
    assert {access.person for access in scene.accesses} == {actor}
    assert all(access.time_s >= world.calendar.midnights_s[world.config.warm_up_days] for access in scene.accesses)


def test_a_bold_actor_takes_more_than_a_mild_one() -> None:
    taken = []
    for strength in (0.5, 2.5):
        world = _world()
        scene = Scene(world, 3, 25, np.random.default_rng(1), strength)
        INSIDERS["breadth"].tell(scene)
        taken.append(len(scene.accesses))
    assert taken[0] < taken[1]


@pytest.mark.parametrize("name", sorted(TWINS))
def test_every_twin_has_an_actor_who_is_in_no_other_story(name: str) -> None:
    world = _world()
    everyone = {person.index for person in world.people if person.role != "call_centre_agent"}
    taken = set(sorted(everyone)[::2])
    story = TWINS[name](world, taken, np.random.default_rng(2))
    assert story.kind == "twin"
    assert story.actor not in taken
    assert story.start_s < story.end_s


def test_a_covered_book_comes_with_assignments_and_more_work() -> None:
    world = _world()
    before = world.schedule.volume.copy()
    story = TWINS["covered_book"](world, set(), np.random.default_rng(2))
    assert len(story.assignments) > 50
    assert (world.schedule.volume[story.actor] > before[story.actor]).sum() >= 5


def test_a_story_displaces_ordinary_work() -> None:
    world = _world()
    scene = Scene(world, 0, 22, np.random.default_rng(1))
    day = scene.days(1)[0]
    before = float(world.schedule.volume[0, day])
    scene.displace(day, 30)
    assert world.schedule.volume[0, day] < before


def test_people_of_one_role_differ_by_more_than_chance() -> None:
    world = _world()
    adjusters = [person.index for person in world.people if person.role == "claims_adjuster"]
    pace = world.traits.pace[adjusters]
    assert pace.max() > 1.5 * pace.min()


def test_the_shares_of_the_roles_add_up() -> None:
    assert sum(role.share for role in ROLES) == pytest.approx(1.0)


def test_a_saturday_worked_in_exchange_for_a_holiday_is_a_working_day() -> None:
    calendar = work_calendar(date(2026, 5, 4), 7)  # Labour Day week; Saturday the 9th is worked
    assert calendar.working.tolist() == [False, False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("settings_of", "word"),
    [
        ({"staff": 39}, "staff"),
        ({"days": 27}, "days"),
        ({"seed": -1}, "seed"),
        ({"warm_up_days": -1}, "warm_up_days"),
        ({"start": "March"}, "start"),
    ],
)
def test_a_size_that_cannot_be_simulated_is_refused_by_name(settings_of: dict[str, Any], word: str) -> None:
    with pytest.raises(SimulationError, match=word):
        SimulationConfig(**settings_of)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), staff=st.integers(40, 60), days=st.integers(28, 45))
def test_any_seed_gives_seventeen_insiders_and_six_twins(seed: int, staff: int, days: int) -> None:
    config, rng = SimulationConfig(staff=staff, days=days, seed=seed), np.random.default_rng(seed)
    world = build_world(config, rng)
    insiders = plan_insiders(world, rng)
    twins = plan_twins(world, {story.actor for story in insiders}, rng)
    assert (len(insiders), len(twins)) == (17, TWINS_DRAWN)
    assert len({story.actor for story in (*insiders, *twins)}) == 17 + TWINS_DRAWN
    warm_s = world.calendar.midnights_s[config.warm_up_days]
    assert all(access.time_s > warm_s for story in insiders for access in story.accesses)
