"""Killed at any place and started again, a replay ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alerts.lines import alert_line
from detector.app import replay
from streams import Tokens
from tests.detector.small import KEY, SmallLog
from tests.real.broker import Broker

DRIVER = Path(__file__).with_name("kill_driver.py")
ONCE = ("before the end", "after the end", "after the last alerts")
"""Places that are reached once in a replay, at its end."""
EARLY = (
    "before the snapshot", "after the snapshot", "before a sync", "after a sync", "before a rename", "after a rename",
    "before the commit", "after the commit", "before old generations go", "after old generations went",
    "before an old generation goes", "before a dead letter", "after a dead letter", "in the middle of a batch",
    "at the end of a batch",
)  # fmt: skip
AT_LEAST = 100

pytestmark = pytest.mark.slow


def drive(log: SmallLog, folder: Path, steps: list[tuple[str, float]], **source: object) -> dict:
    source = {"paths": [str(log.events)]} | source
    config = log.config(source=source, state={"folder": str(folder), "checkpoint_events": 400})
    plan = {
        "config": config.model_dump(mode="json"),
        "key": KEY.hex(),
        "folder": str(folder),
        "steps": steps,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, DRIVER, folder / "plan.json", folder / "result.json"],
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    uninterrupted = replay(log.config(source=source), Tokens(KEY), folder / "letters").alerts
    assert (folder / "whole.jsonl").read_bytes() == b"".join(map(alert_line, uninterrupted)) != b""
    (letters,) = (folder / "whole").rglob("deadletters.jsonl")
    assert letters.read_bytes() == (folder / "letters").read_bytes() != b""
    return json.loads((folder / "result.json").read_text())


def test_a_replay_killed_at_every_named_place_ends_as_if_it_had_not_been(small_log: SmallLog, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    steps = [(point, int(rng.integers(1, 6))) for _ in range(5) for point in rng.permutation(EARLY).tolist()]
    ends = [step for point in ONCE for step in ((point, 1), (point, 1))]
    result = drive(small_log, tmp_path, [*steps, *ends])
    assert result["wrong"] == []
    assert set(result["reached"]) == {*EARLY, *ONCE} == set(result["points"])
    assert result["kills"] >= 0.6 * AT_LEAST


def test_a_replay_killed_at_any_time_ends_as_if_it_had_not_been(small_log: SmallLog, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    result = drive(small_log, tmp_path, [("time", float(rng.uniform(0.02, 0.8))) for _ in range(60)])
    assert result["wrong"] == []
    assert result["kills"] >= 0.4 * AT_LEAST


def test_a_replay_of_a_kafka_partition_killed_at_any_place_ends_as_if_it_had_not_been(
    small_log: SmallLog, tmp_path: Path, kafka_broker: Broker
) -> None:
    kafka_broker.publish("kills", small_log.events.read_bytes().splitlines())
    rng = np.random.default_rng(3)
    steps = [(point, int(rng.integers(1, 4))) for point in rng.permutation(EARLY).tolist()]
    steps += [("time", float(rng.uniform(0.05, 0.8))) for _ in range(15)]
    kafka = {"servers": [kafka_broker.address], "topic": "kills"}
    result = drive(small_log, tmp_path, steps, paths=[], kafka=kafka)
    assert result["wrong"] == []
    assert result["kills"] >= len(EARLY)


def test_a_kafka_partition_gives_the_findings_of_the_file_it_was_filled_from(
    small_log: SmallLog, tmp_path: Path, kafka_broker: Broker
) -> None:
    kafka_broker.publish("same", small_log.events.read_bytes().splitlines())
    source = {"kafka": {"servers": [kafka_broker.address], "topic": "same"}}
    log, topic = (
        replay(log, Tokens(KEY), tmp_path / "x") for log in (small_log.config(), small_log.config(source=source))
    )
    assert [alert.findings for alert in topic.alerts] == [alert.findings for alert in log.alerts] != []
    assert {alert.position.partition("@")[0] for alert in topic.alerts} == {"same-0"}
    rejected = {name: count for name, count in log.shards[0].counts.items() if name.startswith("rejected.")}
    assert rejected
    assert rejected.items() <= topic.shards[0].counts.items()
    letters = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
    assert {letter["source"] for letter in letters} == {"same-0"}
