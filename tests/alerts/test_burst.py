"""A flood is grouped, throttled, told within every limit, and lost nowhere."""

from pathlib import Path

import pytest

from tests.alerts.burst import CHATS, EACH, HOURLY, burst_of
from tests.alerts.samples import Place

pytestmark = pytest.mark.slow
ALERTS = 3_000  # `make bench` has ten thousand


def test_alerts_by_the_thousand_at_once_reach_the_strictest_within_their_limits(tmp_path: Path) -> None:
    burst = burst_of(Place(f"sqlite:///{tmp_path}/alerts.db"), ALERTS)
    assert burst.incidents == ALERTS / EACH
    assert burst.left == 0
    assert len(burst.ears["splunk"].heard) == ALERTS
    for name, ear in burst.ears.items():
        assert ear.repeats == 0
        assert ear.worst() <= 1.0
        assert len(ear.heard) + burst.spared[name] == ALERTS, "told, or spared for a reason that is kept"
    for name in CHATS:
        assert burst.spared[name] > 0
        assert burst.throttled[name] == len(burst.ears[name].heard) - HOURLY
    assert len(burst.ears["dingtalk"].calls) < ALERTS / 15, "digests, not one message an alert"
