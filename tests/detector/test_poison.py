"""Poison in a topic: a live run keeps every bad record with its coordinates, goes on, and takes in what was mended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from detector.config import StateConfig
from detector.home import Home
from streams import Reason, Rejected
from streams.kafka import KafkaConfig, LetterTopic
from tests.detector.small import SmallLog
from tests.real.broker import Broker, actor_of
from tests.streams.hostile import HOSTILE

pytestmark = pytest.mark.slow

WAIT_S = 60.0
EVERY = 100
"""One record of so many is poison."""


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "detector.cli", "run", "--config", config])
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def letters_in(config: KafkaConfig, topic: str) -> list[Rejected]:
    with closing(LetterTopic(config, topic)) as source:
        letters: list[Rejected] = []
        while not source.finished:
            letters += source.next_letters(100)
    return letters


def records_of(state: Path) -> dict[str, int]:
    """How many records each shard has committed, and how many events of them it judged."""
    try:
        with closing(Home(StateConfig(folder=state), read_only=True)) as home:
            found = [home.store.checkpoint(shard) for shard in home.store.shards()]
    except Exception:
        return {"records": 0, "events": 0}
    return {name: sum(one.counters[name] for one in found if one is not None) for name in ("records", "events")}


def test_every_poison_record_is_kept_with_its_coordinates_and_what_was_mended_is_judged(
    small_log: SmallLog, kafka_broker: Broker, tmp_path: Path
) -> None:
    good = [line for line in small_log.events.read_bytes().splitlines()[:6_000] if line.endswith(b"}")]
    poison = [raw for raw, _ in HOSTILE.values() if len(raw) < 900_000]
    messages: list[tuple[bytes, bytes]] = []
    bad: list[bytes] = []
    for place, value in enumerate(good):
        messages.append((actor_of(value), value))
        if place % EVERY == 0:
            bad.append(poison[place // EVERY % len(poison)])
            messages.append((b"E%d" % place, bad[-1]))
    strays = [json.dumps(json.loads(value) | {"event_id": f"stray-{n}"}).encode() for n, value in enumerate(good[:7])]
    messages += [(b"nobody", value) for value in strays]
    bad += strays
    kafka_broker.send("poisoned", [(key, value, []) for key, value in messages], partitions=3)
    kafka_broker.publish("poisoned.dead", [])
    config = tmp_path / "innerwatch.toml"
    config.write_text(
        f'[source.kafka]\nservers = ["{kafka_broker.address}"]\ntopic = "poisoned"\n'
        f'[topics]\ndead_letters = "poisoned.dead"\n[state]\nfolder = "state"\ncheckpoint_s = 0.5\n'
        '[privacy]\nkey_file = "key"\n[metrics]\nenabled = false\n'
    )
    kafka = KafkaConfig((kafka_broker.address,), "poisoned")
    with running(config):
        wait_for(lambda: records_of(tmp_path / "state")["records"] == len(messages))
        letters = letters_in(kafka, "poisoned.dead")
        assert len(letters) == len({str(letter.position) for letter in letters}) == len(bad)
        assert sorted(letter.raw for letter in letters) == sorted(bad)
        assert [letter.raw for letter in letters if letter.reason is Reason.WRONG_KEY] == strays
        assert records_of(tmp_path / "state")["events"] == len(good)
        for _ in range(2):  # the second time there is nothing left to pass on
            command = [sys.executable, "-m", "detector.cli", "deadletters", "replay", "--topic", "poisoned.dead"]
            done = subprocess.run([*command, "--config", config], capture_output=True, text=True, env=os.environ)
            assert done.returncode == 0, done.stderr
        wait_for(lambda: records_of(tmp_path / "state")["events"] == len(good) + len(strays))
