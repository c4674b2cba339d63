"""Names and units are as Prometheus wants them, labels are bounded, and instruments are what the catalogue says."""

import re

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alerts.alert import Severity
from detector.catalogue import CATALOGUE, DELIVER, RUN, SERVE, Instruments, Metric, Tally
from detector.detections import DETECTIONS

LABELS = {
    "age", "decision", "detection", "event", "operation", "percentile", "python", "queue", "reason", "receiver",
    "result", "role", "severity", "shard", "state", "status", "verdict", "version",
}  # fmt: skip
OF_BUNDLES = {"name", "digest"}
"""Bounded by what is told: no bundle but those that judge or are scored beside them."""
UNITS = {"second", "minute", "hour", "day", "ms", "milliseconds", "percent", "kilobytes", "mb"}
OURS = re.compile(r"^innerwatch_")


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_is_named_by_prometheus_rules(metric: Metric) -> None:
    assert re.fullmatch(r"innerwatch(_[a-z]+)+", metric.name)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))  # which the client or nobody adds
    assert not set(metric.name.split("_")) & UNITS
    assert re.fullmatch(r"[A-Z0-9-p].*\.", metric.help)
    if metric.name.endswith("_info"):
        assert metric.kind == "gauge"
    if metric.name.endswith("_ratio"):
        assert "hare" in metric.help


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_its_labels_are_among_those_that_are_bounded(metric: Metric) -> None:
    assert set(metric.labels) <= LABELS | (OF_BUNDLES if metric.name == "innerwatch_bundle_info" else set())
    assert "le" not in metric.labels
    assert sorted(metric.buckets) == list(metric.buckets)


def test_no_name_is_there_twice() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metrics", [RUN, DELIVER, SERVE], ids=["run", "deliver", "serve"])
def test_what_a_process_tells_is_what_its_part_of_the_catalogue_says(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics, {"innerwatch_p_value": list(DETECTIONS)})
    families = list(text_string_to_metric_families(generate_latest(instruments.registry).decode()))
    ours = {family.name: family for family in families if OURS.match(family.name)}
    assert {name.removesuffix("_created") for name in ours} == {metric.name for metric in metrics}
    for metric in metrics:
        family = ours[metric.name]
        assert (family.type, family.documentation) == (metric.kind.replace("tally", "histogram"), metric.help)
    assert {family.name for family in families} - set(ours) <= {
        "process_virtual_memory_bytes", "process_resident_memory_bytes", "process_start_time_seconds",
        "process_cpu_seconds", "process_open_fds", "process_max_fds",
    }  # fmt: skip
    (build,) = ours["innerwatch_build_info"].samples
    assert set(build.labels) == {"version", "python"}


def test_a_tally_is_a_histogram_of_all_that_was_added() -> None:
    registry = CollectorRegistry(auto_describe=True)
    tally = Tally(Metric("x", "tally", "X.", ("severity",), (1.0, 2.0)), [Severity.LOW.value, Severity.HIGH.value])
    registry.register(tally)
    tally.add(np.array([[1, 2], [0, 0]]), np.array([4.5, 0.0]))
    tally.add(np.array([[0, 1], [3, 0]]), np.array([1.5, 2.0]))
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    assert family.type == "histogram"
    found = {(one.name, *one.labels.values()): one.value for one in family.samples}
    low = {("x_bucket", "1.0", "low"): 1, ("x_bucket", "2.0", "low"): 4, ("x_bucket", "+Inf", "low"): 4}
    assert low.items() <= found.items()
    assert (found["x_count", "low"], found["x_sum", "low"]) == (4, 6.0)
    assert (found["x_count", "high"], found["x_sum", "high"]) == (3, 2.0)
