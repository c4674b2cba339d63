"""Workers of a consumer group that come, go and die end as one uninterrupted pass would."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from detector.simulation import SimulationConfig, simulate
from tests.detector.small import KEY
from tests.detector.worker_driver import POINTS, TOPIC_POINTS
from tests.real.broker import Broker, running_broker
from tests.real.postgres import Postgres

DRIVER = Path(__file__).with_name("worker_driver.py")
PARTITIONS = 4
RARE = ("before a shard is let go", "after a shard was let go", "before Kafka is told how far")
BROKEN = 500
"""Every so many records one is torn."""
STOPPED_S = 60.0
"""Longer than the clients wait for any answer of a server."""

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
    log: Log,
    broker: Broker,
    folder: Path,
    workers: int,
    steps: list[tuple[str, float]],
    meanwhile: Callable[[Callable[[int], None]], None] = lambda _: None,
    **sections: object,
) -> dict:
    topic = f"workers-{workers}-{len(steps)}"
    broker.publish(topic, [], partitions=PARTITIONS)
    config = {
        "source": {"kafka": {"servers": [broker.address], "topic": topic, "session_timeout_s": 1.5}},
        "context": {"roster": str(log.folder / "roster.csv"), "honey": str(log.folder / "honey.txt")},
        "risk": {"warm_up_days": 5, "budget": 30.0},
        "profiles": {"recent_events": 4096},
        "state": {"folder": str(folder / "state"), "checkpoint_events": 2_000, "checkpoint_s": 0.5},
        "metrics": {"enabled": False},
        "run": {"start_s": 120.0},
        **sections,
    }
    plan = {
        "config": config, "key": KEY.hex(), "folder": str(folder), "events": str(log.events), "count": log.count,
        "workers": workers, "steps": steps,
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    with (folder / "driver.log").open("w") as said:
        done = subprocess.Popen(
            [sys.executable, "-m", "tests.detector.worker_driver", folder / "plan.json", folder / "result.json"],
            stderr=said,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2],
        )

        def wait_for(step: int) -> None:
            while done.poll() is None and not (folder / f"step{step}").exists():
                time.sleep(0.1)

        try:
            meanwhile(wait_for)
            (folder / "calm").touch()
            code = done.wait()
        finally:
            done.kill()
    assert code == 0, (folder / "driver.log").read_text()[-4_000:]
    return json.loads((folder / "result.json").read_text()) | {"log": (folder / "driver.log").read_text()}


def planned(seed: int, points: Iterable[str], rounds: int, times: int) -> list[tuple[str, float]]:
    rng = np.random.default_rng(seed)
    steps: list[tuple[str, float]] = [
        (point, 1 if point in RARE else int(rng.integers(1, 4))) for _ in range(rounds) for point in points
    ]
    steps += [("time", float(rng.uniform(0.3, 1.8))) for _ in range(times)]
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
    points = {**POINTS, **TOPIC_POINTS}
    del points["before a dead letter"], points["after a dead letter"]  # which are those of files
    result = drive(
        log, kafka_broker, tmp_path, 3, planned(2, list(points), 2, 24),
        **in_common(kafka_broker, postgres, postgres_url, "workers"),
    )  # fmt: skip
    assert result["wrong"] == []
    assert result["alerts"] > 5
    assert result["strangers"] == []
    assert result["kills"] >= 50
    assert len(result["reached"]) >= 0.8 * len(points)


def in_common(broker: Broker, postgres: Postgres, url: str, name: str) -> dict[str, dict[str, object]]:
    """Where workers on several hosts keep everything: a database, and topics for letters and alerts."""
    topics = {"alerts": f"{name}.alerts", "dead_letters": f"{name}.dead"}
    for topic in topics.values():
        broker.publish(topic, [], partitions=2)
    password = str(postgres.password_file)
    state = {"database": url, "password_file": password, "checkpoint_events": 2_000, "checkpoint_s": 0.5}
    return {"state": state, "topics": topics}


def test_servers_that_stop_and_restart_and_zombies_change_nothing(
    log: Log, tmp_path: Path, postgres: Postgres, postgres_url: str
) -> None:
    steps: list[tuple[str, float]] = [("stop", 4.0), ("freeze", 0.0), ("stop", 2.0), ("freeze", 0.0)] * 4

    with running_broker(tmp_path) as broker:

        def disturb(wait_for: Callable[[int], None]) -> None:
            wait_for(4)
            broker.kill()
            broker.start()
            wait_for(7)
            postgres.restart()
            wait_for(9)
            with broker.stopped():
                time.sleep(STOPPED_S)

        result = drive(
            log, broker, tmp_path, 3, steps, disturb, **in_common(broker, postgres, postgres_url, "disturbed")
        )
    assert result["wrong"] == []
    assert result["alerts"] > 5
    assert result["strangers"] == []
    assert "a commit was refused, since the shard has a newer owner" in result["log"]
