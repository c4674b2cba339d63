"""Topics are made when missing, described as they are, and judged by what would lose records."""

import msgspec
import pytest

from streams import SourceError
from streams.kafka import KafkaConfig
from streams.kafka.topics import DAY_MS, Topic, Topics, Use, faults_of
from tests.real.broker import Broker

GOOD = Topic(
    "events",
    4,
    3,
    {
        "cleanup.policy": "delete",
        "max.message.bytes": "1048588",
        "min.insync.replicas": "2",
        "retention.bytes": "-1",
        "retention.ms": str(7 * DAY_MS),
    },
    frozenset({"READ", "WRITE", "DESCRIBE"}),
)


def changed(**settings: str) -> Topic:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return msgspec.structs.replace(GOOD, settings={**GOOD.settings, **named})


def test_a_good_topic_has_no_faults_and_says_how_it_is() -> None:
    assert list(faults_of(GOOD, "source")) == list(faults_of(GOOD, "alerts")) == []
    assert str(GOOD) == (
        "events: 4 partitions, replication 3, min.insync.replicas 2, kept 7.0 days, messages of at most 1048588 bytes"
    )
    assert "kept for ever" in str(changed(retention_ms="-1"))
    assert "kept 7.0 days or 1000 bytes a partition" in str(changed(retention_bytes="1000"))
    assert "retention unknown" in str(msgspec.structs.replace(GOOD, settings={}))


@pytest.mark.parametrize(
    ("topic", "use", "grave", "words"),
    [
        (changed(cleanup_policy="compact,delete"), "source", True, "it is compacted"),
        (changed(cleanup_policy="compact", max_message_bytes="2097152"), "dead_letters", True, "it is compacted"),
        (msgspec.structs.replace(GOOD, rights=frozenset({"DESCRIBE"})), "source", True, "we may not read it"),
        (msgspec.structs.replace(GOOD, rights=frozenset({"READ"})), "alerts", True, "we may not write it"),
        (msgspec.structs.replace(GOOD, settings={}), "source", False, "settings cannot be seen"),
        (msgspec.structs.replace(GOOD, replication=1), "source", False, "there is one copy"),
        (msgspec.structs.replace(GOOD, replication=2), "source", False, "one broker away stops all writing"),
        (changed(retention_ms="3600000"), "source", False, "1.0 hours is soon"),
        (changed(max_message_bytes="5000000"), "source", False, "longer than 1048576 bytes are rejected"),
        (changed(), "context", True, "the last word on a key too; set cleanup.policy=compact"),
        (changed(cleanup_policy="compact,delete"), "context", True, "what is old in it is deleted"),
        (changed(), "dead_letters", False, "set max.message.bytes=2097152"),
    ],
)
def test_what_would_lose_or_cut_records_is_said(topic: Topic, use: Use, grave: bool, words: str) -> None:
    (fault,) = faults_of(topic, use)
    assert fault.grave is grave
    assert words in fault.words


def test_a_compacted_topic_of_alerts_or_of_a_context_is_fine_and_unknown_rights_are_no_fault() -> None:
    for use in ("alerts", "context"):
        assert list(faults_of(changed(cleanup_policy="compact", retention_ms="1"), use)) == []
    assert list(faults_of(msgspec.structs.replace(GOOD, rights=None), "source")) == []


@pytest.mark.slow
def test_a_topic_is_made_once_and_described_as_it_is(kafka_broker: Broker) -> None:
    topics = Topics(KafkaConfig((kafka_broker.address,), "made"))
    assert topics.describe("made") is None
    assert [topics.make("made", 3, 1, "source"), topics.make("made", 5, 1, "source")] == [True, False]
    made = topics.describe("made")
    assert made is not None
    assert (made.partitions, made.replication, made.settings["cleanup.policy"]) == (3, 1, "delete")
    assert made.rights is not None
    assert made.rights >= {"READ", "WRITE"}
    assert topics.make("made.dead", 1, 1, "dead_letters")
    letters = topics.describe("made.dead")
    assert letters is not None
    assert [fault.words[:12] for fault in faults_of(letters, "dead_letters")] == ["there is one"]
    with pytest.raises(SourceError, match=r"^made\.2: cannot be made at .*(?i:replication).*check the topic"):
        topics.make("made.2", 1, 3, "source")
    topics.close()
    topics.close()
