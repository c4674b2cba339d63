"""What is measured of the API and of what receivers' tools post to it."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import generate_latest

from alerts.inbound.hearing import Heard
from alerts.inbound.inbound import WHY
from detector.catalogue import SERVE, Instruments

RESULTS: Final = (*(heard.value for heard in Heard), *WHY.values())


class ServeMetrics:
    """The part of the catalogue that is about the API.

    Args:
        senders: the names of the receivers whose tools may post.
    """

    def __init__(self, senders: Iterable[str]) -> None:
        instruments = Instruments(SERVE)
        self._registry = instruments.registry
        self._requests = instruments.counters["innerwatch_requests"]
        self._seconds = instruments.histograms["innerwatch_request_seconds"]
        self._inbound = instruments.counters["innerwatch_inbound"]
        for sender in senders:
            for result in RESULTS:
                self._inbound.labels(sender, result)

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count a request; of a path or method that is none the operation is "none"."""
        self._requests.labels(operation or "none", f"{status // 100}xx").inc()
        self._seconds.observe(seconds)

    def came(self, receiver: str, result: str) -> None:
        """Count a message of a receiver's tool."""
        self._inbound.labels(receiver, result).inc()

    def page(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self._registry)
