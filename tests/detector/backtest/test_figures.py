"""Figures of alerts that were made by hand: what is counted, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.backtest.figures import Counted, figures_of
from detector.backtest.match import Played
from detector.backtest.moves import moves_of
from detector.backtest.truth import Source, Truth, verdicts
from detector.span import Span
from tests.alerts.samples import make_finding
from tests.detector.backtest.made import EVER, FIRST, NUMBER, alert, figures, frame, month, said, story, worked


def test_a_story_is_found_by_an_alert_on_its_actor_while_it_lasts_or_soon_after() -> None:
    found = figures(alert(5, "E-1"), alert(5, "E-2"), frame=frame(story(4.0, actor="E-1"), story(9.0, actor="E-2")))
    assert (found.cases, found.found, found.recall) == (2, 1, 0.5)
    assert (found.judged, found.true, found.precision, found.precision_by) == (2, 1, 0.5, "stories")
    assert found.delays == (1.0,)
    assert found.by_kind == {"browsing": Counted(1, 2)}


def test_alerts_and_stories_of_other_days_do_not_count() -> None:
    span = Span(NUMBER + 3, NUMBER + 6)
    cases = story(1.0, actor="E-1"), story(4.0, actor="E-2"), story(7.0, actor="E-3")
    alerts = alert(1.5, "E-1"), alert(4.5, "E-2"), alert(7.5, "E-3")
    found = figures(*alerts, frame=frame(*cases, span=span))
    assert (found.alerts, found.cases, found.found, found.employee_days) == (1, 1, 1, 160)
    assert found.days == {"2026-03-06": 1}


def test_the_budget_is_that_of_days_on_which_it_told() -> None:
    days = [worked(0, {"B01": 100}, telling=False), worked(1, {"B01": 100}), worked(2, {"B01": 100})]
    found = figures(alert(1), frame=frame(), days=days)
    assert (found.allowed, found.employee_days, found.per_thousand) == (2.0, 300, 3.333333)


def test_a_twin_that_is_told_is_false_and_counted_apart() -> None:
    found = figures(alert(1, "E-1"), frame=frame(story(1.0, actor="E-1", kind="twin"), story(1.0, actor="E-2")))
    assert (found.benign, found.true, found.judged, found.recall) == (Counted(1, 1), 0, 1, 0.0)


def test_what_was_put_into_the_log_counts_for_recall_and_not_for_precision() -> None:
    planted = story(2.0, actor="E-1", source=Source.INJECTED)
    found = figures(alert(2.5, "E-1"), alert(2.5, "E-2"), frame=frame(planted, complete=False))
    assert (found.recall, found.judged, found.precision, found.precision_by) == (1.0, 0, None, "")
    both = figures(alert(2.5, "E-1"), alert(2.5, "E-2"), frame=frame(planted, complete=True))
    assert (both.judged, both.true) == (1, 0)


def test_a_verdict_is_a_word_on_alerts_about_the_same_person_within_an_episode() -> None:
    said_so = [said(5, "true_positive", "E-1"), said(5, "false_positive", "E-2"), said(5, "benign_positive", "E-3")]
    cases = verdicts(said_so, episode_days=10.0)
    alerts = alert(3, "E-1"), alert(14, "E-2"), alert(16, "E-2"), alert(5, "E-3"), alert(5, "E-4")
    found = figures(*alerts, frame=frame(*cases, complete=False))
    assert (found.cases, found.found, found.judged, found.true, found.precision_by) == (1, 1, 3, 1, "verdicts")
    assert found.delays == ()


def test_a_verdict_that_was_taken_back_or_left_open_says_nothing_and_the_last_one_counts() -> None:
    assert verdicts([said(1, "true_positive", withdrawn=9.0), said(2, "undetermined")], 10.0) == []
    last = [said(1, "false_positive"), said(1, "true_positive", given=2.0), said(1, "false_positive", withdrawn=3.0)]
    assert [case.is_misuse for case in verdicts(last, 10.0)] == [True]


def test_recall_at_budgets_opens_episodes_from_the_highest_level_down() -> None:
    top = [("E-1", 50.0), ("E-2", 40.0), ("E-3", 30.0)]
    days = [worked(0, {"B01": 100}, top=top), worked(1, {"B01": 100}, top=[("E-1", 45.0), ("E-4", 20.0)])]
    cases = story(1.0, actor="E-1"), story(0.0, actor="E-3")
    found = figures(frame=frame(*cases), days=days).recall_at
    # 200 employee-days at 10 in 1,000: two alerts at the budget, E-1 and E-2; E-1 again is of the same episode
    assert [(one.times, one.alerts, one.found) for one in found] == [
        (0.25, 0, 0), (0.5, 1, 0), (1.0, 2, 1), (2.0, 4, 2), (4.0, 4, 2)
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(1, 6), st.floats(0, 60)), max_size=40))
def test_whoever_reads_more_never_finds_less(levels: list[tuple[int, int, float]]) -> None:
    days = [
        worked(day, {"B01": 40}, top=sorted(
            {f"E-{actor}": level for at, actor, level in levels if at == day}.items(), key=lambda one: -one[1]
        ))
        for day in range(30)
    ]  # fmt: skip
    cases = [story(3.0 * number, 2.0, actor=f"E-{number}") for number in range(1, 6)]
    found = figures(frame=frame(*cases), days=days).recall_at
    assert [one.found for one in found] == sorted(one.found for one in found)
    assert [one.alerts for one in found] == sorted(one.alerts for one in found)


def test_a_department_with_twice_the_alerts_of_all_is_named() -> None:
    alerts = [alert(day, f"E-{day}", "B02") for day in range(6)] + [alert(9, "E-9", "B01")]
    found = {one.name: one for one in figures(*alerts, frame=frame(story(0.0, actor="E-0"))).departments}
    assert (found["B02"].alerts, found["B02"].false, found["B02"].judged, found["B02"].employee_days) == (6, 5, 6, 300)
    assert found["B02"].ratio == pytest.approx((6 / 300) / (7 / 1200), abs=1e-5)
    assert [found[name].unusual for name in ("B01", "B02")] == [False, True]
    few = {one.name: one for one in figures(*alerts[2:], frame=frame()).departments}
    assert (few["B02"].ratio or 0.0) > 2.0
    assert not few["B02"].unusual


def test_who_has_no_department_is_counted_under_none() -> None:
    found = figures(alert(1, department=None), frame=frame(), days=month({"": 40}))
    assert [(one.name, one.alerts, one.employee_days) for one in found.departments] == [("", 1, 1200)]


def test_detections_count_the_strongest_finding_of_an_alert() -> None:
    findings = make_finding(detection="odd_hours", time=FIRST), make_finding(detection="bulk_export", time=FIRST)
    assert figures(alert(0, findings=findings), alert(9, "E-2"), frame=frame()).detections == {
        "bulk_export": 1,
        "odd_hours": 1,
    }


def test_alerts_are_the_same_where_one_actors_episodes_overlap() -> None:
    one = Played([alert(1, "E-1"), alert(1, "E-2"), alert(1, "E-3"), alert(20, "E-3")])
    other = Played([alert(5, "E-1", risk=80.0), alert(12, "E-2"), alert(2, "E-3"), alert(3, "E-4", risk=99.0)])
    moves = moves_of(one, other, [(NUMBER, 0.5, 30), (NUMBER + 1, 1.0, 10), (0, -1.0, 999)], frame())
    assert (moves.both, moves.champion_alone, moves.challenger_alone) == (2, 2, 2)
    assert [(one.by, one.actor) for one in moves.alerts] == [
        ("challenger", "E-4"), ("champion", "E-2"), ("challenger", "E-2"), ("champion", "E-3"),
    ]  # fmt: skip
    assert moves.correlation == 0.625
    assert moves.alerts[0].known is False


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(1, 3)), unique=True, max_size=20))
def test_nothing_moves_from_a_contestant_to_itself(places: list[tuple[int, int]]) -> None:
    alerts = [alert(day, f"E-{actor}") for day, actor in places]
    moves = moves_of(Played(alerts), Played(list(reversed(alerts))), [], frame())
    assert (moves.both, moves.alerts) == (len(alerts), ())


def test_figures_do_not_depend_on_the_order_in_which_alerts_came() -> None:
    alerts = [alert(day, f"E-{day % 3}") for day in range(0, 30, 5)]
    truth = frame(story(5.0, actor="E-2"))
    assert figures_of(Played(alerts, month()), truth) == figures_of(Played(alerts[::-1], month()[::-1]), truth)


def test_nothing_known_is_no_truth() -> None:
    assert Truth().precision_by is None
    assert Truth().known(alert(1)) is None
    assert figures(alert(1), frame=frame(complete=False, span=EVER)).precision is None
