"""A compacted topic of a real broker, read as a table."""

from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer

from streams import SourceError
from streams.kafka import KafkaConfig, read_table
from streams.kafka import table as module
from streams.kafka.topics import Topics
from tests.real.broker import Broker

pytestmark = pytest.mark.slow


def config_of(broker: Broker) -> KafkaConfig:
    return KafkaConfig((broker.address,), "events")


def values(broker: Broker, topic: str) -> dict[bytes, bytes]:
    return {key: entry.value for key, entry in read_table(config_of(broker), topic).items()}


def test_the_last_value_of_a_key_wins_and_a_tombstone_takes_it_out(kafka_broker: Broker) -> None:
    with closing(Topics(config_of(kafka_broker))) as topics:
        topics.make("table", 3, 1, "context")
        made = topics.describe("table")
    assert made is not None
    assert made.settings["cleanup.policy"] == "compact"
    pairs = [(b"roster/E%d" % (n % 50), b"%d" % n) for n in range(400)]
    pairs += [(b"roster/E7", None), (b"honey/C-1", None), (b"honey/C-2", None), (b"honey/C-2", b"again")]
    kafka_broker.send("table", [(key, value, []) for key, value in pairs])
    wanted = {key: value for key, value in pairs if value is not None and key != b"roster/E7"}
    assert values(kafka_broker, "table") == wanted
    places = [str(entry.position) for entry in read_table(config_of(kafka_broker), "table").values()]
    assert {place[:8] for place in places} == {"table-0@", "table-1@", "table-2@"}
    assert len(set(places)) == len(places)


def test_an_empty_topic_is_an_empty_table_and_messages_without_a_key_are_one_entry(kafka_broker: Broker) -> None:
    kafka_broker.send("empty-table", [])
    assert values(kafka_broker, "empty-table") == {}
    kafka_broker.send(
        "empty-table", [(None, b"1", []), (None, b"2", []), (b"", b"3", []), (b"k", b"x" * 2_000_000, [])]
    )
    found = values(kafka_broker, "empty-table")
    assert found[b""] == b"3"
    assert len(found[b"k"]) == 1_048_576


def test_marks_of_transactions_do_not_keep_it_from_the_end(kafka_broker: Broker) -> None:
    kafka_broker.send("table-transactions", [])
    producer = KafkaProducer(bootstrap_servers=kafka_broker.address, transactional_id="t2")
    producer.init_transactions()
    for value, commit in ((b"kept", True), (b"aborted", False)):
        producer.begin_transaction()
        producer.send("table-transactions", value, b"k")
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    assert values(kafka_broker, "table-transactions") == {b"k": b"kept"}


def test_a_missing_topic_one_that_is_too_large_and_one_that_does_not_come_are_said(
    kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"^no-table: no such topic at .*; make it, or check context\.topic$"):
        values(kafka_broker, "no-table")
    kafka_broker.send("large-table", [(b"a", b"x" * 900, []), (b"a", b"x" * 900, []), (b"b", b"x" * 200, [])])
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_BYTES", 1_200)
        assert len(values(kafka_broker, "large-table")) == 2
        patch.setattr(module, "MAX_BYTES", 1_000)
        with pytest.raises(SourceError, match=r"^large-table: holds more than .*check context\.topic"):
            values(kafka_broker, "large-table")
    poll = KafkaConsumer.poll

    def held(consumer: KafkaConsumer, **options: Any) -> Any:
        with kafka_broker.stopped():
            return poll(consumer, **options)

    monkeypatch.setattr(KafkaConsumer, "poll", held)
    monkeypatch.setattr(module, "MOST_WAITS", 1)
    with pytest.raises(SourceError, match=r"^large-table: 127.0.0.1:\d+ did not give it .*nothing came"):
        values(kafka_broker, "large-table")
