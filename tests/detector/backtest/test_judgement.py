"""Who may take the champion's place: each reason, and both sides of it."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from alerts.alert import Alert
from detector.backtest.judgement import NO_TRUTH, judge
from detector.backtest.match import Played
from detector.backtest.truth import Case
from tests.detector.backtest.made import alert, figures, frame, month, report, story

STORIES = [story(day, actor=f"E-{day}") for day in range(0, 20, 2)]
TRUE = [alert(day + 0.5, f"E-{day}") for day in range(0, 20, 2)]
FALSE = [alert(1 + day, f"E-9{day}") for day in range(10)]


def holding(champion: Sequence[Alert], challenger: Sequence[Alert], cases: Sequence[Case] = STORIES) -> list[bool]:
    truth = frame(*cases)
    return [one.holds for one in judge(figures(*champion, frame=truth), figures(*challenger, frame=truth))]


def test_a_better_challenger_passes_and_its_worse_twin_does_not() -> None:
    better, worse = Played(TRUE[:8] + FALSE[:2], month()), Played(TRUE[:5] + FALSE[:6], month())
    good, bad = report(worse, better, *STORIES), report(better, worse, *STORIES)
    assert good.passes
    assert not bad.passes
    assert "of 10 cases of misuse the challenger finds 5, the champion 8" in bad.reasons[0]
    assert "5 of the challenger's 11 judged alerts are true (45 %), 8 of the champion's 10" in bad.reasons[1]


@pytest.mark.parametrize(("found", "holds"), [(5, True), (6, True), (4, False)])
def test_recall_may_not_be_lower(found: int, holds: bool) -> None:
    assert holding(TRUE[:5], TRUE[:found])[0] is holds


def test_where_neither_finds_anything_nothing_is_shown() -> None:
    assert holding([], [])[0] is False
    assert holding(FALSE[:3], FALSE[:2])[0] is False


@pytest.mark.parametrize(("alerts", "holds"), [(16, True), (17, False)])
def test_alerts_may_be_above_a_small_budget_by_what_is_chance(alerts: int, holds: bool) -> None:
    every = [*TRUE, *FALSE[:7]][:alerts]  # the budget has 12 for 1,200 employee-days, and 12 + 3.5 are let pass
    assert holding(TRUE, every)[1] is holds


@pytest.mark.parametrize(("alerts", "holds"), [(440, True), (441, False)])
def test_alerts_may_be_a_tenth_above_a_large_budget(alerts: int, holds: bool) -> None:
    large = replace(figures(*TRUE, frame=frame(*STORIES)), alerts=alerts, allowed=400.0)
    assert judge(large, large)[1].holds is holds


@pytest.mark.parametrize(("false", "holds"), [(5, True), (6, False)])
def test_precision_may_be_five_points_lower(false: int, holds: bool) -> None:
    assert holding(TRUE + FALSE[:4], TRUE + FALSE[:false])[2] is holds  # 71 %, then 67 or 62 %


def test_no_department_may_come_to_twice_the_share_of_false_alerts() -> None:
    here = [alert(1 + day, f"E-8{day}", "B02") for day in range(5)]
    assert holding(TRUE + FALSE[:5], TRUE + here) == [True, True, True, False]
    assert holding(TRUE + here, TRUE + here)[3]  # which was so before
    assert holding(TRUE + FALSE[:4], TRUE + here[:4])[3]  # of four alerts nothing follows


def test_without_anything_to_judge_by_nobody_passes() -> None:
    for cases, complete in (([], True), ([story(1.0, kind="twin")], True), ([], False)):
        found = report(Played(TRUE, month()), Played(TRUE, month()), *cases, complete=complete)
        assert (found.passes, found.reasons) == (False, (NO_TRUTH,))


def test_where_nothing_says_what_is_false_precision_is_not_compared() -> None:
    truth = frame(*STORIES, complete=False)
    reasons = judge(figures(*TRUE, frame=truth), figures(*TRUE, *FALSE[:2], frame=truth))
    assert all(reason.holds for reason in reasons)
    assert "nothing says which alerts are false" in reasons[2].words
