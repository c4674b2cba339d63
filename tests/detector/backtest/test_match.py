"""Contestants over a real log: each is the real engine, and the report does not depend on how the log was read."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert
from detector.backtest import match as match_module
from detector.backtest.job import Order, backtest
from detector.backtest.match import Contestant, Judge, Match, Rules, play
from detector.backtest.report import Report, publish, report_json, report_of
from detector.backtest.truth import Truth
from detector.backtest.witness import Levels, rank_correlation
from detector.bundles import read_bundle
from detector.calendar import Calendar
from detector.config import Config, StateConfig
from detector.errors import BacktestError
from detector.evaluation import read_labels
from detector.replaying import setting_of
from detector.span import EVER, Span, number_of, span_of
from streams import Tokens
from tests.detector.bundling import Signer
from tests.detector.small import KEY, SmallLog, close_feed, feed_of
from tests.real.broker import Broker

TOKENS = Tokens(KEY)


def contestants(signer: Signer, *paths: Path) -> list[Contestant]:
    return [Contestant(), *(Contestant(read_bundle(path, signer.trusted)) for path in paths)]


def played(config: Config, who: Sequence[Contestant], span: Span = EVER) -> Match:
    with ExitStack() as stack:
        return play(setting_of(config, TOKENS, None, stack), who, Rules(span))


def judged(config: Config, order: Order, recorded: StateConfig | None = None) -> Report:
    with ExitStack() as stack:
        return backtest(order, setting_of(config, TOKENS, recorded, stack), Rules(order.span))


@pytest.fixture(scope="module")
def small(small_log: SmallLog, signer: Signer, forest: Path, plain: Path) -> Match:
    """The online models, a bundle that says nothing, and one that says much."""
    return played(small_log.config(), contestants(signer, plain, forest))


def test_a_contestant_tells_what_a_replay_of_the_log_tells(small: Match, small_log: SmallLog, tmp_path: Path) -> None:
    feed = feed_of(small_log.config(), TOKENS, tmp_path / "letters")
    while not feed.finished:
        feed.advance()
        feed.keeper.commit()
    feed.keeper.conclude(None)
    told = {alert.alert_id: alert for alert in feed.keeper.alerts()}
    close_feed(feed)
    assert told
    assert {alert.alert_id: alert for alert in small.played[0].alerts} == told


def test_a_bundle_that_says_nothing_tells_what_the_online_models_tell(small: Match) -> None:
    online, plain, forest = ([(one.alert_id, one.updated_at, one.risk) for one in each.alerts] for each in small.played)
    assert online == plain
    assert small.played[0].days == small.played[1].days
    assert online != forest


@pytest.mark.slow
def test_the_report_does_not_depend_on_how_the_log_is_cut_or_goes_on(
    small_log: SmallLog, signer: Signer, forest: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    labels = read_labels(small_log.labels)
    order = Order(contestants(signer, forest), span_of("2026-03-06", "2026-03-09"), labels)
    whole = report_json(judged(small_log.config(), order))
    monkeypatch.setattr(match_module, "BATCH_RECORDS", 97)
    assert report_json(judged(small_log.config(), order)) == whole
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if b'"time":"2026-03-11T' in line)
    shorter = tmp_path / small_log.events.name
    shorter.write_bytes(b"".join(lines[: last + 1]))
    config = small_log.config(source={"paths": [str(shorter)]})
    assert report_json(judged(config, order)) == whole


def test_where_no_first_day_is_given_days_count_from_when_all_tell(small: Match, small_log: SmallLog) -> None:
    two = replace(small, played=small.played[:2])
    found = report_of(two, [Contestant(), Contestant()], Truth(), EVER, small_log.config(), 0)
    telling = min(day.day for day in small.played[0].days if day.telling)
    assert found.first == Calendar.date_of(telling).isoformat()
    assert number_of(found.first) - min(day.day for day in small.played[0].days) == 2  # a warm-up of three days
    assert all(found.first <= day <= found.last for figures in found.figures for day in figures.days)


def test_days_that_are_not_in_the_log_are_no_backtest(small: Match, small_log: SmallLog) -> None:
    with pytest.raises(BacktestError, match="no working day of these has closed"):
        report_of(small, [Contestant()] * 3, Truth(), span_of("2031-01-01", ""), small_log.config(), 0)


def test_levels_are_compared_day_by_day(small: Match) -> None:
    days = [day for day, _, _ in small.correlations]
    assert days == sorted(set(days))
    assert {day.day for day in small.played[0].days} >= set(days)
    assert all(-1.0 <= value <= 1.0 for _, value, _ in small.correlations)
    assert any(value < 0.9999 for _, value, _ in small.correlations)


@given(st.lists(st.floats(0, 60), min_size=2, max_size=30, unique=True), st.randoms(use_true_random=False))
def test_a_rank_correlation_is_that_of_ranks(levels: list[float], random: object) -> None:
    actors = [f"{place:02}" for place in range(len(levels))]
    one = Levels(actors, np.array(levels))
    assert rank_correlation(one, Levels(actors, np.argsort(np.argsort(levels)).astype(float))) == 1.0
    assert rank_correlation(one, Levels(actors, -np.array(levels))) == -1.0
    assert rank_correlation(one, Levels(actors, np.zeros(len(levels)))) is None
    assert rank_correlation(one, Levels(["a", "b"], np.ones(2))) is None


@pytest.mark.slow
def test_recorded_contexts_are_met_with_the_contestant_s_bundle(
    small_log: SmallLog, signer: Signer, forest: Path, plain: Path, small: Match, tmp_path: Path
) -> None:
    state = StateConfig(folder=tmp_path / "state")
    recording = small_log.config(state={"folder": str(tmp_path / "state")})
    feed = feed_of(recording, TOKENS, tmp_path / "letters")
    while not feed.finished:
        feed.advance()
    feed.keeper.adopt(replace(feed.keeper._setting.context, roster={}))
    feed.keeper.commit()
    close_feed(feed)
    config = small_log.config(context={})  # what is known beside the events is recorded and not named again
    with ExitStack() as stack:
        setting = setting_of(config, TOKENS, state, stack)
        again = play(setting, contestants(signer, forest), Rules(EVER))
        history = setting.history
        assert history is not None
        bundle = contestants(signer, plain)[1].bundle
        changes = Judge(history, bundle).changes("0")
        assert len(changes) == 2
        assert all(Judge(history, bundle).context(change.digest).champion is bundle for change in changes)
    told = [[alert.alert_id for alert in sorted(one.alerts, key=by_id)] for one in (again.played[0], small.played[0])]
    assert told[0] == told[1]
    assert {day.active["B01"] for day in again.played[0].days} != {0}


def by_id(alert: Alert) -> str:
    return alert.alert_id


@pytest.mark.slow
def test_a_topic_is_judged_up_to_its_present_end_as_its_records_in_a_file_are(
    small: Match, small_log: SmallLog, kafka_broker: Broker
) -> None:
    kafka_broker.publish("backtest", small_log.events.read_bytes().splitlines())
    config = small_log.config(source={"kafka": {"servers": [kafka_broker.address], "topic": "backtest"}})
    order = Order([Contestant(), Contestant()], span_of("2026-03-06", ""))
    with ExitStack() as stack:
        found = backtest(order, setting_of(config, TOKENS, None, stack), Rules(order.span, goes_on=True))
    assert found.log.shards == ["backtest-0-of-1"]
    assert number_of(found.last) == small.played[0].days[-2].day  # the last day is still open
    same = judged(small_log.config(), Order(order.contestants, span_of("2026-03-06", found.last)))
    assert found.figures == same.figures
    assert found.figures[0].alerts > 0
    with ExitStack() as stack:
        setting = setting_of(config, TOKENS, None, stack)
        told = backtest(replace(order, stories=2), setting, Rules(order.span, goes_on=True))
    assert told.truth == {"injected": 2}
    assert told.log.injected > 0


def test_a_log_of_which_nothing_can_be_read_is_no_backtest(small_log: SmallLog, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"what": 1}\n')
    order = Order([Contestant(), Contestant()])
    with pytest.raises(BacktestError, match="no event up to the last day could be read as 'native'"):
        judged(small_log.config(source={"paths": [str(tmp_path / "other.jsonl")]}), order)
    with pytest.raises(BacktestError, match="no event up to the last day"):
        judged(small_log.config(), Order([Contestant(), Contestant()], span_of("", "2020-01-01")))
    with pytest.raises(BacktestError, match="was still in its warm-up"):
        judged(small_log.config(risk={"warm_up_days": 90}), Order(order.contestants, span_of("", "2026-03-06")))


def test_a_stop_ends_it_at_once(small_log: SmallLog) -> None:
    with ExitStack() as stack:
        setting = setting_of(small_log.config(), TOKENS, None, stack)
        with pytest.raises(KeyboardInterrupt):
            play(setting, [Contestant(), Contestant()], Rules(EVER, stopped=lambda: True))


def test_a_report_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report"

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(BacktestError, match=r"cannot be written \(No space left"):
            publish(out, {"a": b"1", "b": b"2"})
    assert not out.exists()
    publish(out, {"a": b"3"})  # what was left of the first is gone
    assert [(path.name, sha256(path.read_bytes()).hexdigest()) for path in out.iterdir()] == [
        ("a", sha256(b"3").hexdigest())
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    with pytest.raises(BacktestError, match="exists already"):
        publish(out, {"a": b"4"})
    with pytest.raises(BacktestError, match="there is no folder"):
        publish(tmp_path / "none" / "report", {"a": b"4"})
