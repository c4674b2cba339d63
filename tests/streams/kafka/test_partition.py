"""A partition of a real broker; what every source promises is tested in sources/test_conformance.py."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from streams import Position, Reason, Record, SourceError
from streams.kafka import KafkaConfig, KafkaPartition
from streams.kafka import client as module
from tests.real.broker import PASSWORD, USER, Broker, free_ports

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


def by_right(broker: Broker, folder: Path, **changed: Any) -> KafkaConfig:
    (folder / "password").write_text(f"{PASSWORD}\n")
    config = KafkaConfig((broker.secure_address,), "secret", True, str(broker.certificate), USER)
    config = msgspec.structs.replace(config, password_file=str(folder / "password"))
    return msgspec.structs.replace(config, **changed)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256"])
def test_it_reads_over_tls_after_logging_in(kafka_broker: Broker, tmp_path: Path, mechanism: str) -> None:
    kafka_broker.publish("secret", VALUES[: 20 if mechanism == "SCRAM-SHA-512" else 0])
    records = drained(KafkaPartition(by_right(kafka_broker, tmp_path, mechanism=mechanism), 0))
    assert {record.raw for record in records} >= set(VALUES)


def test_a_wrong_password_and_a_wrong_certificate_are_said_and_the_password_is_not(
    kafka_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_MS", 3_000)  # the client tries until then, however clear the refusal
    (tmp_path / "wrong").write_text("canary-7a81\n")
    with pytest.raises(SourceError, match=r"invalid credentials|a wrong password") as refused:
        KafkaPartition(by_right(kafka_broker, tmp_path, password_file=str(tmp_path / "wrong")), 0)
    assert "canary" not in str(refused.value)
    with pytest.raises(SourceError, match="certificate verify failed"):
        KafkaPartition(by_right(kafka_broker, tmp_path, ca_file=None), 0)
    with pytest.raises(SourceError, match=r"no Kafka server answers"):
        KafkaPartition(by_right(kafka_broker, tmp_path, tls=False, username=None), 0)


def test_a_password_without_tls_or_without_its_file_is_refused_before_anything_is_sent(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"never sent in the clear"):
        KafkaPartition(by_right(kafka_broker, tmp_path, tls=False), 0)
    with pytest.raises(SourceError, match=r"source\.kafka\.password_file"):
        KafkaPartition(by_right(kafka_broker, tmp_path, password_file=None), 0)
    with pytest.raises(SourceError, match=r"nowhere: the password cannot be read"):
        KafkaPartition(by_right(kafka_broker, tmp_path, password_file="nowhere"), 0)


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
