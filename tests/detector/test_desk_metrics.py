"""What is measured of the queue and of delivery, on a clock of the test's own."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alerts.alert import Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.errors import UnavailableError
from alerts.inbound.poller import Poller
from alerts.incident import Verdict
from alerts.pipeline import Routing, pipeline_of
from alerts.receivers.receiver import Outcome, Result
from alerts.store import Store
from alerts.work import By, Close
from detector.catalogue import DELIVER
from detector.deliver import AWAY_S, HANGS_S, Delivering
from detector.desk_metrics import LOOK_S, DeskMetrics
from tests.alerts.samples import make_alert, make_checkpoint
from tests.alerts.test_dispatch import SHARD, START, UTC_ZONE, Ear, numbered


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


class Rounds:
    """Stops after so many rounds, each of which lasts as long as it is to be waited, or a second."""

    def __init__(self, clock: Clock, count: int) -> None:
        self._clock, self._left = clock, count
        self.waits: list[float] = []

    @property
    def signal(self) -> int:
        self._left -= 1
        return self._left < 0

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._clock.now += seconds


class Place:
    """A store, its desk and what is measured of it."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.desk, self.clock, self.ear = desk, Clock(), Ear()
        self.metrics = DeskMetrics(["soc"])
        self.store, self._epoch = store, store.acquire(SHARD)
        desk.acquire()
        self.said: list[str] = []
        dispatcher = Dispatcher(
            desk, {"soc": Post(self.ear)}, pipeline_of(Routing([], UTC_ZONE)), told=self.metrics
        )  # fmt: skip
        poller = Poller(desk, {}, dispatcher.may_call, lambda *_: None)
        self.delivering = Delivering(desk, dispatcher, poller, self.metrics, self.clock, self.said.append)

    def commit(self, *alerts: object, receivers: tuple[str, ...] = (DESK,)) -> None:
        self.store.commit(SHARD, make_checkpoint(epoch=self._epoch), alerts, receivers)  # type: ignore[arg-type]

    def rounds(self, count: int) -> list[float]:
        stop = Rounds(self.clock, count)
        self.delivering.until(stop)
        return stop.waits

    def values(self) -> dict[tuple[str, ...], float]:
        text = generate_latest(self.metrics.registry).decode()
        families = text_string_to_metric_families(text)
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    url = f"sqlite:///{tmp_path}/alerts.db"
    with closing(Store(url)) as store, closing(Desk(url)) as desk:
        yield Place(store, desk)


def test_incidents_and_deliveries_are_told_as_they_are(here: Place) -> None:
    here.commit(*numbered(3), make_alert(alert_id="f" * 20, actor="E-9", severity=Severity.CRITICAL))
    here.rounds(2)
    found = here.values()
    assert found["innerwatch_incidents", "1h", "high", "open"] == 3
    assert found["innerwatch_incidents", "1h", "critical", "open"] == 1
    assert found["innerwatch_incidents", "7d", "critical", "contained"] == 0
    assert found["innerwatch_deliveries_total", "soc", "delivered"] == 4
    assert found["innerwatch_deliveries_total", "soc", "refused"] == 0
    assert found["innerwatch_deliveries_pending", "soc", "waiting"] == 0
    assert found["innerwatch_desk_read_timestamp_seconds",] == START


def test_of_work_that_is_done_the_time_to_it_and_the_share_of_errors_are_told(here: Place) -> None:
    here.commit(*numbered(4))
    here.rounds(2)
    assert ("innerwatch_false_positive_ratio", "bulk_export") not in here.values()  # nothing was judged
    assert ("innerwatch_acknowledge_seconds", "50") not in here.values()
    for number, verdict in enumerate(("true_positive", "false_positive", "benign_positive", "undetermined")):
        here.clock.now += 100.0
        here.desk.act(f"{number:020x}", Close(Verdict(verdict), "x"), By("lee", here.clock.now))
    here.clock.now += LOOK_S
    here.rounds(2)
    found = here.values()
    assert found["innerwatch_acknowledge_seconds", "50"] == pytest.approx(250.0, abs=5)
    assert found["innerwatch_acknowledge_seconds", "90"] == pytest.approx(370.0, abs=5)
    assert found["innerwatch_verdicts", "false_positive"] == 1
    assert found["innerwatch_detection_verdicts", "bulk_export", "undetermined"] == 1
    assert found["innerwatch_false_positive_ratio", "bulk_export"] == pytest.approx(1 / 3)
    assert ("innerwatch_false_positive_ratio", "odd_hours") not in found


def test_a_receiver_that_fails_is_told_until_it_takes_something_again(here: Place) -> None:
    here.ear.answer = lambda _: Outcome(Result.RETRY, "HTTP 503")
    here.commit(*numbered(1))
    here.rounds(20)
    found = here.values()
    assert found["innerwatch_receiver_failing", "soc"] == 1
    assert found["innerwatch_deliveries_pending", "soc", "waiting"] == 1
    assert found["innerwatch_delivery_age_seconds", "soc"] > LOOK_S / 2
    assert found["innerwatch_deliveries_total", "soc", "retry"] >= 2
    here.ear.answer = lambda _: Outcome(Result.DELIVERED)
    here.clock.now += 600.0
    here.rounds(3)
    here.clock.now += LOOK_S
    here.rounds(1)
    found = here.values()
    assert found["innerwatch_receiver_failing", "soc"] == found["innerwatch_delivery_age_seconds", "soc"] == 0


def test_the_outbox_ages_while_its_first_alert_stays_the_first(here: Place) -> None:
    here.commit(*numbered(2), receivers=("kafka",))
    for _ in range(3):
        here.rounds(1)
        here.clock.now += LOOK_S
    found = here.values()
    assert found["innerwatch_outbox_alerts", "kafka"] == 2
    assert found["innerwatch_outbox_age_seconds", "kafka"] >= 2 * LOOK_S
    here.store.delivered(here.store.outbox("kafka", SHARD, 10))
    here.rounds(1)
    found = here.values()
    assert found["innerwatch_outbox_alerts", "kafka"] == found["innerwatch_outbox_age_seconds", "kafka"] == 0


def test_the_database_is_looked_into_at_intervals_and_not_in_every_round(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    workload = here.desk.workload
    monkeypatch.setattr(here.desk, "workload", lambda now: looks.append(now) or workload(now))
    here.rounds(31)  # of two seconds
    assert len(looks) == 4
    assert all(later - earlier >= LOOK_S for earlier, later in pairwise(looks))


def test_a_store_that_is_away_is_said_and_waited_for(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> int:
        raise UnavailableError("alerts.db: busy")

    assert here.rounds(1)
    with monkeypatch.context() as patch:
        patch.setattr(here.desk, "take_in", away)
        assert here.rounds(2) == [AWAY_S, AWAY_S]
        assert here.delivering.ready() == "alerts.db: busy"
    assert here.said == ["alerts.db: busy"] * 2
    here.rounds(1)
    assert here.delivering.ready() == ""


def test_it_lives_while_its_rounds_come_round(here: Place) -> None:
    here.rounds(1)
    assert here.delivering.alive() == ""
    here.clock.now += HANGS_S + 10
    assert here.delivering.alive().startswith("no round for ")
    here.rounds(1)
    assert here.delivering.alive() == ""


def test_labels_are_bounded_by_what_is_configured(here: Place) -> None:
    before = len(here.values())
    here.rounds(1)
    full = len(here.values())
    here.commit(*numbered(200))
    here.clock.now += LOOK_S
    here.rounds(3)
    assert before < full
    assert len(here.values()) == full
    names = {metric.name for metric in DELIVER}
    assert {name.removesuffix("_total").removesuffix("_created") for name, *_ in here.values()} <= names | {
        "process_virtual_memory_bytes", "process_resident_memory_bytes", "process_start_time_seconds",
        "process_cpu_seconds", "process_open_fds", "process_max_fds",
    }  # fmt: skip
