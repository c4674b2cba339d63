"""The commands about topics, on a real broker."""

from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from streams import DeadLetters, Position, Reason, Rejected
from streams.kafka import KafkaConfig, LetterWriter
from tests.detector.test_cli import innerwatch
from tests.real.broker import Broker


def config_in(folder: Path, servers: str, topic: str) -> Path:
    file = folder / "innerwatch.toml"
    file.write_text(
        f'[source.kafka]\nservers = [{servers}]\ntopic = "{topic}"\n[topics]\nalerts = "{topic}.alerts"\n'
        f'dead_letters = "{topic}.dead"\n[privacy]\nkey_file = "{folder / "key"}"\n'
    )
    return file


@pytest.mark.slow
def test_topics_are_made_once_and_checked(
    kafka_broker: Broker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_in(tmp_path, f'"{kafka_broker.address}"', "watched")
    assert innerwatch("topics", "check", "--config", config) == 1
    out, err = capfd.readouterr()
    assert "watched: does not exist\n  must be mended: make it: innerwatch topics create\n" in out
    assert err.startswith("innerwatch: watched, watched.alerts, watched.dead: must be mended")
    assert innerwatch("topics", "create", "--config", config, "--partitions", 2) == 0
    assert capfd.readouterr().out.splitlines()[0] == "watched: made, 2 partitions, replication 1"
    assert innerwatch("topics", "create", "--config", config) == 0
    assert capfd.readouterr().out.splitlines()[2] == "watched.dead: exists, left as it is"
    assert innerwatch("topics", "check", "--config", config) == 0
    out, err = capfd.readouterr()
    assert "watched: 2 partitions, replication 1, min.insync.replicas 1, kept 7.0 days, " in out
    assert "  mind: there is one copy of it" in out
    assert err == "the topics are as they must be\n"


@pytest.mark.slow
def test_a_compacted_source_is_an_error(
    kafka_broker: Broker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_in(tmp_path, f'"{kafka_broker.address}"', "compacted")
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    made = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "compact"}}
    admin.create_topics({"compacted": made})
    admin.close()
    assert innerwatch("topics", "create", "--config", config) == 0
    assert innerwatch("topics", "check", "--config", config) == 1
    out, err = capfd.readouterr()
    assert "must be mended: it is compacted" in out
    assert err.startswith("innerwatch: compacted: must be mended before a run")


def test_without_servers_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "files.toml").write_text("")
    assert innerwatch("topics", "check", "--config", tmp_path / "files.toml") == 1
    assert capfd.readouterr().err == "innerwatch: source.kafka.servers is not set; name the brokers\n"


@pytest.mark.slow
def test_dead_letters_in_a_topic_are_listed_like_those_in_a_file(
    kafka_broker: Broker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_in(tmp_path, f'"{kafka_broker.address}"', "listed")
    assert innerwatch("topics", "create", "--config", config, "--partitions", 1) == 0
    letters = [
        Rejected(Reason.NOT_JSON, "malformed", Position("listed-0", 4), b"{", b"E1"),
        Rejected(Reason.WRONG_KEY, "odd \x1b[2J \u202e words", Position("listed-0", 7), b"{}", b""),
    ]
    writer = LetterWriter(KafkaConfig((kafka_broker.address,), "listed"), "listed.dead")
    file = DeadLetters(tmp_path / "letters")
    for letter in letters:
        writer.write(letter)
        file.write(letter)
    writer.flush()
    writer.close()
    file.close()
    capfd.readouterr()
    for options in ([], ["--raw"]):
        assert innerwatch("deadletters", "list", tmp_path / "letters", *options) == 0
        said = capfd.readouterr()
        assert innerwatch("deadletters", "list", "--topic", "listed.dead", "--config", config, *options) == 0
        assert capfd.readouterr() == said
        assert said.err == "1 not_json\n1 wrong_key\n"
        assert "\x1b" not in said.out
    assert said.out == "{\n{}\n"
    kafka_broker.send("listed.dead", [(b"k", b"v", [])])
    assert innerwatch("deadletters", "list", "--topic", "listed.dead", "--config", config) == 0
    assert "1 messages in listed.dead are no dead letters" in capfd.readouterr().err


def test_dead_letters_are_in_one_place(tmp_path: Path) -> None:
    assert innerwatch("deadletters", "list") == 2
    assert innerwatch("deadletters", "list", tmp_path, "--topic", "x") == 2
