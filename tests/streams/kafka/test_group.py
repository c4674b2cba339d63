"""Members of a consumer group at a real broker: who reads what, and from where."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from streams import Record, SourceError
from streams.kafka import KafkaConfig, KafkaGroup
from tests.real.broker import Broker, running_broker

pytestmark = pytest.mark.slow

VALUES = [b"%d" % n for n in range(20)]
CALLS = 60
"""Half a minute: enough for all that these tests do to a broker and a group."""


class Ledger:
    """An owner that keeps offsets in a dictionary, as a store would for all members."""

    def __init__(self, offsets: dict[int, int] | None = None) -> None:
        self.offsets = {} if offsets is None else offsets
        self.calls: list[tuple[str, int]] = []
        self.counts: set[int] = set()

    def assigned(self, partition: int, count: int) -> int | None:
        self.calls.append(("assigned", partition))
        self.counts.add(count)
        return self.offsets.get(partition)

    def revoked(self, partition: int) -> None:
        self.calls.append(("revoked", partition))

    def lost(self, partition: int) -> None:
        self.calls.append(("lost", partition))


class Member(threading.Thread):
    """Reads until it is told to stop, noting how far it came; owners and notes are shared by all members."""

    def __init__(self, config: KafkaConfig, offsets: dict[int, int], seen: dict[int, list[Record]]) -> None:
        super().__init__()
        self.owner, self._config, self._offsets, self._seen = Ledger(offsets), config, offsets, seen
        self.stopping = threading.Event()

    def run(self) -> None:
        with closing(KafkaGroup(self._config, self.owner)) as group:
            while not self.stopping.is_set():
                for partition, records in group.next_batches(10).items():
                    self._seen[partition] += records
                    self._offsets[partition] = records[-1].position.offset + 1


def config_of(broker: Broker, topic: str) -> KafkaConfig:
    return KafkaConfig((broker.address,), topic, group=f"group-{topic}", session_timeout_s=6.0)


@contextmanager
def joined(broker: Broker, topic: str, owner: Ledger) -> Iterator[KafkaGroup]:
    with closing(KafkaGroup(config_of(broker, topic), owner)) as group:
        yield group


def awaited(group: KafkaGroup, count: int) -> dict[int, list[bytes]]:
    """The values of the next ``count`` records by partition."""
    values: dict[int, list[bytes]] = defaultdict(list)
    for _ in range(CALLS):
        for partition, records in group.next_batches(100).items():
            values[partition] += [record.raw for record in records]
        if sum(map(len, values.values())) >= count:
            break
    return values


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + CALLS / 2
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_lone_member_gets_every_partition_and_reads_on_from_where_its_owner_says(kafka_broker: Broker) -> None:
    kafka_broker.publish("alone", VALUES, partitions=3)
    owner = Ledger({0: 15})
    with joined(kafka_broker, "alone", owner) as group:
        assert awaited(group, 5) == {0: VALUES[15:]}
        assert sorted(owner.calls) == [("assigned", 0), ("assigned", 1), ("assigned", 2)]
        assert owner.counts == {3} == {group.partitions}
        assert group.lag(0, 12) == 8
        kafka_broker.publish("alone", VALUES[:3])
        assert awaited(group, 3) == {0: VALUES[:3]}


def test_members_share_the_partitions_and_nothing_is_missing_when_they_come_and_go(kafka_broker: Broker) -> None:
    kafka_broker.publish("shared", [], partitions=4)
    config, offsets = config_of(kafka_broker, "shared"), dict[int, int]()
    seen: dict[int, list[Record]] = defaultdict(list)
    first, second = Member(config, offsets, seen), Member(config, offsets, seen)
    first.start()
    for round_ in range(4):
        for partition in range(4):
            kafka_broker.publish("shared", [b"%d" % (30 * round_ + n) for n in range(30)], partition=partition)
        if round_ == 1:
            second.start()
        if round_ == 2:
            first.stopping.set()
            first.join()
        wait_for(lambda end=30 * (round_ + 1): all(offsets.get(partition) == end for partition in range(4)))
        if round_ == 1:
            wait_for(lambda: len(second.owner.calls) == 2)
    second.stopping.set()
    second.join()
    for partition in range(4):
        assert list(dict.fromkeys(record.raw for record in seen[partition])) == [b"%d" % n for n in range(120)]
    assert {call for call, _ in first.owner.calls} == {"assigned", "revoked"}
    assert sorted(second.owner.calls[:4]) == [("assigned", partition) for partition in range(4)]


def test_how_far_it_is_told_to_kafka_for_those_who_watch_it_there(kafka_broker: Broker) -> None:
    kafka_broker.publish("watched", VALUES)
    with joined(kafka_broker, "watched", Ledger()) as group:
        awaited(group, 20)
        group.commit({0: 20, 7: 1})
        with closing(KafkaAdminClient(bootstrap_servers=kafka_broker.address)) as admin:
            for _ in range(CALLS):
                group.next_batches(10)
                told = admin.list_group_offsets("group-watched")
                if "20" in str(told):
                    break
    assert "offset=20" in str(told)


def test_an_offset_that_is_gone_is_refused_and_not_skipped(kafka_broker: Broker) -> None:
    kafka_broker.publish("emptied", VALUES)
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker.address)) as admin:
        admin.delete_records({TopicPartition("emptied", 0): 12})
    with (
        joined(kafka_broker, "emptied", Ledger({0: 5})) as group,
        pytest.raises(SourceError, match=r"^emptied-0: cannot resume at offset 5, the partition holds 12 to 20"),
    ):
        awaited(group, 1)


def test_what_the_owner_raises_is_raised_and_not_only_logged(kafka_broker: Broker) -> None:
    class Refusing(Ledger):
        def assigned(self, partition: int, count: int) -> int | None:
            raise LookupError(f"no state for {partition} of {count}")

    kafka_broker.publish("refused", VALUES)
    with joined(kafka_broker, "refused", Refusing()) as group, pytest.raises(LookupError, match="no state for 0 of 1"):
        awaited(group, 1)


def test_a_missing_topic_is_named(kafka_broker: Broker) -> None:
    with pytest.raises(SourceError, match=r"^nowhere-group: no such topic at"):
        KafkaGroup(config_of(kafka_broker, "nowhere-group"), Ledger())


def test_a_broker_that_is_killed_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        broker.publish("restarted", VALUES[:10])
        with joined(broker, "restarted", Ledger()) as group:
            assert awaited(group, 10) == {0: VALUES[:10]}
            broker.kill()
            assert group.next_batches(10) == {}
            broker.start()
            broker.publish("restarted", VALUES[10:])
            assert awaited(group, 10)[0][-10:] == VALUES[10:]
