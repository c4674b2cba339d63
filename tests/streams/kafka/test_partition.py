"""A partition of a real broker; what every source promises is tested in sources/test_conformance.py."""

from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from streams import Position, Reason, Record, SourceError
from streams.kafka import KafkaConfig, KafkaPartition
from streams.kafka import client as module
from tests.real.broker import Broker, free_ports

pytestmark = pytest.mark.slow

VALUES = [b"%d" % n for n in range(20)]


def partition_of(broker: Broker, topic: str, resume: Position | None = None) -> KafkaPartition:
    return KafkaPartition(KafkaConfig((broker.address,), topic), 0, resume)


def drained(source: KafkaPartition) -> list[Record]:
    records: list[Record] = []
    while not source.finished:
        records += source.next_batch(7)
    source.close()
    return records


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_MS", 1_000)


def test_positions_are_offsets_of_a_named_partition(kafka_broker: Broker) -> None:
    kafka_broker.publish("named", VALUES)
    records = drained(partition_of(kafka_broker, "named"))
    assert [record.raw for record in records] == VALUES
    assert [str(record.position) for record in records] == [f"named-0@{n}" for n in range(20)]


def test_it_ends_where_the_partition_ended_when_it_was_opened(kafka_broker: Broker) -> None:
    kafka_broker.publish("bounded", VALUES[:5])
    source = partition_of(kafka_broker, "bounded")
    kafka_broker.publish("bounded", VALUES[5:])
    assert [record.raw for record in drained(source)] == VALUES[:5]


def test_a_tombstone_is_an_empty_record_and_a_giant_is_cut(kafka_broker: Broker) -> None:
    kafka_broker.publish("odd", [None, b"x" * 2_000_000, b"{}"])
    tombstone, giant, plain = drained(partition_of(kafka_broker, "odd"))
    assert tombstone.raw == b""
    assert (giant.flaw, len(giant.raw)) == (Reason.TOO_LARGE, 4096)
    assert (plain.flaw, plain.raw) == (None, b"{}")


def test_an_aborted_transaction_is_not_read_and_its_marks_do_not_stop_the_end(kafka_broker: Broker) -> None:
    kafka_broker.publish("transactions", VALUES[:1])
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address, transactional_id="t1")
    producer.init_transactions()
    for value, commit in ((b"kept", True), (b"aborted", False)):
        producer.begin_transaction()
        producer.send("transactions", value, partition=0)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    source = partition_of(kafka_broker, "transactions")
    assert [record.raw for record in drained(source)] == [VALUES[0], b"kept"]
    assert source.finished


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_of_kafka_is_read(kafka_broker: Broker, compression: str) -> None:
    kafka_broker.publish(f"squeezed-{compression}", VALUES * 50, compression=compression)
    records = drained(partition_of(kafka_broker, f"squeezed-{compression}"))
    assert [record.raw for record in records] == VALUES * 50


def test_a_server_that_does_not_answer_is_named(impatient: None) -> None:
    with pytest.raises(SourceError, match=r"no Kafka server answers at 127\.0\.0\.1:\d+ .*check source\.kafka"):
        KafkaPartition(KafkaConfig((f"127.0.0.1:{free_ports(1)[0]}",), "any"), 0)


def test_a_missing_topic_and_a_missing_partition_are_named(kafka_broker: Broker) -> None:
    with pytest.raises(SourceError, match=r"^nowhere: no such topic at"):
        partition_of(kafka_broker, "nowhere")
    kafka_broker.publish("small", VALUES, partitions=2)
    with pytest.raises(SourceError, match=r"^small-7: no such partition, the topic has 0 to 1"):
        KafkaPartition(KafkaConfig((kafka_broker.address,), "small"), 7)


def test_an_offset_that_the_partition_does_not_have_is_refused_and_not_skipped(kafka_broker: Broker) -> None:
    kafka_broker.publish("short", VALUES)
    with pytest.raises(SourceError, match=r"offset 21, the partition holds 0 to 20"):
        partition_of(kafka_broker, "short", Position("short-0", 21))
    with pytest.raises(SourceError, match=r"cannot resume at other-0@3 in short-0"):
        partition_of(kafka_broker, "short", Position("other-0", 3))
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    reading = partition_of(kafka_broker, "short")
    admin.delete_records({TopicPartition("short", 0): 12})
    admin.close()
    with pytest.raises(SourceError, match=r"offset 5, the partition holds 12 to 20: records were deleted"):
        partition_of(kafka_broker, "short", Position("short-0", 5))
    with pytest.raises(SourceError, match=r"the partition holds 12 to 20: records were deleted before they were read"):
        reading.next_batch(20)
    reading.close()
    assert [record.raw for record in drained(partition_of(kafka_broker, "short"))] == VALUES[12:]


def test_a_broker_that_falls_silent_once_it_has_answered_is_an_error_in_words(kafka_broker: Broker) -> None:
    kafka_broker.publish("falls-silent", VALUES)
    config = KafkaConfig((kafka_broker.address,), "falls-silent")
    with (
        closing(module.open_consumer(config, group_id=None, request_timeout_ms=1_000)) as consumer,
        kafka_broker.stopped(),
        pytest.raises(SourceError, match="did not answer"),
    ):
        module.require_topic(consumer, config)
    with closing(module.open_consumer(config, group_id=None)) as consumer:
        assert module.require_topic(consumer, config) == {0}
