"""What is measured of the queue and of delivery."""

from collections.abc import Collection, Iterable
from typing import Final

import numpy as np

from alerts.alert import Severity
from alerts.desk import DESK, Desk
from alerts.incident import State, Verdict
from alerts.receivers.receiver import Outcome, Result
from alerts.workload import AGES, Workload
from detector.catalogue import DELIVER, Instruments
from detector.detections import DETECTIONS

LOOK_S: Final = 15.0
"""Between two looks into the database."""
PERCENTILES: Final = (50, 90)
STATES: Final = tuple(state.value for state in State if state is not State.CLOSED)
VERDICTS: Final = tuple(verdict.value for verdict in Verdict if verdict is not Verdict.NONE)
PENDING: Final = ("waiting", "dead")
JUDGED: Final = (Verdict.TRUE_POSITIVE.value, Verdict.BENIGN_POSITIVE.value, Verdict.FALSE_POSITIVE.value)


class DeskMetrics:
    """The part of the catalogue that is about the queue: read at intervals, deliveries as they are tried.

    Args:
        receivers: the names of those who are told.
    """

    def __init__(self, receivers: Iterable[str]) -> None:
        instruments = Instruments(DELIVER)
        self.registry = instruments.registry
        self._gauges = instruments.gauges
        self._deliveries = instruments.counters["innerwatch_deliveries"]
        self._receivers = sorted(receivers)
        self._next = 0.0
        self._first = {DESK: (-1, 0.0)}  # of each queue: the first sequence, and since when
        for receiver in self._receivers:
            for result in Result:
                self._deliveries.labels(receiver, result.value)

    def delivery(self, receiver: str, outcome: Outcome) -> None:
        """Count how a delivery went."""
        self._deliveries.labels(receiver, outcome.result.value).inc()

    def look(self, desk: Desk, failing: Collection[str], now: float) -> None:
        """Read the queue, unless that was done a moment ago; ``failing`` are receivers that are left alone.

        Raises:
            AlertsError: the database cannot be read.
        """
        if now < self._next:
            return
        self._update_work(work := desk.workload(now))
        self._update_delivery(work, failing, now)
        self._gauges["innerwatch_desk_read_timestamp_seconds"].set(now)
        self._next = now + LOOK_S

    def _update_work(self, work: Workload) -> None:
        for state in STATES:
            for severity in Severity:
                for age in AGES:
                    key = state, severity.value, age
                    self._gauges["innerwatch_incidents"].labels(*key).set(work.incidents.get(key, 0))
        for name in ("innerwatch_acknowledge_seconds", "innerwatch_false_positive_ratio"):
            self._gauges[name].clear()  # what is too old has no value any more
        for percentile in PERCENTILES if work.acknowledged_s else ():
            seconds = float(np.percentile(work.acknowledged_s, percentile))
            self._gauges["innerwatch_acknowledge_seconds"].labels(str(percentile)).set(seconds)
        for verdict in VERDICTS:
            self._gauges["innerwatch_verdicts"].labels(verdict).set(work.verdicts.get(verdict, 0))
        for detection in DETECTIONS:
            counts = {verdict: work.detections.get((detection, verdict), 0) for verdict in VERDICTS}
            for verdict, count in counts.items():
                self._gauges["innerwatch_detection_verdicts"].labels(detection, verdict).set(count)
            if judged := sum(counts[verdict] for verdict in JUDGED):
                share = counts[Verdict.FALSE_POSITIVE.value] / judged
                self._gauges["innerwatch_false_positive_ratio"].labels(detection).set(share)

    def _update_delivery(self, work: Workload, failing: Collection[str], now: float) -> None:
        for receiver in self._receivers:
            for state in PENDING:
                count = work.pending.get((receiver, state), 0)
                self._gauges["innerwatch_deliveries_pending"].labels(receiver, state).set(count)
            self._gauges["innerwatch_delivery_age_seconds"].labels(receiver).set(work.oldest_s.get(receiver, 0.0))
            self._gauges["innerwatch_receiver_failing"].labels(receiver).set(receiver in failing)
        for queue in work.outbox.keys() | self._first.keys():
            count, first = work.outbox.get(queue, (0, -1))
            former, since = self._first.get(queue, (-1, now))
            since = since if first == former and count else now
            self._first[queue] = first, since
            self._gauges["innerwatch_outbox_alerts"].labels(queue).set(count)
            self._gauges["innerwatch_outbox_age_seconds"].labels(queue).set(now - since)
