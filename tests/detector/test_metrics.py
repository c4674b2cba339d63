"""The catalogue is what is told, labels are bounded, and the endpoint stays on this machine."""

from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from detector.detections import DETECTIONS
from detector.metrics import CATALOGUE, Metrics
from streams import Tokens
from tests.detector.small import KEY, SmallLog, close_feed, feed_of

LABELS = {"event", "reason", "detection", "severity", "le"}


def values(metrics: Metrics) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_the_totals_are_those_of_the_shard_and_no_person_appears(small_log: SmallLog, tmp_path: Path) -> None:
    feed = feed_of(small_log.config(), Tokens(KEY), tmp_path / "letters")
    metrics = Metrics()
    while not feed.source.finished:
        feed.advance()
        metrics.update(feed.keepers, 0.05)
    close_feed(feed)
    counts, engine, found = feed.keeper.shard.counts, feed.keeper.shard.engine, values(metrics)
    assert found["innerwatch_events_total", ""] == counts["events"] > 1_000
    assert found["innerwatch_rejected_total", "not_json"] == counts["rejected.not_json"] > 0
    assert found["innerwatch_rejected_total", "future"] == 0
    assert found["innerwatch_employee_days_total", ""] == counts["employee_days"] > 0
    assert found["innerwatch_alerts_total", "medium"] == counts["alerts.medium"]
    assert sum(found["innerwatch_findings_total", name] for name in DETECTIONS) == sum(
        count for name, count in counts.items() if name.startswith("findings.")
    )
    assert found["innerwatch_ready", "honey_record"] == found["innerwatch_ready", "bulk_export"] == 1
    assert found["innerwatch_budget_used", ""] == engine.budget.told
    assert found["innerwatch_watermark_seconds", "0"] == engine.watermark
    text = generate_latest(metrics.registry).decode()
    assert not [name for name in engine.people.ids[1:] if name in text or feed.keeper.shard.pseudonym(name) in text]


def test_every_metric_of_the_catalogue_is_told_and_no_other_with_known_labels_alone() -> None:
    metrics = Metrics()
    families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    told = {family.name.removesuffix("_created") for family in families}
    assert told == {metric.name for metric in CATALOGUE}
    assert {label for family in families for sample in family.samples for label in sample.labels} <= LABELS
    assert all(metric.help.endswith(".") for metric in CATALOGUE)


def test_checkpoints_are_timed_by_the_clock_that_was_given(small_log: SmallLog, tmp_path: Path) -> None:
    ticks = iter(range(10_000))
    config = small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 500})
    feed = feed_of(config, Tokens(KEY), tmp_path / "unused", lambda: float(next(ticks)))
    metrics = Metrics()
    feed.advance()
    metrics.update(feed.keepers, 0.05)
    close_feed(feed)
    found = values(metrics)
    assert found["innerwatch_checkpoint_seconds_count", ""] == found["innerwatch_checkpoint_seconds_sum", ""] == 1
    assert found["innerwatch_batch_seconds_count", ""] == 1


def test_two_shards_have_registries_of_their_own() -> None:
    assert Metrics().registry is not Metrics().registry
