"""What is measured of running shards."""

from collections import Counter as EventCounts
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import Counter

from alerts.alert import Severity
from alerts.bundles import SHORT
from detector.bundles import trained_at
from detector.catalogue import RISKS, RUN, Instruments
from detector.closing import DECISIONS, Closed
from detector.context import Context
from detector.detections import DETECTIONS
from detector.drift import tally_of
from detector.engine import Engine
from detector.keeper import Keeper, no_clock
from detector.readiness import readiness
from detector.risk import HALF_RISK_LEVEL, level_of, risk_of
from detector.telling import MODEL_VERSION
from streams import Reason

if TYPE_CHECKING:
    from detector.worker import Worker

WORKER_EVENTS: Final = ("assigned", "revoked", "lost", "refused", "contexts")
MEASURED: Final = tuple(name for name, detection in DETECTIONS.items() if detection.measures)
"""The detections that have p-values."""
_PLACES: Final = [list(DETECTIONS).index(name) for name in MEASURED]
_RISK_LEVELS: Final = np.array([level_of(risk) for risk in RISKS])

_TOTALS: Final = {
    "innerwatch_events": "events",
    "innerwatch_late_events": "late",
    "innerwatch_duplicates": "duplicates",
    "innerwatch_dropped": "dropped",
    "innerwatch_unknown_keys": "unknown_keys",
    "innerwatch_judged_actors": "employee_days",
    "innerwatch_crowd_events": "crowded",
}
"""Counters that are one total of the shard."""
_TOTALS_BY_LABEL: Final = {
    "innerwatch_rejected": ("rejected", [reason.value for reason in Reason]),
    "innerwatch_findings": ("findings", list(DETECTIONS)),
    "innerwatch_alerts": ("alerts", [severity.value for severity in Severity]),
    "innerwatch_gate_decisions": ("days", DECISIONS),
}
"""Counters whose labels' totals have a prefix."""


class Metrics:
    """The part of the catalogue that is about a run, brought up to date once a batch.

    Args:
        now: Unix seconds.
    """

    def __init__(self, now: Callable[[], float] = no_clock) -> None:
        self._instruments = Instruments(RUN, {"innerwatch_p_value": MEASURED})
        self.registry = self._instruments.registry
        self._now = now
        self._gauges, self._histograms = self._instruments.gauges, self._instruments.histograms
        counters = self._instruments.counters
        self._totals: dict[str, Counter] = {key: counters[name] for name, key in _TOTALS.items()}
        for name, (prefix, labels) in _TOTALS_BY_LABEL.items():
            self._totals |= {f"{prefix}.{label}": counters[name].labels(label) for label in labels}
        self._worker_events = {event: counters["innerwatch_shard_events"].labels(event) for event in WORKER_EVENTS}
        self._gauges["innerwatch_model_info"].labels(MODEL_VERSION).set(1)
        self._events = EventCounts[str]()
        self._closed: dict[str, int] = {}  # the last day of each shard that was taken over
        self._shards = set[str]()
        self._bundles: dict[tuple[str, str, str], float] = {}  # role, name and short digest, and when it was trained

    def update(self, keepers: Sequence[Keeper], batch_s: float) -> None:
        """Take over where the shards stand after a batch that took ``batch_s`` seconds."""
        for keeper in keepers:
            self._update_shard(keeper)
        engines = [keeper.shard.engine for keeper in keepers]
        self._gauges["innerwatch_actors"].set(sum(len(engine.people) for engine in engines))
        self._gauges["innerwatch_budget_allowed"].set(
            sum(engine.config.risk.budget * engine.budget.employee_days / 1_000.0 for engine in engines)
        )
        self._gauges["innerwatch_budget_used"].set(sum(engine.budget.told for engine in engines))
        ready = [{item.detection for item in readiness(engine) if item.ready} for engine in engines]
        for detection in DETECTIONS:
            self._gauges["innerwatch_ready"].labels(detection).set(all(detection in one for one in ready))
        if any(keeper.closed for keeper in keepers):
            self._update_drift(engines)
        self._update_bundles([engine.context for engine in engines])
        self._histograms["innerwatch_batch_seconds"].observe(batch_s)

    def update_worker(self, worker: "Worker") -> None:
        """Take over how a member of a consumer group fares."""
        for event, counter in self._worker_events.items():
            counter.inc(worker.events[event] - self._events[event])
        self._events = worker.events.copy()
        self._histograms["innerwatch_poll_seconds"].observe(worker.poll_seconds)
        for shard, lag in worker.lag().items():
            self._gauges["innerwatch_lag_records"].labels(shard).set(lag)

    def update_complaints(self, count: int) -> None:
        """Take over how much there is to complain of in what is known beside the events."""
        self._gauges["innerwatch_context_complaints"].set(count)

    def update_presence(self, silent: Mapping[str, float], uncommitted: Mapping[str, float]) -> None:
        """Take over for how many seconds each shard that is here has had no record, and no checkpoint of one."""
        for shard, seconds in silent.items():
            self._gauges["innerwatch_silent_seconds"].labels(shard).set(seconds)
            self._gauges["innerwatch_uncommitted_seconds"].labels(shard).set(uncommitted[shard])
        for shard in self._shards - set(silent):
            for metric in RUN:
                if metric.labels == ("shard",):
                    with suppress(KeyError):
                        self._gauges[metric.name].remove(shard)
        self._shards = set(silent)
        self._gauges["innerwatch_shards"].set(len(silent))

    def _update_shard(self, keeper: Keeper) -> None:
        shard, engine = keeper.shard.name, keeper.shard.engine
        for key, count in keeper.news().items():
            if key in self._totals:
                self._totals[key].inc(count)
        if keeper.fresh and np.isfinite(engine.watermark):
            self._gauges["innerwatch_watermark_timestamp_seconds"].labels(shard).set(engine.watermark)
            latency = max(self._now() - engine.watermark, 0.0)
            self._histograms["innerwatch_event_latency_seconds"].observe(latency)
        self._gauges["innerwatch_threshold_risk"].labels(shard).set(risk_of(engine.budget.threshold))
        for seconds in keeper.checkpoint_seconds:
            self._histograms["innerwatch_checkpoint_seconds"].observe(seconds)
        for closed in keeper.closed:
            if closed.day > self._closed.get(shard, closed.day - 1):  # the same keeper may be asked twice
                self._closed[shard] = closed.day
                self._count_day(closed)

    def _count_day(self, closed: Closed) -> None:
        nats = closed.nats[:, _PLACES]
        self._instruments.tallies["innerwatch_p_value"].add(tally_of(nats), np.exp(-nats).sum(axis=0))
        places = np.minimum(np.searchsorted(_RISK_LEVELS, closed.risks), len(RISKS) - 1)
        risks = 100.0 * (1.0 - np.exp2(-closed.risks / HALF_RISK_LEVEL))
        self._instruments.tallies["innerwatch_risk"].add(np.bincount(places, minlength=len(RISKS)), risks.sum())

    def _update_bundles(self, contexts: Sequence[Context]) -> None:
        """Which bundles the shards go by; two of one role for as long as some of them have not met a promotion."""
        found = {
            (role, one.manifest.name, one.digest[:SHORT]): trained_at(one.manifest.created_at)
            for context in contexts
            for role, one in (("champion", context.champion), ("challenger", context.challenger))
            if one is not None
        }
        if found == self._bundles:
            return
        info, trained = (self._gauges[f"innerwatch_bundle_{name}"] for name in ("info", "trained_timestamp_seconds"))
        for gauge in (info, trained):
            gauge.clear()
        for labels, _ in sorted(found.items(), key=lambda item: -item[1]):  # of two of one role the oldest is told
            info.labels(*labels).set(1)
            trained.labels(labels[0]).set(found[labels])
        self._bundles = found

    def _update_drift(self, engines: Sequence[Engine]) -> None:
        """Of several shards the one that has shifted most; a detection that cannot be compared yet has no value."""
        indices = np.array([engine.drift.index()[_PLACES] for engine in engines])
        for name, column in zip(MEASURED, indices.T, strict=True):
            if not np.isnan(column).all():
                self._gauges["innerwatch_population_stability_index"].labels(name).set(float(np.nanmax(column)))
