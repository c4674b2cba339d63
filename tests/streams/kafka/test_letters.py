"""Dead letters in a topic arrive or say that they did not, and come back as what was rejected."""

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient

from streams import DeadLetterError, Position, Reason, Record, Rejected, SourceError
from streams.kafka import KafkaConfig
from streams.kafka import letters as module
from streams.kafka.letters import LetterTopic, LetterWriter, letter_of
from streams.sources.source import MAX_RECORD_BYTES
from tests.real.broker import Broker, running_broker

JSON = "application/cloudevents+json"


def rejected(offset: int, source: str = "events-2", **more: Any) -> Rejected:
    given = {"reason": Reason.INVALID, "detail": "Expected `str` - at `$.x`", "raw": b"\xff\n%d" % offset, "key": b"E1"}
    return Rejected(position=Position(source, offset), **{**given, **more})


def config(broker: Broker) -> KafkaConfig:
    return KafkaConfig((broker.address,), "events")


def make(broker: Broker, topic: str, partitions: int = 1, **settings: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    configs = {name.replace("_", "."): value for name, value in settings.items()}
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})
    admin.wait_for_topics([topic])
    admin.close()


def written(broker: Broker, topic: str, letters: list[Rejected]) -> None:
    writer = LetterWriter(config(broker), topic)
    for letter in letters:
        writer.write(letter)
    writer.flush()
    writer.close()
    writer.close()


def read(broker: Broker, topic: str, limit: int = 3, **how: Any) -> list[Rejected]:
    source = LetterTopic(config(broker), topic, **how)
    letters: list[Rejected] = []
    while not source.finished:
        found = source.next_letters(limit)
        assert len(found) <= limit
        letters += found
    assert source.next_letters(1) == []
    source.close()
    source.close()
    return letters


KINDS = [
    rejected(1),
    rejected(2, key=b""),
    rejected(3, reason=Reason.WRONG_KEY, detail="x" * 999, content_type=JSON, raw=b"{}"),
    rejected(4, source="/log/odd name-7", key=None),
    rejected(5, raw=b"", detail=""),
    rejected(6, reason=Reason.TOO_LARGE, detail="longer than 5 bytes"),
    rejected(7, source="other-topic-with-2-0", key=b"\xff\x00"),
]


@pytest.mark.slow
def test_what_is_written_is_read_back_and_tried_again_as_it_came(kafka_broker: Broker) -> None:
    make(kafka_broker, "kinds", 3)
    written(kafka_broker, "kinds", KINDS)
    assert sorted(read(kafka_broker, "kinds"), key=lambda one: one.position.offset) == KINDS
    source = LetterTopic(config(kafka_broker), "kinds", only="events-2")
    records: list[Record] = []
    while not source.finished:
        records += source.next_records(10)
    source.close()
    records.sort(key=lambda record: record.position)
    assert [record.position.offset for record in records] == [1, 2, 3, 5, 6]
    assert records[2] == Record(b"{}", Position("events-2", 3), key=b"E1", content_type=JSON)
    assert (records[4].flaw, records[4].detail) == (Reason.TOO_LARGE, "longer than 5 bytes")


@pytest.mark.slow
def test_a_coordinate_is_taken_once_up_to_the_end_at_opening_and_resumed_after_it(kafka_broker: Broker) -> None:
    make(kafka_broker, "twice", 2)
    written(kafka_broker, "twice", [rejected(n, key=b"E%d" % n) for n in range(20)])
    written(kafka_broker, "twice", [rejected(n, key=b"E%d" % n, detail="again") for n in range(10, 30)])
    kafka_broker.send("twice", [(b"k", b"no letter", []), (b"k", b"nor this", [("offset", b"x"), ("reason", b"y")])])
    source = LetterTopic(config(kafka_broker), "twice")
    written(kafka_broker, "twice", [rejected(99)])
    letters: list[Rejected] = []
    while not source.finished:
        letters += source.next_letters(7)
    source.close()
    assert sorted(letter.position.offset for letter in letters) == list(range(30))
    assert {letter.detail for letter in letters if letter.position.offset < 20} == {"Expected `str` - at `$.x`"}
    assert source.foreign == 2
    assert [letter.position.offset for letter in read(kafka_broker, "twice", resume=source.positions)] == [99]


@pytest.mark.slow
def test_a_letter_that_is_too_large_for_the_topic_is_kept_cut(kafka_broker: Broker) -> None:
    make(kafka_broker, "tight", max_message_bytes="20000")
    raw = bytes(range(256)) * 16
    noise = b"".join(sha256(b"%d" % n).digest() for n in range(1_000))  # which no compression makes smaller
    written(kafka_broker, "tight", [rejected(1), rejected(2, raw=noise), rejected(3, raw=raw)])
    first, third, second = read(kafka_broker, "tight")  # the cut one is sent after the others
    assert (first, third) == (rejected(1), rejected(3, raw=raw))
    assert (second.reason, second.raw) == (Reason.TOO_LARGE, noise[:4096])
    assert second.detail == f"kept cut, of {len(noise)} bytes; was: Expected `str` - at `$.x`"


@pytest.mark.slow
def test_the_largest_record_fits_a_topic_that_we_made_and_memory_stays_small(
    kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(kafka_broker, "wide", max_message_bytes="2097152")
    monkeypatch.setattr(module, "WAITING_BYTES", 3 * MAX_RECORD_BYTES)
    writer = LetterWriter(config(kafka_broker), "wide")
    giants = [rejected(n, raw=b"%d" % n * MAX_RECORD_BYTES) for n in range(8)]
    for giant in giants:
        writer.write(giant)
        assert len(writer._sent) <= 3
    writer.flush()
    writer.close()
    assert read(kafka_broker, "wide") == giants


@pytest.mark.slow
def test_letters_that_a_broker_does_not_take_are_an_error_and_arrive_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELIVERY_MS", 3_000)
    monkeypatch.setattr(module, "ANSWER_MS", 2_000)
    with running_broker(tmp_path) as broker:
        make(broker, "away")
        writer = LetterWriter(config(broker), "away")
        writer.write(rejected(1))
        writer.flush()
        broker.kill()
        for n in (2, 3):
            writer.write(rejected(n))
        with pytest.raises(DeadLetterError, match=r"^away: 2 of 2 rejected records did not arrive at .*check the bro"):
            writer.flush(10)
        broker.start()
        writer.write(rejected(4))
        writer.flush()
        writer.close()
        letters = read(broker, "away")
        assert sorted(letter.position.offset for letter in letters) == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_missing_topic_is_named(kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.client.ANSWER_MS", 1_000)
    with pytest.raises(DeadLetterError, match=r"^gone: no such topic at .*innerwatch topics create"):
        LetterWriter(config(kafka_broker), "gone")
    with pytest.raises(SourceError, match=r"^gone: no such topic at .*innerwatch topics create"):
        LetterTopic(config(kafka_broker), "gone")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("offset", b"1")],
        [("offset", b"1"), ("reason", b"invalid")],
        [("offset", b"one"), ("reason", b"invalid"), ("source", b"a")],
        [("offset", b"1"), ("reason", b"whim"), ("source", b"a")],
        [("offset", b"1"), ("reason", b"invalid"), ("topic", b"a"), ("partition", None)],
    ],
)
def test_a_message_that_is_no_letter_is_none(headers: list[tuple[str, bytes | None]]) -> None:
    assert letter_of(SimpleNamespace(headers=headers, key=b"k", value=b"v")) is None
