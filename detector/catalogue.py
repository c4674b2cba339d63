"""Every metric there is, in one literal table, and the instruments made from it."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from detector.drift import P_VALUES

SECONDS: Final = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
LATENCIES: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)
RISKS: Final = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


class Metric(NamedTuple):
    """One line of the catalogue; `buckets` are of histograms alone."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "tally"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS


EVERY: Final = (
    Metric("innerwatch_build_info", "gauge", "1, with the release that runs.", ("version", "python")),
)  # fmt: skip
"""Of every process."""
RUN: Final = (
    *EVERY,
    Metric("innerwatch_model_info", "gauge", "1, with the version of the models that judge.", ("version",)),
    Metric("innerwatch_events", "counter", "Events scored."),
    Metric("innerwatch_rejected", "counter", "Records kept out as dead letters.", ("reason",)),
    Metric("innerwatch_late_events", "counter", "Events scored but not learned, since they were late."),
    Metric("innerwatch_duplicates", "counter", "Events dropped because their id was seen before."),
    Metric("innerwatch_dropped", "counter", "Records that a drop rule of the mapping took out."),
    Metric("innerwatch_unknown_keys", "counter", "Keys that the input contract does not know."),
    Metric("innerwatch_actors", "gauge", "Actors that have a profile."),
    Metric("innerwatch_crowd_events", "counter", "Events of actors for whom there was no room."),
    Metric("innerwatch_watermark_timestamp_seconds", "gauge", "The newest event's time, Unix seconds.", ("shard",)),
    Metric(
        "innerwatch_event_latency_seconds",
        "histogram",
        "From the time of a batch's newest event to when it was judged.",
        (),
        LATENCIES,
    ),
    Metric("innerwatch_batch_seconds", "histogram", "From reading a batch to telling its alerts."),
    Metric("innerwatch_checkpoint_seconds", "histogram", "Time to write and commit a checkpoint."),
    Metric("innerwatch_uncommitted_seconds", "gauge", "Age of the oldest record without a checkpoint.", ("shard",)),
    Metric("innerwatch_findings", "counter", "Findings.", ("detection",)),
    Metric("innerwatch_alerts", "counter", "Alerts opened.", ("severity",)),
    Metric("innerwatch_p_value", "tally", "p-values of closed actor-days after the warm-up.", ("detection",), P_VALUES),
    Metric("innerwatch_risk", "tally", "Risk of closed actor-days, 0 to 100.", (), RISKS),
    Metric(
        "innerwatch_population_stability_index",
        "gauge",
        "Of the p-values of the last 7 days against the 28 before; above 0.25 they have shifted.",
        ("detection",),
    ),
    Metric("innerwatch_threshold_risk", "gauge", "Risk from which on an actor-day is told now, 0 to 100.", ("shard",)),
    Metric("innerwatch_budget_allowed", "gauge", "Alerts that the budget allows for the employee-days so far."),
    Metric("innerwatch_budget_used", "gauge", "Alerts told from that budget."),
    Metric("innerwatch_ready", "gauge", "1 if the detection can judge, else 0.", ("detection",)),
    Metric("innerwatch_judged_actors", "counter", "Actors judged, once for each day on which they were active."),
    Metric(
        "innerwatch_gate_decisions",
        "counter",
        "Closed days of actors by whether they were learned, or why not.",
        ("decision",),
    ),
    Metric("innerwatch_shards", "gauge", "Shards that are here."),
    Metric(
        "innerwatch_shard_events",
        "counter",
        "Shards that came, went, changed context, were refused.",
        ("event",),
    ),
    Metric(
        "innerwatch_context_complaints",
        "gauge",
        "What of the context could not be taken over: entries of its topic, a refused bundle, a failed look.",
    ),
    Metric(
        "innerwatch_bundle_info",
        "gauge",
        "1 for the bundle that judges (champion), and for the one scored beside it (challenger).",
        ("role", "name", "digest"),
    ),
    Metric("innerwatch_bundle_trained_timestamp_seconds", "gauge", "When each was trained, Unix seconds.", ("role",)),
    Metric("innerwatch_lag_records", "gauge", "Records in the partition that were not read yet.", ("shard",)),
    Metric("innerwatch_silent_seconds", "gauge", "Time since the last record.", ("shard",)),
    Metric("innerwatch_poll_seconds", "histogram", "Time to wait for records from Kafka."),
)
"""Of `innerwatch run`."""
DELIVER: Final = (
    *EVERY,
    Metric("innerwatch_incidents", "gauge", "Incidents that are not closed.", ("state", "severity", "age")),
    Metric(
        "innerwatch_acknowledge_seconds",
        "gauge",
        "From opening to the first work on incidents of the last 30 days, in percentiles.",
        ("percentile",),
    ),
    Metric("innerwatch_verdicts", "gauge", "Incidents closed in the last 30 days.", ("verdict",)),
    Metric("innerwatch_detection_verdicts", "gauge", "The same by what was found in them.", ("detection", "verdict")),
    Metric(
        "innerwatch_false_positive_ratio",
        "gauge",
        "Share of false positives in the incidents closed with a verdict in the last 30 days.",
        ("detection",),
    ),
    Metric("innerwatch_deliveries", "counter", "Notices tried.", ("receiver", "result")),
    Metric("innerwatch_deliveries_pending", "gauge", "Notices that wait, or are dead.", ("receiver", "state")),
    Metric("innerwatch_delivery_age_seconds", "gauge", "Age of the oldest notice that should be told.", ("receiver",)),
    Metric("innerwatch_receiver_failing", "gauge", "1 while it failed and is left alone, else 0.", ("receiver",)),
    Metric("innerwatch_outbox_alerts", "gauge", "Alerts that wait for the desk or a topic.", ("queue",)),
    Metric("innerwatch_outbox_age_seconds", "gauge", "For how long the first of them has been the first.", ("queue",)),
    Metric("innerwatch_desk_read_timestamp_seconds", "gauge", "When these were last read, Unix seconds."),
)
"""Of `innerwatch deliver`; read from the database, which other processes write."""
SERVE: Final = (
    *EVERY,
    Metric("innerwatch_requests", "counter", "Requests answered by the API.", ("operation", "status")),
    Metric("innerwatch_request_seconds", "histogram", "Time to answer one."),
    Metric(
        "innerwatch_inbound",
        "counter",
        "Messages of receivers' tools, by what became of them or why they were refused.",
        ("receiver", "result"),
    ),
)
"""Of `innerwatch serve`."""
CATALOGUE: Final = tuple(dict.fromkeys((*RUN, *DELIVER, *SERVE)))
"""Every metric there is. Labels have few values, known beforehand; no label and no name is about a person."""


class Tally:
    """A histogram that takes many values at once, as the numbers that fell into its buckets.

    Args:
        metric: its line; values above its last bucket's end do not occur.
        labels: the values of its label; (), if it has none.
    """

    def __init__(self, metric: Metric, labels: Sequence[str]) -> None:
        self._metric, self._labels = metric, [(label,) for label in labels] if metric.labels else [()]
        self._counts = np.zeros((len(self._labels), len(metric.buckets)))
        self._sums = np.zeros(len(self._labels))

    def add(self, counts: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
        """Count values of all labels: how many fell into each bucket, (labels, buckets), and their sums, (labels,)."""
        self._counts += counts
        self._sums += sums

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The values so far, as Prometheus wants them."""
        metric = self._metric
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        ends = [*map(floatToGoString, metric.buckets), "+Inf"]
        for label, counts, total in zip(self._labels, np.cumsum(self._counts, axis=1), self._sums, strict=True):
            buckets = list(zip(ends, [*counts.tolist(), float(counts[-1])], strict=True))
            family.add_metric(label, buckets, float(total))
        yield family


class Instruments:
    """Some lines of the catalogue as instruments, in a registry of their own, beside those of the process itself.

    Args:
        metrics: the lines.
        tallied: for each tally with a label, the values of that.
    """

    def __init__(self, metrics: Sequence[Metric], tallied: dict[str, Sequence[str]] | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.counters: dict[str, Counter] = {}
        self.gauges: dict[str, Gauge] = {}
        self.histograms: dict[str, Histogram] = {}
        self.tallies: dict[str, Tally] = {}
        ProcessCollector(registry=self.registry)
        for metric in metrics:
            named = metric.name, metric.help, metric.labels
            if metric.kind == "counter":
                self.counters[metric.name] = Counter(*named, registry=self.registry)
            elif metric.kind == "gauge":
                self.gauges[metric.name] = Gauge(*named, registry=self.registry)
            elif metric.kind == "histogram":
                self.histograms[metric.name] = Histogram(*named, registry=self.registry, buckets=metric.buckets)
            else:
                tally = self.tallies[metric.name] = Tally(metric, (tallied or {}).get(metric.name, ()))
                self.registry.register(tally)
        self.gauges["innerwatch_build_info"].labels(version("innerwatch"), platform.python_version()).set(1)
