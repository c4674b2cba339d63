"""Ten thousand alerts at once, told to the strictest chats and to a tool on a clock of its own."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.pipeline import HOUR_S, Routing, Why, pipeline_of
from alerts.receivers.dingtalk import DingTalk
from alerts.receivers.receiver import Limits, Notice, Outcome, Result
from alerts.receivers.splunk import Splunk
from alerts.receivers.wecom import WeCom
from alerts.store import Store
from tests.alerts.samples import Place, make_alert, make_checkpoint

START: Final = 1_772_000_000.0
EACH: Final = 4  # alerts of a person
HOURLY: Final = 30
RECEIVERS: Final = {"dingtalk": DingTalk.limits, "wecom": WeCom.limits, "splunk": Splunk.limits}
CHATS: Final = ("dingtalk", "wecom")


@dataclass
class Ear:
    """Takes everything, and remembers when and how much."""

    limits: Limits
    calls: list[tuple[float, int]] = field(default_factory=list)
    heard: dict[str, float] = field(default_factory=dict)
    repeats: int = 0

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        self.calls.append((now, len(notices)))
        for notice in notices:
            self.repeats += notice.alert.alert_id in self.heard
            self.heard.setdefault(notice.alert.alert_id, now)
        return [Outcome(Result.DELIVERED)] * len(notices)

    def close(self) -> None:
        """Nothing."""

    def worst(self) -> float:
        """The largest share of what its limits allow in any window of them, 1.0 being all."""
        times = [now for now, _ in self.calls]
        first, most = 0, 0
        for last, now in enumerate(times):
            while times[first] <= now - self.limits.per_s:
                first += 1
            most = max(most, last - first + 1)
        return max(most / self.limits.calls, max((count for _, count in self.calls), default=0) / self.limits.batch)


@dataclass
class Burst:
    """What became of it."""

    alerts: int
    incidents: int
    ears: dict[str, Ear]
    spared: Counter[str]
    throttled: Counter[str]
    left: int
    wall_s: float


def burst_of(place: Place, count: int) -> Burst:
    """Commit so many alerts at once, and tell until nothing waits."""
    ears = {name: Ear(limits) for name, limits in RECEIVERS.items()}
    with closing(place.open()) as store, closing(Desk(place.url, place.password_file)) as desk:
        commit(store, count)
        desk.acquire()
        stages = pipeline_of(Routing([], ZoneInfo("UTC")), dict.fromkeys(CHATS, 8.0), dict.fromkeys(CHATS, HOURLY))
        dispatcher = Dispatcher(desk, {name: Post(ear) for name, ear in ears.items()}, stages)
        began, now = perf_counter(), START
        while dispatcher.step(now) or desk.next_due():
            now += max(dispatcher.wait_s(now, HOUR_S), 0.2)
        wall_s = perf_counter() - began
        spared, throttled = Counter[str](), Counter[str]()
        for stage, why, detail in place.rows("SELECT stage, reason, detail FROM decisions"):
            if why == Why.INHIBITED:
                spared.update(detail.split(":")[0].split(", "))
            elif stage == "throttle" and why == Why.THROTTLED:
                throttled.update(detail.split(", "))
        left = sum(task.state != "told" for task in desk.tasks())
        return Burst(count, len(desk.incidents()), ears, spared, throttled, left, wall_s)


def commit(store: Store, count: int) -> None:
    """In the order in which shards would: everybody's first alerts, then the second ones."""
    epoch = store.acquire("burst-0-of-1")
    alerts = iter([alert_of(number, max(count // EACH, 1)) for number in range(count)])
    while some := list(islice(alerts, 1_000)):
        store.commit("burst-0-of-1", make_checkpoint(epoch=epoch), some, (DESK,))


def alert_of(number: int, people: int) -> Alert:
    """Every tenth person's first alert is high; the others are milder."""
    person = number % people
    severity = (
        Severity.HIGH if number < people and person % 10 == 0 else Severity.MEDIUM if number % 3 else Severity.LOW
    )
    return make_alert(alert_id=f"{number:020x}", actor=f"E-{person}", severity=severity)
