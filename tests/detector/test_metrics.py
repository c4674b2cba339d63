"""What is measured of a run is what its shards know, by labels that are bounded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from detector.bundles import accepted
from detector.closing import DECISIONS
from detector.config import Config
from detector.context import read_context
from detector.detections import DETECTIONS
from detector.drift import P_VALUES
from detector.feed import BATCH_RECORDS, Feed
from detector.keeper import Keeper, Setting
from detector.metrics import MEASURED, Metrics
from detector.shard import SHARD
from streams import Position, Record, Tokens
from tests.detector.bundling import digest_of, signer_in
from tests.detector.small import KEY, SmallLog, close_feed, feed_of

INFO = "innerwatch_bundle_info"
LATER_S = 90.0
"""How long after an event's time the machine's clock says that it is judged."""


def values(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.fixture(scope="module")
def replayed(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> tuple[Feed, Metrics]:
    feed = feed_of(small_log.config(), Tokens(KEY), tmp_path_factory.mktemp("letters") / "letters")
    metrics = Metrics(lambda: feed.keeper.shard.engine.watermark + LATER_S)
    while not feed.source.finished:
        feed.advance()
        metrics.update(feed.keepers, 0.05)
        metrics.update(feed.keepers, 0.0)  # asked twice, nothing is counted twice
    close_feed(feed)
    return feed, metrics


def test_the_totals_are_those_of_the_shard_and_no_person_appears(replayed: tuple[Feed, Metrics]) -> None:
    feed, metrics = replayed
    counts, engine, found = feed.keeper.shard.counts, feed.keeper.shard.engine, values(metrics)
    assert found["innerwatch_events_total",] == counts["events"] > 1_000
    assert found["innerwatch_rejected_total", "not_json"] == counts["rejected.not_json"] > 0
    assert found["innerwatch_rejected_total", "future"] == 0
    assert found["innerwatch_judged_actors_total",] == counts["employee_days"] > 0
    assert found["innerwatch_alerts_total", "medium"] == counts["alerts.medium"]
    assert sum(found["innerwatch_findings_total", name] for name in DETECTIONS) == sum(
        count for name, count in counts.items() if name.startswith("findings.")
    )
    assert found["innerwatch_ready", "honey_record"] == found["innerwatch_ready", "bulk_export"] == 1
    assert found["innerwatch_budget_used",] == engine.budget.told
    assert found["innerwatch_watermark_timestamp_seconds", "0"] == engine.watermark
    assert 0 < found["innerwatch_threshold_risk", "0"] < 100
    text = generate_latest(metrics.registry).decode()
    assert not [name for name in engine.people.ids[1:] if name in text or feed.keeper.shard.pseudonym(name) in text]


def test_every_closed_day_is_in_the_distributions_once_and_so_is_what_the_gate_made_of_it(
    replayed: tuple[Feed, Metrics],
) -> None:
    feed, metrics = replayed
    counts, found = feed.keeper.shard.counts, values(metrics)
    assert found["innerwatch_risk_count",] == counts["employee_days"]
    assert 0 < found["innerwatch_risk_sum",] < 100 * counts["employee_days"]
    (days,) = {found["innerwatch_p_value_count", name] for name in MEASURED}
    assert 0 < days < counts["employee_days"]  # none of the warm-up's
    for name in MEASURED:
        below = [found["innerwatch_p_value_bucket", name, str(end)] for end in P_VALUES if end >= 1e-3]
        assert sorted(below) == below
        assert below[-1] == days
        assert found["innerwatch_p_value_sum", name] <= days
    decided = {name: found["innerwatch_gate_decisions_total", name] for name in DECISIONS}
    assert decided == {name: counts[f"days.{name}"] for name in DECISIONS}
    waiting = counts["employee_days"] - sum(decided.values())
    assert 0 <= waiting <= 12  # the day that closed last is learned with the next one
    assert decided["learned"] > decided["episode"] > 0


def test_latency_is_from_an_events_time_to_when_it_was_judged(replayed: tuple[Feed, Metrics]) -> None:
    found = values(replayed[1])
    batches = found["innerwatch_event_latency_seconds_count",]
    assert batches > 0
    assert found["innerwatch_event_latency_seconds_sum",] == pytest.approx(LATER_S * batches)
    assert found["innerwatch_event_latency_seconds_bucket", "60.0"] == 0
    assert found["innerwatch_event_latency_seconds_bucket", "300.0"] == batches


def test_an_index_of_drift_is_told_once_there_is_enough_to_compare(replayed: tuple[Feed, Metrics]) -> None:
    feed, metrics = replayed
    drift, name = feed.keeper.shard.engine.drift, MEASURED[0]
    assert ("innerwatch_population_stability_index", name) not in values(metrics)
    few = drift.snapshot()
    drift.restore({"days": few["days"].repeat(100, axis=0)[:35] * 100})
    metrics.update(feed.keepers, 0.0)
    assert values(metrics)["innerwatch_population_stability_index", name] >= 0
    drift.restore(few)


def test_checkpoints_are_timed_by_the_clock_that_was_given(small_log: SmallLog, tmp_path: Path) -> None:
    ticks = iter(range(10_000))
    config = small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 500})
    feed = feed_of(config, Tokens(KEY), tmp_path / "unused", lambda: float(next(ticks)))
    metrics = Metrics()
    feed.advance()
    metrics.update(feed.keepers, 0.05)
    close_feed(feed)
    found = values(metrics)
    assert found["innerwatch_checkpoint_seconds_count",] == found["innerwatch_checkpoint_seconds_sum",] == 1
    assert found["innerwatch_batch_seconds_count",] == 1


def test_two_shards_have_registries_of_their_own() -> None:
    assert Metrics().registry is not Metrics().registry


@pytest.mark.slow
def test_100_000_employees_and_a_million_events_leave_the_series_as_many() -> None:
    config = Config.model_validate({"risk": {"warm_up_days": 1}, "profiles": {"recent_events": 4096}})
    tokens = Tokens(KEY)
    keeper = Keeper(Setting(config, tokens, read_context(config, tokens)), SHARD)
    metrics, begin = Metrics(), datetime(2026, 3, 2, 1, tzinfo=UTC)
    events, employees = 1_000_000, 100_000
    seen: list[int] = []
    for first in range(0, events, BATCH_RECORDS):
        keeper.take(
            [_access(n, n % employees, begin + timedelta(days=n // 200_000, seconds=n % 200_000 / 10)) for n in
             range(first, min(first + BATCH_RECORDS, events))],
            "",
        )  # fmt: skip
        metrics.update([keeper], 0.01)
        if first == 10 * BATCH_RECORDS:
            seen.append(len(values(metrics)))
    found = values(metrics)
    assert found["innerwatch_actors",] > employees
    assert found["innerwatch_events_total",] > 0.99 * events
    assert found["innerwatch_p_value_count", MEASURED[0]] > 0
    assert seen == [len(found)]


def _access(number: int, employee: int, time: datetime) -> Record:
    raw = (
        f'{{"event_id":"e-{number}","time":"{time.isoformat()}","actor":{{"id":"E{employee}","role":"clerk"}},'
        f'"action":"read","resource":{{"system":"claims"}},"outcome":"success","subjects":["C-{number % 50_000}"],'
        f'"src":{{"host":"WS-{employee}"}}}}'
    )
    return Record(raw.encode(), Position("log", number))


def test_the_bundles_that_shards_go_by_are_told_and_those_that_went_are_not(
    small_log: SmallLog, tmp_path: Path
) -> None:
    signer = signer_in(tmp_path)
    spring, summer = (
        accepted(body, digest_of(body), signer.trusted)
        for body in (signer.seal(name, created_at=f"2026-{month}-01T00:00:00+00:00")
                     for name, month in (("spring", "03"), ("summer", "06")))
    )  # fmt: skip
    context, metrics = read_context(small_log.config(), Tokens(KEY)), Metrics()
    setting = Setting(small_log.config(), Tokens(KEY), context)
    keepers = [Keeper(setting, SHARD, tmp_path / "one"), Keeper(setting, "1", tmp_path / "two")]

    def told() -> dict[tuple[str, ...], float]:
        metrics.update(keepers, 0.0)
        return {labels: value for labels, value in values(metrics).items() if labels[0].startswith("innerwatch_bundle")}

    assert told() == {}
    trained = "innerwatch_bundle_trained_timestamp_seconds"
    old, new = (datetime(2026, month, 1, tzinfo=UTC).timestamp() for month in (3, 6))
    for keeper in keepers:
        assert keeper.adopt(replace(context, champion=spring, challenger=summer))
    first = {(INFO, spring.digest[:12], "spring", "champion"): 1.0, (trained, "champion"): old}
    second = {(INFO, summer.digest[:12], "summer", "challenger"): 1.0, (trained, "challenger"): new}
    assert told() == first | second
    keepers[0].adopt(replace(context, champion=summer))
    other = {(INFO, summer.digest[:12], "summer", "champion"): 1.0}
    assert told() == first | second | other, "the other shard still goes by both; the older one is told"
    keepers[1].adopt(replace(context, champion=summer))
    assert told() == other | {(trained, "champion"): new}
    for keeper in keepers:
        keeper.adopt(context)
        keeper.close()
    assert told() == {}
