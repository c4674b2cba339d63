"""Workers of a consumer group that come, go and die end as one uninterrupted pass would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from detector.simulation import SimulationConfig, simulate
from tests.detector.small import KEY
from tests.detector.worker_driver import POINTS, TOPIC_POINTS
from tests.real.broker import Broker
from tests.real.postgres import Postgres

DRIVER = Path(__file__).with_name("worker_driver.py")
PARTITIONS = 4
RARE = ("before a shard is let go", "after a shard was let go", "before Kafka is told how far")
BROKEN = 500
"""Every so many records one is torn."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Log:
    folder: Path
    events: Path
    count: int


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("insurer")
    simulate(SimulationConfig(staff=70, days=60, seed=9, warm_up_days=5), folder)
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)[:200_000]
    for place in range(300, len(lines), BROKEN):
        lines[place] = lines[place][:40] + b"\n"
    events = folder / "torn.jsonl"
    events.write_bytes(b"".join(lines))
    return Log(folder, events, len(lines))


def drive(
    log: Log, broker: Broker, folder: Path, workers: int, steps: list[tuple[str, float]], **sections: object
) -> dict:
    topic = f"workers-{workers}"
    broker.publish(topic, [], partitions=PARTITIONS)
    config = {
        "source": {"kafka": {"servers": [broker.address], "topic": topic, "session_timeout_s": 1.5}},
        "context": {"roster": str(log.folder / "roster.csv"), "honey": str(log.folder / "honey.txt")},
        "risk": {"warm_up_days": 5, "budget": 30.0},
        "profiles": {"recent_events": 4096},
        "state": {"folder": str(folder / "state"), "checkpoint_events": 2_000, "checkpoint_s": 0.5},
        "metrics": {"enabled": False},
        **sections,
    }
    plan = {
        "config": config, "key": KEY.hex(), "folder": str(folder), "events": str(log.events), "count": log.count,
        "workers": workers, "steps": steps,
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-m", "tests.detector.worker_driver", folder / "plan.json", folder / "result.json"],
        capture_output=True,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "result.json").read_text())


def planned(seed: int, points: Iterable[str], rounds: int, times: int) -> list[tuple[str, float]]:
    rng = np.random.default_rng(seed)
    steps: list[tuple[str, float]] = [
        (point, 1 if point in RARE else int(rng.integers(1, 4))) for _ in range(rounds) for point in points
    ]
    steps += [("time", float(rng.uniform(0.3, 2.5))) for _ in range(times)]
    steps += [("stop", float(rng.uniform(0.5, 2.0))) for _ in range(4)]
    return [steps[place] for place in rng.permutation(len(steps))]


def test_a_lone_worker_killed_at_any_place_ends_as_if_it_had_not_been(
    log: Log, kafka_broker: Broker, tmp_path: Path
) -> None:
    result = drive(log, kafka_broker, tmp_path, 1, planned(1, POINTS, 2, 24))
    assert result["wrong"] == []
    assert result["alerts"] > 5
    assert result["strangers"] == []
    assert result["kills"] >= 50
    assert set(result["reached"]) == set(POINTS)


def test_three_workers_that_share_a_postgresql_store_end_as_if_none_had_been_killed(
    log: Log, kafka_broker: Broker, postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    for topic in ("told", "dead"):
        kafka_broker.publish(topic, [], partitions=2)
    points = {**POINTS, **TOPIC_POINTS}
    del points["before a dead letter"], points["after a dead letter"]  # which are those of files
    result = drive(
        log, kafka_broker, tmp_path, 3, planned(2, list(points), 2, 24),
        state={
            "database": postgres_url, "password_file": str(postgres.password_file), "checkpoint_events": 2_000,
            "checkpoint_s": 0.5,
        },
        topics={"alerts": "told", "dead_letters": "dead"},
    )  # fmt: skip
    assert result["wrong"] == []
    assert result["alerts"] > 5
    assert result["strangers"] == []
    assert result["kills"] >= 50
    assert len(result["reached"]) >= 0.8 * len(points)
