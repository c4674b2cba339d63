"""What the API tells Prometheus of itself: bounded by operations, classes of status and the configured senders."""

from prometheus_client.parser import text_string_to_metric_families

from alerts.inbound.hearing import Heard
from alerts.inbound.inbound import WHY
from detector.serve_metrics import ServeMetrics


def values(metrics: ServeMetrics, family: str) -> dict[tuple[str, ...], float]:
    (found,) = [one for one in text_string_to_metric_families(metrics.page().decode()) if one.name == family]
    return {tuple(one.labels.values()): one.value for one in found.samples if not one.name.endswith("_created")}


def test_requests_are_counted_by_operation_and_class_of_status() -> None:
    metrics = ServeMetrics([])
    for operation, status in (("list_incidents", 200), ("list_incidents", 200), ("list_incidents", 503), ("", 404)):
        metrics.answered(operation, status, 0.01)
    assert values(metrics, "innerwatch_requests") == {
        ("list_incidents", "2xx"): 2.0, ("list_incidents", "5xx"): 1.0, ("none", "4xx"): 1.0,
    }  # fmt: skip
    assert values(metrics, "innerwatch_request_seconds")[()] > 0


def test_a_sender_is_there_before_its_first_message_and_each_way_a_message_can_go_has_a_name() -> None:
    metrics = ServeMetrics(["soc"])
    assert values(metrics, "innerwatch_inbound") == {
        ("soc", result): 0.0 for result in (*(one.value for one in Heard), *WHY.values())
    }
    metrics.came("soc", "signature")
    assert values(metrics, "innerwatch_inbound")["soc", "signature"] == 1.0
