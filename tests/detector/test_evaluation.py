"""Alerts against labels: who is found, who is flagged, what counts apart."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.evaluation import Evaluation, EvaluationError, evaluate

START = datetime.fromisoformat("2026-03-30T09:00:00+08:00")
END = START + timedelta(days=3)


def _label(story: str = "breadth", kind: str = "insider", actor: str = "E1") -> dict[str, object]:
    return {
        "story": story, "kind": kind, "actor": actor, "start": START.isoformat(), "end": END.isoformat(),
        "event_ids": ["ev-1"], "expects": ["breadth"],
    }  # fmt: skip


def _alert(number: int, actor: str, opened: datetime, updated: datetime | None = None) -> dict[str, object]:
    moment = (updated or opened).isoformat()
    return {
        "alert_id": f"al-{number}", "actor": actor, "opened_at": opened.isoformat(), "updated_at": moment,
        "risk": 3.2, "severity": "high", "findings": [],
    }  # fmt: skip


def _evaluate(folder: Path, alerts: list[dict[str, object]], labels: list[dict[str, object]]) -> Evaluation:
    for name, lines in (("alerts.jsonl", alerts), ("labels.jsonl", labels)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return evaluate(folder / "alerts.jsonl", folder / "labels.jsonl")


def _manifest(folder: Path) -> None:
    config = {"staff": 100, "days": 60, "seed": 1, "start": "2026-03-02", "warm_up_days": 20}
    (folder / "manifest.json").write_text(json.dumps({"staff": 100, "config": config}), encoding="utf-8")


@pytest.mark.parametrize(
    ("opened", "found"),
    [
        (START - timedelta(seconds=1), 0),
        (START, 1),
        (END + timedelta(days=2), 1),
        (END + timedelta(days=2, seconds=1), 0),
    ],
)
def test_an_insider_is_found_from_the_start_to_two_days_after_the_end(
    tmp_path: Path, opened: datetime, found: int
) -> None:
    assert _evaluate(tmp_path, [_alert(1, "E1", opened)], [_label()]).found == found


def test_an_alert_on_somebody_else_finds_nobody(tmp_path: Path) -> None:
    result = _evaluate(tmp_path, [_alert(1, "E2", START)], [_label()])
    assert (result.found, result.alerts, result.true_alerts, result.share_true) == (0, 1, 0, 0.0)


def test_an_alert_opened_before_and_updated_within_the_story_finds_it(tmp_path: Path) -> None:
    result = _evaluate(tmp_path, [_alert(1, "E1", START - timedelta(days=1), END)], [_label()])
    assert result.found == 1
    assert result.median_delay_s == 3 * 86_400


def test_an_alert_on_a_twin_is_flagged_and_not_true(tmp_path: Path) -> None:
    labels = [_label(), _label("new_joiner", "twin", "E2")]
    result = _evaluate(tmp_path, [_alert(1, "E2", END)], labels)
    assert (result.found, result.insiders, result.flagged, result.twins, result.true_alerts) == (
        0,
        1,
        1,
        1,
        0,
    )


def test_the_delay_is_that_of_the_first_of_several_alerts(tmp_path: Path) -> None:
    alerts = [_alert(2, "E1", START + timedelta(hours=9)), _alert(1, "E1", START + timedelta(hours=2))]
    result = _evaluate(tmp_path, alerts, [_label()])
    assert result.stories[0].alert_ids == ("al-1", "al-2")
    assert result.stories[0].delay_s == 7200.0
    assert result.share_true == 1.0


def test_lines_of_one_alert_are_one_alert(tmp_path: Path) -> None:
    alerts = [_alert(1, "E1", START), _alert(1, "E1", START, END)]
    assert _evaluate(tmp_path, alerts, [_label()]).alerts == 1


def test_alerts_of_the_warm_up_are_counted_apart(tmp_path: Path) -> None:
    _manifest(tmp_path)
    early = datetime.fromisoformat("2026-03-21T23:59:59+08:00")
    late = datetime.fromisoformat("2026-03-22T00:00:00+08:00")
    result = _evaluate(tmp_path, [_alert(1, "E1", early, END), _alert(2, "E9", late)], [_label()])
    assert (result.early_alerts, result.alerts, result.found) == (1, 1, 0)
    assert result.alerts_per_1000_employee_days == 0.25


def test_without_a_manifest_no_alert_is_early_and_no_rate_is_given(tmp_path: Path) -> None:
    result = _evaluate(tmp_path, [_alert(1, "E1", START - timedelta(days=300))], [_label()])
    assert (result.early_alerts, result.alerts) == (0, 1)
    assert result.alerts_per_1000_employee_days is None


def test_no_alerts_give_no_share_and_no_delay(tmp_path: Path) -> None:
    result = _evaluate(tmp_path, [], [_label()])
    assert (result.share_true, result.median_delay_s) == (None, None)


def test_pseudonyms_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("id,name\nE1,Li Min\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="run replay with --reveal"):
        _evaluate(tmp_path, [_alert(1, "p-9f3a", START)], [_label()])


def test_real_ids_pass_the_roster(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("id,name\nE1,Li Min\n", encoding="utf-8")
    assert _evaluate(tmp_path, [_alert(1, "E1", START)], [_label()]).found == 1


def test_a_broken_line_is_named_by_file_and_number(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"alerts\.jsonl: line 2: .*opened_at"):
        _evaluate(tmp_path, [_alert(1, "E1", START), {"alert_id": "al-2", "actor": "E1"}], [_label()])


def test_a_time_without_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="line 1"):
        _evaluate(tmp_path, [_alert(1, "E1", START.replace(tzinfo=None))], [_label()])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"absent\.jsonl"):
        evaluate(tmp_path / "absent.jsonl", tmp_path / "absent.jsonl")


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"manifest\.json"):
        _evaluate(tmp_path, [], [_label()])


def test_the_result_can_be_written_as_json(tmp_path: Path) -> None:
    result = _evaluate(tmp_path, [_alert(1, "E1", START)], [_label()])
    assert json.loads(json.dumps(result.as_dict()))["stories"][0]["story"] == "breadth"


@settings(max_examples=20, deadline=None)
@given(hours=st.lists(st.integers(-100, 200), max_size=8))
def test_true_alerts_are_never_more_than_alerts_and_found_never_more_than_stories(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int]
) -> None:
    alerts = [_alert(at, f"E{at % 3}", START + timedelta(hours=hour)) for at, hour in enumerate(hours)]
    labels = [_label(), _label("new_joiner", "twin", "E2")]
    result = _evaluate(tmp_path_factory.mktemp("evaluation"), alerts, labels)
    assert result.true_alerts <= result.alerts == len(hours)
    assert (result.found > 0) == (result.true_alerts > 0)
