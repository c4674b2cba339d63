"""The outlet empties the outbox into a topic, in order, and keeps what did not arrive."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from alerts.alert import Alert
from alerts.errors import UnavailableError
from alerts.outbox import Delivery
from alerts.store import Store
from detector.config import TopicsConfig
from detector.outlet import BODIES, RECEIVER, Outlet, native_body
from tests.alerts.ocsf_schema import faults
from tests.alerts.samples import make_alert, make_checkpoint

SHARD = "events-0-of-1"


class Topic:
    """A topic that takes what it is told to take."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes, dict[str, bytes]]] = []
        self.sent: list[Delivery] = []
        self.takes = True

    @property
    def waiting(self) -> int:
        return len(self.sent)

    def send(self, token: Delivery, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        if self.takes:
            self.sent.append(token)
            self.messages.append((key, value, dict(headers)))

    def arrived(self) -> list[Delivery]:
        sent, self.sent = self.sent, []
        return sent

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{tmp_path / 'alerts.db'}")) as store:
        yield store


def commit(store: Store, *alerts: Alert) -> None:
    store.commit(SHARD, make_checkpoint(epoch=store.acquire(SHARD)), alerts, (RECEIVER,))


def outlet_of(store: Store, topic: Topic, body: Callable[[Delivery], bytes] = native_body) -> Outlet:
    outlet = Outlet(store, topic, body)  # type: ignore[arg-type]
    outlet.note(SHARD)
    return outlet


def test_what_waits_is_sent_once_under_the_actors_pseudonym_and_taken_out_when_it_has_arrived(store: Store) -> None:
    alerts = [make_alert(alert_id=f"{n:020x}") for n in range(3)]
    commit(store, *alerts)
    topic = Topic()
    outlet = outlet_of(store, topic)
    for _ in range(4):
        outlet.step([SHARD])
    assert [json.loads(value)["alert_id"] for _, value, _ in topic.messages] == [alert.alert_id for alert in alerts]
    assert {key for key, _, _ in topic.messages} == {alerts[0].actor.encode()}
    assert topic.messages[0][2] == {"alert_id": alerts[0].alert_id.encode(), "revision": b"1"}
    assert store.outbox(RECEIVER, SHARD, 10) == []


def test_what_does_not_arrive_goes_on_waiting_and_is_sent_again(store: Store) -> None:
    commit(store, make_alert())
    topic = Topic()
    topic.takes = False
    outlet = outlet_of(store, topic)
    outlet.step([SHARD])
    outlet.step([SHARD])
    assert topic.messages == []
    assert len(store.outbox(RECEIVER, SHARD, 10)) == 1
    topic.takes = True
    outlet.step([SHARD])
    outlet.finish([SHARD])
    assert {headers["revision"] for _, _, headers in topic.messages} == {b"1"}
    assert store.outbox(RECEIVER, SHARD, 10) == []


def test_a_revision_that_comes_while_the_former_one_is_on_its_way_is_told_as_well(store: Store) -> None:
    alert = make_alert()
    commit(store, alert)
    topic = Topic()
    outlet = outlet_of(store, topic)
    outlet.step([SHARD])
    commit(store, msgspec.structs.replace(alert, risk=min(alert.risk + 1, 100.0)))
    outlet.note(SHARD)
    for _ in range(3):
        outlet.step([SHARD])
    assert [headers["revision"] for _, _, headers in topic.messages] == [b"1", b"2"]
    assert store.outbox(RECEIVER, SHARD, 10) == []


def test_nothing_is_sent_for_a_shard_that_is_not_here(store: Store) -> None:
    commit(store, make_alert())
    topic = Topic()
    outlet = outlet_of(store, topic)
    outlet.step(["events-7-of-8"])
    outlet.step(["events-7-of-8"])
    assert topic.messages == []
    assert len(store.outbox(RECEIVER, SHARD, 10)) == 1


def test_a_store_that_is_away_ends_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(store, make_alert())
    topic = Topic()
    outlet = outlet_of(store, topic)

    def away(*_: object) -> None:
        raise UnavailableError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "outbox", away)
        outlet.step([SHARD])
    outlet.step([SHARD])
    outlet.step([SHARD])
    assert len(topic.messages) == 1


def test_every_format_of_the_configuration_is_valid_json(store: Store) -> None:
    commit(store, make_alert())
    (delivery,) = store.outbox(RECEIVER, SHARD, 1)
    bodies = {name: json.loads(body(delivery)) for name, body in BODIES.items()}
    assert bodies["innerwatch"]["alert_id"] == delivery.alert_id
    assert (bodies["ocsf"]["class_uid"], faults(bodies["ocsf"])) == (2004, [])
    formats = get_args(TopicsConfig.model_fields["alerts_format"].annotation)
    assert set(formats) == set(BODIES)
