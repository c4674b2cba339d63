"""The live program: alerts within a second, metrics on loopback, logs without people, and a graceful end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from alerts.lines import alert_line
from detector.app import INTERRUPTED, dead_letters_path, key_path, replay, run, state_home
from detector.config import Config
from detector.errors import ConfigError
from streams import Tokens
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_shard import event, planted
from tests.real.broker import Broker

TOKENS = Tokens(KEY)


@pytest.fixture
def honey(small_log: SmallLog) -> str:
    return planted(small_log)


@contextmanager
def living(config: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "detector.cli", "run", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"XDG_STATE_HOME": str(home)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_live_run_tells_at_once_serves_metrics_and_ends_gracefully(
    small_log: SmallLog, tmp_path: Path, honey: str
) -> None:
    log, config = tmp_path / "log.jsonl", tmp_path / "innerwatch.toml"
    log.write_bytes(b"".join(event(n, f"E{n}") + b"\n" for n in range(3)))
    port = 19_464 + os.getpid() % 1_000
    config.write_text(
        f'[source]\npaths = ["log.jsonl"]\nfollow = true\n[context]\nhoney = "{small_log.honey}"\n'
        f'[state]\nfolder = "state"\n[privacy]\nkey_file = "key"\n[metrics]\nport = {port}\n'
    )
    for round_, (number, code) in enumerate(((signal.SIGTERM, 0), (signal.SIGINT, 130))):
        with living(config, tmp_path) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            started = process.stderr.readline()
            while not started.startswith("{"):
                started = process.stderr.readline()
            assert json.loads(started)["event"] == "started"
            assert json.loads(started)["source"] == "files"
            began = time.monotonic()
            with log.open("ab") as file:
                file.write(event(100 + round_, f"SECRET{round_}", honey) + b"\n")
            alert = json.loads(process.stdout.readline())
            assert time.monotonic() - began < 5.0  # under a second on a quiet machine
            assert alert["actor"].startswith("E-")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                metrics = answer.read().decode()
            process.send_signal(number)
            out, logged = process.communicate()
            assert process.returncode == code
            assert f"innerwatch_events_total {1 if round_ else 4}.0" in metrics
            assert "SECRET" not in out + logged + metrics + json.dumps(alert)
            assert [json.loads(line)["event"] for line in logged.splitlines()][-1] == "stopped"


@pytest.mark.slow
def test_a_live_run_follows_a_kafka_partition_and_goes_on_where_it_was_stopped(
    small_log: SmallLog, tmp_path: Path, honey: str, kafka_broker: Broker
) -> None:
    kafka_broker.publish("live", [event(n, f"E{n}") for n in range(3)])
    config = tmp_path / "innerwatch.toml"
    config.write_text(
        f'[source]\nfollow = true\nkafka.servers = ["{kafka_broker.address}"]\nkafka.topic = "live"\n'
        f'[context]\nhoney = "{small_log.honey}"\n[state]\nfolder = "state"\n[privacy]\nkey_file = "key"\n'
        "[metrics]\nenabled = false\n"
    )
    for round_ in range(2):
        with living(config, tmp_path) as process:
            assert process.stdout is not None
            kafka_broker.publish("live", [event(100 + round_, f"SECRET{round_}", honey)])
            alert = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            out, logged = process.communicate()
            assert process.returncode == 0
            assert alert["position"] == f"live-0@{3 + round_}"
            assert not out  # what was told before the stop is not told again after it
            stopped = json.loads(logged.splitlines()[-1])
            assert (stopped["event"], stopped["events"]) == ("stopped", 4 + round_)
            assert "SECRET" not in logged


def test_a_live_run_over_a_log_that_ends_gives_the_alerts_of_a_replay(small_log: SmallLog, tmp_path: Path) -> None:
    config = small_log.config(state={"folder": str(tmp_path / "state")}, metrics={"enabled": False})
    out, log = BytesIO(), Heard()
    assert run(config, TOKENS, out, log) == 0
    told = {}
    for line in out.getvalue().splitlines():
        told[json.loads(line)["alert_id"]] = json.loads(line)
    replayed = replay(small_log.config(), TOKENS, tmp_path / "letters")
    assert [told[alert.alert_id]["risk"] for alert in replayed.alerts] == [alert.risk for alert in replayed.alerts]
    assert log.lines[0] == ("started", {"source": "files"})
    assert log.lines[-1][0] == "stopped"
    assert not [actor for actor in replayed.shards[0].engine.people.ids[1:] if actor in str(log.lines)]


def test_a_damaged_newest_state_is_said_and_survived(small_log: SmallLog, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    config = small_log.config(state={"folder": str(folder), "checkpoint_events": 3000}, metrics={"enabled": False})
    whole = replay(config, TOKENS, tmp_path / "unused").alerts
    max(folder.glob("*.state")).write_bytes(b"?")
    log = Heard()
    assert run(config, TOKENS, BytesIO(), log) == 0
    assert "damaged" in log.lines[2][0]
    assert replay(config, TOKENS, tmp_path / "unused").alerts == whole


def test_two_replays_are_equal_and_a_watcher_sees_every_closed_day(small_log: SmallLog, tmp_path: Path) -> None:
    days: list[int] = []
    first = replay(
        small_log.config(), TOKENS, tmp_path / "1", lambda feed: days.extend(day.day for day in feed.keeper.closed)
    )
    second = replay(small_log.config(), TOKENS, tmp_path / "2")
    assert first.complete
    assert first.alerts == second.alerts != ()
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert days == sorted(set(days))
    assert len(days) > 10


def test_the_same_log_in_another_place_gives_the_same_alerts_byte_for_byte(
    small_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere" / small_log.events.name
    moved.parent.mkdir()
    shutil.copy(small_log.events, moved)
    monkeypatch.chdir(tmp_path)
    names = [str(small_log.events), str(moved), f"elsewhere/{moved.name}", "elsewhere"]
    lines = [
        b"".join(
            map(alert_line, replay(small_log.config(source={"paths": [name]}), Tokens(KEY), tmp_path / "dead").alerts)
        )
        for name in names
    ]
    assert lines == [lines[0]] * len(names)
    assert f"{moved.name}@".encode() in lines[0]


def test_a_signal_ends_a_replay_early_and_gives_the_signals_back(small_log: SmallLog, tmp_path: Path) -> None:
    former = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    done = replay(small_log.config(), TOKENS, tmp_path / "1", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert not done.complete
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == former
    assert INTERRUPTED == 130


def test_a_live_run_needs_a_state_folder() -> None:
    with pytest.raises(ConfigError, match=r"state\.folder is not set"):
        run(Config(), TOKENS, BytesIO(), Heard())


def test_the_places_of_a_user_follow_the_convention(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert key_path(Config()) == tmp_path / "innerwatch" / "key"
    assert dead_letters_path(Config(), Path("out/a.jsonl")) == Path("out/a.jsonl.deadletters.jsonl")
    assert dead_letters_path(Config(), None).parent == state_home()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert state_home() == tmp_path / "me" / ".local" / "state" / "innerwatch"
    assert key_path(Config.model_validate({"privacy": {"key_file": "k"}})) == Path("k")


def kafka_config(folder: Path, broker: Broker, topic: str, more: str = "") -> Path:
    config = folder / "innerwatch.toml"
    config.write_text(
        f'[source.kafka]\nservers = ["{broker.address}"]\ntopic = "{topic}"\n{more}\n[state]\nfolder = "state"\n'
        '[privacy]\nkey_file = "key"\n[metrics]\nenabled = false\n[run]\nstart_s = 30\n'
    )
    return config


@pytest.mark.slow
def test_a_start_that_fails_is_tried_again_as_long_as_configured_and_says_why(
    tmp_path: Path, kafka_broker: Broker
) -> None:
    with living(kafka_config(tmp_path, kafka_broker, "late"), tmp_path) as process:
        assert process.stderr is not None
        lines = [json.loads(line) for line in (process.stderr.readline() for _ in range(2)) if line.startswith("{")]
        assert lines[0]["event"] == "cannot start yet"
        assert "late: no such topic" in lines[0]["why"]
        kafka_broker.publish("late", [])
        while not (line := process.stderr.readline()).startswith('{"source": "late"'):
            assert line
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('topic_ = "x"', "unknown key 'source.kafka.topic_'"),
        ("", "absent: no such topic at 127.0.0.1"),
        (
            'tls = true\nusername = "innerwatch"\npassword_file = "password"\nca_file = "broker.pem"',
            "no Kafka server answers at 127.0.0.1",
        ),
    ],
)
def test_a_start_that_fails_for_good_is_one_error_and_a_code(
    tmp_path: Path, kafka_broker: Broker, more: str, words: str
) -> None:
    (tmp_path / "password").write_text("canary-9f12\n")
    shutil.copy(kafka_broker.certificate, tmp_path / "broker.pem")
    config = kafka_config(tmp_path, kafka_broker, "absent", more)
    text = config.read_text().replace("start_s = 30", "start_s = 0")
    if "tls" in more:
        text = text.replace(kafka_broker.address, kafka_broker.secure_address)
    config.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "detector.cli", "run", "--config", config], capture_output=True, text=True, timeout=60
    )
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("{", "a key for pseudonyms"))]
    assert done.returncode == 1
    assert len(errors) == 1
    assert words in errors[0]
    assert "canary" not in done.stdout + done.stderr
