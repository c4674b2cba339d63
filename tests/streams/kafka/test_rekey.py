"""Every message goes on once its actor is known, also through kill -9, and what cannot be read goes on too."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from streams import Position, Reason, Rejected, SourceError, Tokens, open_format
from streams.kafka import KafkaConfig, LetterWriter
from streams.kafka.rekey import Rekey, RekeyPlan
from tests.detector.test_cli import innerwatch
from tests.real.broker import Broker, actor_of
from tests.streams.hostile import line

pytestmark = pytest.mark.slow

HEADERS = [("content-type", b"application/json"), ("trace", b"\x00\x01")]


def make(broker: Broker, *topics: str, partitions: int = 3) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1} for topic in topics})
    admin.wait_for_topics(list(topics))
    admin.close()


def event(number: int) -> bytes:
    return line(event_id=f"ev-{number}", actor={"id": f"E{number % 40}"})


def messages(broker: Broker, topic: str) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
    """Everything in a topic: partition, key, value, headers."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    partitions = [TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    found = []
    while any(consumer.position(one) < ends[one] for one in partitions):
        for some in consumer.poll(timeout_ms=500).values():
            found += [(one.partition, one.key, one.value, list(one.headers)) for one in some]
    consumer.close()
    return found


def passed_on(broker: Broker, plan: RekeyPlan, target: str, mapping: str = "native") -> Rekey:
    config = KafkaConfig((broker.address,), target)
    stage = Rekey(config, plan, open_format(mapping, Tokens(b"k" * 32)))
    try:
        while not stage.finished:
            stage.step()
    finally:
        stage.close()
        stage.close()
    return stage


def test_the_bytes_and_headers_go_on_under_the_actor_and_nothing_is_left_out(kafka_broker: Broker) -> None:
    make(kafka_broker, "plain.raw", "plain")
    given = [(None, event(n), HEADERS) for n in range(60)] + [(b"odd", event(n), []) for n in range(60, 120)]
    kafka_broker.send("plain.raw", [*given, (b"k", b"{", HEADERS), (b"k", None, [])])
    stage = passed_on(kafka_broker, RekeyPlan("plain.raw", until_end=True), "plain")
    assert stage.counts == {"keyed": 120, "undecodable": 2}
    found = messages(kafka_broker, "plain")
    assert sorted((value or b"", headers) for _, _, value, headers in found) == sorted(
        (value or b"", headers) for value, headers in [(v, h) for _, v, h in given] + [(b"{", HEADERS), (None, [])]
    )
    assert all(key == (actor_of(value) if actor_of(value) != b"key" else b"") for _, key, value, _ in found)
    assert len({(partition, key) for partition, key, _, _ in found}) == 41  # each key is in one partition
    kafka_broker.send("plain.raw", [(None, event(999), [])])
    again = passed_on(kafka_broker, RekeyPlan("plain.raw", until_end=True), "plain")
    assert again.counts == {"keyed": 1}  # the rest was committed


def test_what_is_written_after_the_beginning_does_not_keep_it_from_ending(kafka_broker: Broker) -> None:
    make(kafka_broker, "ended.raw", "ended")
    kafka_broker.send("ended.raw", [(None, event(n), []) for n in range(30)])
    config = KafkaConfig((kafka_broker.address,), "ended")
    stage = Rekey(config, RekeyPlan("ended.raw", "g", until_end=True), open_format("native", Tokens(b"k" * 32)))
    while not stage.finished:
        stage.step()
        kafka_broker.send("ended.raw", [(None, event(1_000), [])])
    stage.close()
    assert stage.counts["keyed"] >= 30


def test_a_mapping_drops_what_it_drops(kafka_broker: Broker, tmp_path: Path) -> None:
    make(kafka_broker, "mapped.raw", "mapped")
    mapping = tmp_path / "own.toml"
    rows = {"event_id": "n", "time": "t", "actor.id": "who", "action": "what"}
    text = "".join(f'[fields."{field}"]\npath = "{path}"\n' for field, path in rows.items())
    text += '[fields."resource.system"]\nconst = "crm"\n[fields.outcome]\nconst = "success"\n'
    mapping.write_text(f'mapping = "own"\n{text}[drop_if]\naction = ["other"]\n')
    given = [
        {"n": str(n), "t": "2026-03-02T09:00:00Z", "who": "ann", "what": w} for n, w in enumerate(("read", "other"))
    ]
    kafka_broker.send("mapped.raw", [(None, json.dumps(one).encode(), []) for one in given])
    stage = passed_on(kafka_broker, RekeyPlan("mapped.raw", until_end=True), "mapped", str(mapping))
    assert stage.counts == {"keyed": 1, "dropped": 1}
    assert [key for _, key, _, _ in messages(kafka_broker, "mapped")] == [b"ann"]


def test_a_mapping_of_documents_is_refused() -> None:
    with pytest.raises(SourceError, match=r"takes records out of documents"):
        Rekey(KafkaConfig(("kafka:1",), "x"), RekeyPlan("x.raw"), open_format("cloudtrail", Tokens(b"k" * 32)))


def test_missing_topics_are_named(kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.client.ANSWER_MS", 1_000)
    make(kafka_broker, "there.raw")
    with pytest.raises(SourceError, match=r"^gone\.raw: no such topic"):
        passed_on(kafka_broker, RekeyPlan("gone.raw"), "there.raw")
    with pytest.raises(SourceError, match=r"^gone: no such topic"):
        passed_on(kafka_broker, RekeyPlan("there.raw"), "gone")


@pytest.mark.parametrize(("limit", "size"), [(2_000, 3_000), (20_000, 30_000)])  # beside others in a batch, and alone
def test_a_message_too_large_for_the_target_stops_it_in_words_and_comes_again(
    kafka_broker: Broker, limit: int, size: int
) -> None:
    source, target = f"large.raw.{limit}", f"large.{limit}"
    make(kafka_broker, source)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    tight = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": str(limit)}}
    admin.create_topics({target: tight})
    admin.close()
    kafka_broker.send(source, [(None, event(1), []), (None, os.urandom(size), [])], partition=0)
    for _ in range(2):
        with pytest.raises(
            SourceError, match=r"-0@1: did not arrive in large.* MessageSizeTooLarge.*max\.message\.bytes"
        ):
            passed_on(kafka_broker, RekeyPlan(source, target), target)


def config_in(folder: Path, broker: Broker, topic: str) -> Path:
    file = folder / "innerwatch.toml"
    file.write_text(
        f'[source.kafka]\nservers = ["{broker.address}"]\ntopic = "{topic}"\n[topics]\n'
        f'dead_letters = "{topic}.dead"\n[privacy]\nkey_file = "{folder / "key"}"\n'
    )
    return file


def awaited(broker: Broker, topic: str, enough: Callable[[int], bool]) -> None:
    consumer = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    partitions = [TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic)]
    while not enough(sum(consumer.end_offsets(partitions).values())):
        consumer.poll(timeout_ms=10)
    consumer.close()


def test_killed_in_the_middle_nothing_is_missing_and_a_signal_ends_it_cleanly(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    count = 40_000
    make(kafka_broker, "killed.raw", "killed", "killed.dead")
    kafka_broker.send("killed.raw", [(None, event(n), []) for n in range(count)])
    config = config_in(tmp_path, kafka_broker, "killed")
    command = [sys.executable, "-m", "detector.cli", "rekey", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        awaited(kafka_broker, "killed", lambda arrived: arrived >= 7_000)
        first.kill()
    done = len(messages(kafka_broker, "killed"))
    assert 7_000 <= done < count
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
        awaited(kafka_broker, "killed", lambda arrived: arrived >= count)
        assert second.poll() is None
        second.send_signal(signal.SIGTERM)
        _, said = second.communicate()
    assert second.returncode == 0
    assert "undecodable ones passed on with an empty key" in said
    awaited(kafka_broker, "killed", lambda arrived: True)
    assert innerwatch("rekey", "--config", config, "--until-end") == 0
    found = messages(kafka_broker, "killed")
    assert {value for _, _, value, _ in found} == {event(n) for n in range(count)}
    assert all(key == actor_of(value) for _, key, value, _ in found)
    assert len(found) < 2 * count


def test_dead_letters_that_can_be_read_now_go_to_the_source_once(
    kafka_broker: Broker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make(kafka_broker, "again", "again.dead", partitions=1)
    said = {"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "data": json.loads(event(2))}
    kind = "application/cloudevents+json"
    letters = [
        Rejected(Reason.WRONG_KEY, "x", Position("again-0", 1), event(1), b"odd"),
        Rejected(Reason.INVALID, "x", Position("again-0", 2), json.dumps(said).encode(), b"", kind),
        Rejected(Reason.NOT_JSON, "x", Position("again-0", 3), b"{", b""),
        Rejected(Reason.TOO_LARGE, "x", Position("again-0", 4), event(4), b""),
        Rejected(Reason.INVALID, "x", Position("/log/a", 5), event(5)),
    ]
    writer = LetterWriter(KafkaConfig((kafka_broker.address,), "again"), "again.dead")
    for letter in letters:
        writer.write(letter)
    writer.flush()
    writer.close()
    config = config_in(tmp_path, kafka_broker, "again")
    for passed in (3, 0):
        assert innerwatch("rekey", "--config", config, "--from", "again.dead", "--until-end") == 0
        assert f"{passed} passed on by actor" in capfd.readouterr().err
    assert messages(kafka_broker, "again") == [
        (0, b"E1", event(1), []),
        (0, b"E2", letters[1].raw, [("content-type", kind.encode())]),
        (0, b"E5", event(5), []),
    ]
    assert innerwatch("rekey", "--config", config, "--from", "again.dead") == 2
    assert "add --until-end" in capfd.readouterr().err
    assert innerwatch("rekey", "--config", config, "--from", "again") == 2
    assert "is the topic that is written" in capfd.readouterr().err
