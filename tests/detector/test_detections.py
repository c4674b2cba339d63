"""Every detection: what its docstring answers, and a small day on which it fires beside a twin on which it must not."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace

from alerts.techniques import TECHNIQUES
from detector import detections
from detector.detection import Detection
from detector.detections import DETECTIONS
from detector.engine import Engine
from detector.features import Feature, Peak
from detector.measures import Normal, Share
from detector.roster import Person
from detector.telling import Told, contributing
from streams import AccessEvent
from tests.detector.office import HONEY, PEOPLE, admit, at, engine, event, names, ordinary_day, saved, working_days

FOUND = {
    found.name: importlib.import_module(f"detector.detections.{found.name}")
    for found in pkgutil.iter_modules(detections.__path__)
}
QUESTIONS = (
    "Behaviour",
    "Data that proves it",
    "Assumption",
    "How an insider evades it",
    "What the analyst does next",
)
INSIDER, COLLEAGUE, EXPORTER, LONDONER, ALLROUNDER = "E05", "E06", "X1", "L1", "A1"
PAST_DAYS = 20
*PAST, TODAY = working_days(0, PAST_DAYS + 1)
TOOL = {"purpose": "claim:4", "agent": "sqltool/8", "channel": "sql", "system": "warehouse", "resource": "table"}
ROSTER = (Person(LONDONER, role="london", zone=ZoneInfo("Europe/London")),)

every_detection = pytest.mark.parametrize("name", sorted(FOUND))


@every_detection
def test_a_docstring_answers_the_five_questions(name: str) -> None:
    text = " ".join((FOUND[name].__doc__ or "").split())
    places = [text.find(f"- {question}: ") for question in QUESTIONS]
    assert -1 not in places, f"unanswered: {QUESTIONS[places.index(-1)]}"
    assert places == sorted(places)
    for start, end in zip(places, [*places[1:], len(text)], strict=True):
        assert len(text[start:end].partition(": ")[2].split()) >= 4


@every_detection
def test_a_detection_stands_in_the_table_under_the_name_of_its_module(name: str) -> None:
    found = FOUND[name].DETECTION
    assert isinstance(found, Detection)
    assert found.name == name
    assert DETECTIONS[name] is found


def test_the_table_holds_nothing_else() -> None:
    assert set(DETECTIONS) == set(FOUND)


@every_detection
def test_its_technique_has_first_steps_for_the_analyst(name: str) -> None:
    assert TECHNIQUES[DETECTIONS[name].technique].first_steps


@every_detection
def test_its_measures_are_of_features_that_exist(name: str) -> None:
    for measure in DETECTIONS[name].measures:
        assert measure.of in (*Feature, *Peak)
        assert isinstance(contributing(measure), Feature)
        if isinstance(measure, Share):
            assert measure.among in Feature
            assert measure.among is not measure.of


@every_detection
def test_it_measures_something_or_is_certain(name: str) -> None:
    assert bool(DETECTIONS[name].measures) != DETECTIONS[name].certain


def test_names_of_measures_are_unique() -> None:
    named = [measure.name for detection in DETECTIONS.values() for measure in detection.measures]
    assert len(named) == len(set(named))


@every_detection
def test_its_sentence_is_one_that_a_person_can_read(name: str) -> None:
    detection = DETECTIONS[name]
    assert detection.lead[0].isupper()
    assert not detection.lead.endswith(".")
    for measure in detection.measures:
        text = detection.sentence(measure, 1_204.0, Normal(3.0, 4.5, 21))
        assert text.startswith(f"{detection.lead}: 1,204 {measure.unit}")
        assert text.endswith("normal for this person is 3 (21 days), for peers 4.5.")
        assert not set("_{}[]") & set(text)
        assert "nan" not in text


@dataclass(frozen=True)
class Scenario:
    """What the insider does today, and what somebody does who must not be named for it.

    Attributes:
        insider: acts of ``INSIDER`` beside the ordinary day.
        twin: who the twin is, and the twin's acts; empty where they do what they do every day.
    """

    insider: Callable[[str], list[AccessEvent]]
    twin: str
    innocent: Callable[[str], list[AccessEvent]] | None = None


def spread(actor: str, start: float, hours: float, n: int, **facts: Any) -> list[AccessEvent]:
    """Accesses to n customers at irregular times from ``start`` on, the same for every day and actor."""
    rng = np.random.default_rng(7)
    times = np.sort(rng.uniform(start, start + hours * 3_600.0, n)).tolist()
    given = {"count": 1, "masked": True} | facts
    return [event(actor, time, f"C-{rng.integers(1_000, 900_000)}", **given) for time in times]


def exports(actor: str, day: int = TODAY) -> list[AccessEvent]:
    return spread(actor, at(day, 10.0), 6.0, 4, action="export", count=400, kilobytes=900)


def unmasking(actor: str, **facts: Any) -> list[AccessEvent]:
    return spread(actor, at(TODAY, 10.0), 7.0, 25, masked=False, action="unmask", level="C3", **facts)


def script(actor: str) -> list[AccessEvent]:
    return [
        event(actor, at(TODAY, 14.0) + 1.5 * step, f"C-{40_000 + step}", count=1, masked=True, channel="api")
        for step in range(60)
    ]


def evening(actor: str, day: int = TODAY) -> list[AccessEvent]:
    return spread(actor, at(day, 22.5), 3.0, 25, purpose="claim:3")


def other_desk(actor: str) -> list[AccessEvent]:
    rights = [("warehouse", "query"), ("warehouse", "export"), ("crm", "read"), ("hr", "search"), ("admin", "grant")]
    where = {"agent": "copier/1", "channel": "api", "host": "WS-OTHER", "ip": "10.9.9.9", "count": 1}
    return [
        event(actor, at(TODAY, 15.0 + 0.1 * step), f"C-{70_000 + 977 * step}", system=system, action=action, **where)
        for step, (system, action) in enumerate(rights)
    ]


def medley(actor: str, day: int = TODAY) -> list[AccessEvent]:
    kinds = [("search", "denied"), ("update", "success"), ("grant", "failure")]
    mild = spread(actor, at(day, 11.0), 6.0, 45)
    return [replace(one, action=kinds[place % 3][0], outcome=kinds[place % 3][1]) for place, one in enumerate(mild)]


SCENARIOS: dict[str, Scenario] = {
    "honey_record": Scenario(
        lambda actor: [event(actor, at(TODAY, 12.0), HONEY)],
        "BATCH",
        lambda actor: [event(actor, at(TODAY, 12.1), HONEY, type="service")],
    ),
    "bulk_export": Scenario(exports, EXPORTER),
    "customer_breadth": Scenario(
        lambda actor: spread(actor, at(TODAY, 10.0), 7.0, 60),
        COLLEAGUE,
        lambda actor: spread(actor, at(TODAY, 10.0), 7.0, 60, purpose="queue:7"),
    ),
    "unmask_abuse": Scenario(unmasking, COLLEAGUE, lambda actor: unmasking(actor, purpose="claim:9")),
    "automation": Scenario(script, COLLEAGUE, lambda actor: spread(actor, at(TODAY, 14.0), 3.0, 60, purpose="queue:7")),
    "odd_hours": Scenario(evening, LONDONER),
    "new_place": Scenario(other_desk, COLLEAGUE, lambda actor: spread(actor, at(TODAY, 15.0), 1.0, 4, **TOOL)),
    "odd_session": Scenario(medley, ALLROUNDER),
}
every_scenario = pytest.mark.parametrize("name", sorted(FOUND))


def office_day(rng: np.random.Generator, day: int) -> list[AccessEvent]:
    """An ordinary day with those whose ordinary work is what an insider does once; lately a tool is rolled out."""
    own = [*exports(EXPORTER, day), *evening(LONDONER, day), *medley(ALLROUNDER, day)]
    team = PEOPLE[10:] if day >= PAST[-6] else ()
    rolled_out = [one for actor in team for one in spread(actor, at(day, 10.0), 6.0, 2, **TOOL)]
    return ordinary_day(rng, day, (*PEOPLE, EXPORTER, ALLROUNDER)) + own + rolled_out


def in_order(events: list[AccessEvent]) -> list[AccessEvent]:
    return sorted(events, key=lambda one: (one.time, one.event_id))


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    rng, past = np.random.default_rng(5), engine(ROSTER)
    for day in PAST:
        past.process(admit(in_order(office_day(rng, day))))
    return saved(past.snapshot())


def today(state: dict[str, Any], name: str, **config: Any) -> tuple[Engine, list[Told]]:
    """The scenario's day, told by an engine with that past."""
    scenario, watch = SCENARIOS[name], engine(ROSTER, **config)
    watch.restore(state)
    acts = scenario.insider(INSIDER) + (scenario.innocent(scenario.twin) if scenario.innocent else [])
    day = office_day(np.random.default_rng(6), TODAY)
    return watch, watch.process(admit(in_order(day + acts)))


def test_every_detection_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(FOUND)


@every_scenario
def test_the_insider_is_told_and_the_twin_is_not(trained: dict[str, Any], name: str) -> None:
    scenario = SCENARIOS[name]
    _, told = today(trained, name)
    assert name in names(told, INSIDER)
    assert name not in names(told, scenario.twin)
    assert not names(told, scenario.twin)


@pytest.fixture(scope="module")
def log() -> list[AccessEvent]:
    rng = np.random.default_rng(5)
    return [one for day in PAST for one in in_order(office_day(rng, day))]


@every_scenario
def test_a_disabled_detection_is_silent(log: list[AccessEvent], name: str) -> None:
    watch = engine(ROSTER, detections={"disabled": (name,)})
    acts = SCENARIOS[name].insider(INSIDER) + office_day(np.random.default_rng(6), TODAY)
    told = watch.process(admit(log + in_order(acts)))
    assert name not in watch.detections
    assert all(finding.detection != name for one in told for finding in one.findings)


@pytest.mark.parametrize("only", sorted(name for name in FOUND if DETECTIONS[name].measures))
def test_a_detection_can_run_alone(log: list[AccessEvent], only: str) -> None:
    others = tuple(sorted(set(FOUND) - {only}))
    watch = engine(ROSTER, detections={"disabled": others})
    watch.process(admit(log[:2_000]))
    assert list(watch.detections) == [only]
    mine = [measure for name in FOUND for measure in DETECTIONS[name].measures if name == only]
    scored = {watch.baselines.measures[column] for column in np.flatnonzero(watch.scores.table.any(axis=(0, 1)))}
    assert scored <= set(mine)


def test_the_certain_detection_can_run_alone() -> None:
    others = tuple(sorted(name for name in FOUND if DETECTIONS[name].measures))
    watch = engine(detections={"disabled": others})
    told = watch.process(admit([event(INSIDER, at(0, 9.0), HONEY)]))
    assert names(told, INSIDER) == {"honey_record"}


def test_every_number_of_a_finding_can_be_checked(trained: dict[str, Any]) -> None:
    _, told = today(trained, "bulk_export")
    found = next(f for one in told if one.actor == INSIDER for f in one.findings if f.detection == "bulk_export")
    assert found.expected is not None
    assert found.peer_expected is not None
    assert found.observed > 3 * max(found.peer_expected, found.expected)
    assert found.sample_size > 0
    assert 25 < found.peer_sample_size < 40
    assert found.p_value < 0.02
    assert found.threshold is None or found.threshold < found.observed
    assert 0 < len(found.event_ids) <= found.event_count
    assert all(event_id.startswith(f"{INSIDER}-") for event_id in found.event_ids)
    assert found.unit in found.sentence
