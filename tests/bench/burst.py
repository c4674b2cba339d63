"""What becomes of ten thousand alerts at once: grouped, throttled, told within the limits of the strictest chats."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.alerts.burst import EACH, START, burst_of
from tests.alerts.samples import Place
from tests.bench.load import figure

ALERTS = 10_000
NAMES = {
    "dingtalk": ("messages to dingtalk", "longest wait in dingtalk"),
    "wecom": ("messages to wecom", "longest wait in wecom"),
    "splunk": ("messages to splunk", "longest wait in splunk"),
}


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print messages, waits and limits, by the clock of the test; and how fast the desk was."""
    count = int(ALERTS * scale)
    say(f"{count:,} alerts of {count // EACH:,} people at once; chats get 30 an hour and digests, Splunk all")
    with TemporaryDirectory() as folder:
        burst = burst_of(Place(f"sqlite:///{Path(folder) / 'alerts.db'}"), count)
    say(figure("incidents", f"{burst.incidents:,}"))
    for name, (messages, wait) in NAMES.items():
        ear = burst.ears[name]
        waited = max(ear.heard.values()) - START
        spared = f"{burst.spared[name]:,} spared, {burst.throttled[name]:,} in digests of the hour"
        say(figure(messages, f"{len(ear.calls):,}", f"({len(ear.heard):,} alerts; {spared})"))
        say(figure(wait, f"{waited / 60:.0f} min", f"({ear.worst():.0%} of its limit at most)"))
    lost = sum(count - len(ear.heard) - burst.spared[name] for name, ear in burst.ears.items()) + burst.left
    say(figure("lost", str(lost), "(at most 0 wanted)"))
    say(figure("alerts a second of wall time", f"{count / burst.wall_s:,.0f}", "(decided, and told to all three)"))
