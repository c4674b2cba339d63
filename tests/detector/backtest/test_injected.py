"""Stories in a real log: what is put in, where, and that the log's own events stay as they are."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.backtest.injected import STORIES, Injected, inject
from detector.backtest.job import Order, backtest
from detector.backtest.match import Contestant, Match, Rules, play
from detector.backtest.planting import MARK_S, Marks, Planted, PlantedFormat, Planting
from detector.backtest.usual import Survey, survey
from detector.calendar import Calendar
from detector.config import Config
from detector.errors import BacktestError
from detector.replaying import setting_of
from detector.shard import pseudonym_of
from detector.span import EVER, Span, number_of, span_of
from streams import AccessEvent, Position, Record, Rejected, Tokens, open_format
from tests.detector.small import KEY, SmallLog

TOKENS = Tokens(KEY)
FIRST = number_of("2026-03-06")
SPAN = Span(FIRST, FIRST + 60)
ZONE = "Asia/Shanghai"


def surveyed(config: Config, seed: int = 7) -> Survey:
    with ExitStack() as stack:
        return survey(setting_of(config, TOKENS, None, stack), 6, seed, lambda: False, None)


def put_in(injected: Injected) -> list[tuple[Planted, AccessEvent]]:
    """What is put in, in the order of the log."""
    found = [record for records in injected.planting._before.values() for record in records]
    return [(record, msgspec.json.decode(record.raw, type=AccessEvent)) for record in found]


@pytest.fixture(scope="module")
def found(small_log: SmallLog) -> Survey:
    return surveyed(small_log.config())


@pytest.fixture(scope="module")
def injected(found: Survey) -> Injected:
    return inject(found, 6, 7, SPAN, ZONE)


def told(config: Config, planting: Planting | None, span: Span) -> Match:
    with ExitStack() as stack:
        rules = Rules(span, planting=planting)
        return play(setting_of(config, TOKENS, None, stack), [Contestant(), Contestant()], rules)


def test_each_story_is_of_another_kind_about_another_person_on_days_of_theirs(
    found: Survey, injected: Injected
) -> None:
    assert [label.story for label in injected.labels] == [story.name for story in STORIES]
    assert len({label.actor for label in injected.labels}) == 6
    events = [event for _, event in put_in(injected)]
    people = {person.actor: person for person in found.people}
    for label in injected.labels:
        mine = [event for event in events if event.actor.id == label.actor]
        assert (min(event.time for event in mine), max(event.time for event in mine)) == (label.start, label.end)
        assert {event.resource.system for event in mine} <= {
            event.resource.system for event in (*people[label.actor].reads, *people[label.actor].takes)
        }
        assert not any(event.purpose for event in mine)
    assert len({event.event_id for event in events}) == len(events)


def test_the_same_seed_tells_the_same_and_another_one_something_else(found: Survey, injected: Injected) -> None:
    assert put_in(inject(found, 6, 7, SPAN, ZONE)) == put_in(injected)
    other = inject(found, 6, 8, SPAN, ZONE)
    assert [event.time for _, event in put_in(other)] != [event.time for _, event in put_in(injected)]


def test_where_days_are_few_for_one_kind_the_next_is_told(found: Survey) -> None:
    short = inject(found, 6, 7, Span(FIRST, FIRST + 9), ZONE)
    assert len(short.labels) == 6
    assert "slow_drip" not in {label.story for label in short.labels}


def test_who_is_in_another_story_already_is_in_none(found: Survey, injected: Injected) -> None:
    taken = {label.actor for label in injected.labels[:2]}
    assert not taken & {label.actor for label in inject(found, 6, 7, SPAN, ZONE, taken).labels}


def test_the_log_s_own_events_are_judged_in_their_order_and_stories_are_seen(
    small_log: SmallLog, injected: Injected
) -> None:
    span = Span(FIRST, FIRST + 7)
    without, with_ = told(small_log.config(), None, span), told(small_log.config(), injected.planting, span)
    times = np.array([event.time.timestamp() for _, event in put_in(injected)])
    assert without.log.injected == 0
    assert with_.log.injected == int((Calendar(ZONE).days(times) <= span.last).sum()) > 0
    assert (with_.log.events, with_.log.digest) == (without.log.events, without.log.digest)
    days = zip(without.played[0].days, with_.played[0].days, strict=True)
    risen = {who for before, after in days for who, level in after.top if level > dict(before.top).get(who, 0.0) + 5.0}
    assert risen & {pseudonym_of(TOKENS, label.actor) for label in injected.labels}
    assert all(not alert.position.startswith("injected") for alert in with_.played[0].alerts)


def test_a_backtest_counts_what_it_has_put_in(small_log: SmallLog) -> None:
    order = Order([Contestant(), Contestant()], span_of("2026-03-06", "2026-03-18"), stories=50, seed=7)
    with ExitStack() as stack:
        report = backtest(order, setting_of(small_log.config(), TOKENS, None, stack), Rules(order.span))
    known = report.truth["injected"]
    assert 6 <= known < 50
    assert f"{known} stories were put into the log and not 50" in report.log.remarks[0]
    assert (report.seed, report.figures[0].cases, report.figures[0].precision) == (7, known, None)
    assert 1 <= report.figures[0].found < known
    assert set(report.figures[0].by_kind) == {story.name for story in STORIES} - {"slow_drip"}
    assert report.figures[0].benign.of == 0


def test_a_log_with_nobody_to_tell_stories_about_is_refused(small_log: SmallLog, tmp_path: Path) -> None:
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    for name, part in (("empty", []), ("short", lines[:800])):
        (tmp_path / name).write_bytes(b"".join(part))
        found = surveyed(small_log.config(source={"paths": [str(tmp_path / name)]}))
        with pytest.raises(BacktestError, match="nobody in this log has 10 active days"):
            inject(found, 6, 7, SPAN, ZONE)
    order = Order([Contestant(), Contestant()], stories=1)
    with ExitStack() as stack, pytest.raises(BacktestError, match="standard input cannot be"):
        backtest(order, setting_of(small_log.config(source={"paths": ["-"]}), TOKENS, None, stack), Rules(EVER))


def test_whoever_is_followed_does_not_depend_on_what_else_is_in_the_log(
    small_log: SmallLog, found: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.backtest.usual.LEAST_FOLLOWED", 3)
    monkeypatch.setattr("detector.backtest.usual.FOLLOWED_FOR_EACH", 0)
    few = surveyed(small_log.config())
    assert few.people == found.people[:3]


times = st.lists(st.integers(0, 40_000), min_size=1, max_size=60)


@given(times, st.integers(0, 41_000))
def test_an_event_comes_before_the_first_record_of_a_later_minute(every: list[int], moment: int) -> None:
    marks = Marks()
    newest = -1
    later = None
    for offset, time in enumerate(every):
        marks.see(float(time), Position("log", offset))
        newest = max(newest, time)
        if later is None and newest // MARK_S > moment // MARK_S:
            later = Position("log", offset)
    assert marks.after(float(moment)) == later


def records(count: int) -> list[Record]:
    return [Record(b"{}", Position("log", place)) for place in range(count)]


@given(st.lists(st.integers(0, 19), max_size=12), st.lists(st.integers(1, 7), min_size=1, max_size=20))
def test_however_the_log_is_cut_the_same_is_put_between_its_records(before: list[int], cuts: list[int]) -> None:
    event = open_format("native", TOKENS).decode(Record(LINE, Position("x", 0)))
    assert isinstance(event, AccessEvent)
    planting = Planting({"0": [(event, Position("log", place)) for place in before]})
    whole = list(planting.plant("0", records(20)))
    assert [record for record in whole if not isinstance(record, Planted)] == records(20)
    assert [record.position.offset for record in whole if isinstance(record, Planted)] == sorted(before)
    assert [record.position.offset for record in whole] == sorted(record.position.offset for record in whole)
    assert list(planting.plant("another", records(20))) == records(20)

    def pieces() -> Iterator[Record]:
        left, place = records(20), 0
        while left:
            size = cuts[place % len(cuts)]
            yield from planting.plant("0", left[:size])
            left, place = left[size:], place + 1

    assert list(pieces()) == whole


LINE = msgspec.json.encode(
    {
        "event_id": "e", "time": "2026-03-02T09:14:05Z", "actor": {"id": "E1"}, "action": "read",
        "resource": {"system": "claims"}, "outcome": "success", "subjects": ["C-1"],
    }
)  # fmt: skip


def test_no_record_of_a_log_passes_for_one_that_was_put_in() -> None:
    form = PlantedFormat(open_format("native", TOKENS))
    event = form.decode(Record(LINE, Position("log", 0)))
    assert isinstance(event, AccessEvent)
    assert event.subjects == (TOKENS.token("subject", "C-1"),)
    sealed = msgspec.json.encode(event)
    again = form.decode(Planted(sealed, Position("log", 1)))
    assert again == event
    forged = form.decode(Record(sealed, Position("log", 1)))
    assert isinstance(forged, AccessEvent)
    assert forged.subjects != event.subjects
    assert isinstance(form.decode(Record(b"{", Position("log", 2))), Rejected)
