"""What is measured of running shards."""

from collections import Counter as EventCounts
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerts.alert import Severity
from detector.detections import DETECTIONS
from detector.keeper import Keeper
from detector.readiness import readiness
from streams import Reason

if TYPE_CHECKING:
    from detector.worker import Worker

SECONDS: Final = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class Metric(NamedTuple):
    """One line of the catalogue."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


CATALOGUE: Final = (
    Metric("innerwatch_events", "counter", "Events scored."),
    Metric("innerwatch_rejected", "counter", "Records kept out as dead letters.", ("reason",)),
    Metric("innerwatch_late_events", "counter", "Events scored but not learned, since they were late."),
    Metric("innerwatch_duplicates", "counter", "Events dropped because their id was seen before."),
    Metric("innerwatch_dropped", "counter", "Records that a drop rule of the mapping took out."),
    Metric("innerwatch_unknown_keys", "counter", "Keys that the input contract does not know."),
    Metric("innerwatch_actors", "gauge", "Actors that have a profile."),
    Metric("innerwatch_crowd_events", "counter", "Events of actors for whom there was no room."),
    Metric("innerwatch_watermark_seconds", "gauge", "The newest event's time, Unix seconds.", ("shard",)),
    Metric("innerwatch_checkpoint_seconds", "histogram", "Time to write and commit a checkpoint."),
    Metric("innerwatch_batch_seconds", "histogram", "Time from reading a batch to telling its alerts."),
    Metric("innerwatch_findings", "counter", "Findings.", ("detection",)),
    Metric("innerwatch_alerts", "counter", "Alerts opened.", ("severity",)),
    Metric("innerwatch_budget_allowed", "gauge", "Alerts that the budget allows for the employee-days so far."),
    Metric("innerwatch_budget_used", "gauge", "Alerts told from that budget."),
    Metric("innerwatch_ready", "gauge", "1 if the detection can judge, else 0.", ("detection",)),
    Metric("innerwatch_employee_days", "counter", "Days of active employees judged."),
    Metric("innerwatch_shards", "gauge", "Shards that are here."),
    Metric(
        "innerwatch_shard_events",
        "counter",
        "Shards that came, went, changed context, were refused.",
        ("event",),
    ),
    Metric("innerwatch_lag_records", "gauge", "Records in the partition that were not read yet.", ("shard",)),
    Metric("innerwatch_silent_seconds", "gauge", "Time since the last record.", ("shard",)),
    Metric("innerwatch_poll_seconds", "histogram", "Time to wait for records from Kafka."),
)
"""Every metric there is. Labels have few values, known beforehand; no label and no name is about a person."""
WORKER_EVENTS: Final = ("assigned", "revoked", "lost", "refused", "contexts")

_TOTALS: Final = {
    "innerwatch_events": "events",
    "innerwatch_late_events": "late",
    "innerwatch_duplicates": "duplicates",
    "innerwatch_dropped": "dropped",
    "innerwatch_unknown_keys": "unknown_keys",
    "innerwatch_employee_days": "employee_days",
    "innerwatch_crowd_events": "crowded",
}
"""Counters that are one total of the shard."""
_TOTALS_BY_LABEL: Final = {
    "innerwatch_rejected": "rejected",
    "innerwatch_findings": "findings",
    "innerwatch_alerts": "alerts",
}
"""Counters whose labels' totals have this prefix."""


class Metrics:
    """The catalogue with its values, in a registry of its own; brought up to date once a batch."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in CATALOGUE:
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(*_named(metric), registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[metric.name] = Gauge(*_named(metric), registry=self.registry)
            else:
                self._histograms[metric.name] = Histogram(*_named(metric), registry=self.registry, buckets=SECONDS)
        self._labels: Mapping[str, Sequence[str]] = {
            "innerwatch_rejected": [reason.value for reason in Reason],
            "innerwatch_findings": list(DETECTIONS),
            "innerwatch_alerts": [severity.value for severity in Severity],
            "innerwatch_shard_events": WORKER_EVENTS,
        }
        for name, labels in self._labels.items():
            for label in labels:
                self._counters[name].labels(label)
        self._events = EventCounts[str]()
        self._shards = set[str]()

    def update(self, keepers: Sequence[Keeper], batch_s: float) -> None:
        """Take over where the shards stand after a batch that took ``batch_s`` seconds."""
        engines = [keeper.shard.engine for keeper in keepers]
        for keeper in keepers:
            self._count(keeper.news())
            self._gauges["innerwatch_watermark_seconds"].labels(keeper.shard.name).set(
                max(keeper.shard.engine.watermark, 0.0)
            )
            for seconds in keeper.checkpoint_seconds:
                self._histograms["innerwatch_checkpoint_seconds"].observe(seconds)
        self._gauges["innerwatch_actors"].set(sum(len(engine.people) for engine in engines))
        self._gauges["innerwatch_budget_allowed"].set(
            sum(engine.config.risk.budget * engine.budget.employee_days / 1_000.0 for engine in engines)
        )
        self._gauges["innerwatch_budget_used"].set(sum(engine.budget.told for engine in engines))
        ready = [{item.detection for item in readiness(engine) if item.ready} for engine in engines]
        for detection in DETECTIONS:
            self._gauges["innerwatch_ready"].labels(detection).set(all(detection in one for one in ready))
        self._histograms["innerwatch_batch_seconds"].observe(batch_s)

    def update_worker(self, worker: "Worker") -> None:
        """Take over how a member of a consumer group fares."""
        for event in WORKER_EVENTS:
            self._counters["innerwatch_shard_events"].labels(event).inc(worker.events[event] - self._events[event])
        self._events = worker.events.copy()
        self._histograms["innerwatch_poll_seconds"].observe(worker.poll_seconds)
        for shard, lag in worker.lag().items():
            self._gauges["innerwatch_lag_records"].labels(shard).set(lag)

    def update_presence(self, seconds: Mapping[str, float]) -> None:
        """Take over for how long each shard that is here has had no record."""
        for shard, silent_s in seconds.items():
            self._gauges["innerwatch_silent_seconds"].labels(shard).set(silent_s)
        for shard in self._shards - set(seconds):
            for metric in CATALOGUE:
                if metric.labels == ("shard",):
                    with suppress(KeyError):
                        self._gauges[metric.name].remove(shard)
        self._shards = set(seconds)
        self._gauges["innerwatch_shards"].set(len(seconds))

    def _count(self, news: Mapping[str, int]) -> None:
        for name, key in _TOTALS.items():
            self._counters[name].inc(news[key])
        for name, prefix in _TOTALS_BY_LABEL.items():
            for label in self._labels[name]:
                self._counters[name].labels(label).inc(news[f"{prefix}.{label}"])


def _named(metric: Metric) -> tuple[str, str, tuple[str, ...]]:
    return metric.name, metric.help, metric.labels
