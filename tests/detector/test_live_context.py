"""A live run whose people and planted customers are in a compacted topic of a real broker, and its replay."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.kafka import KafkaConfig
from streams.kafka.topics import Topics
from tests.detector.test_app import living
from tests.detector.test_shard import event
from tests.real.broker import Broker

pytestmark = pytest.mark.slow

CONFIG = """
[source.kafka]
servers = ["{servers}"]
topic = "watched-context"
[context]
topic = "people"
refresh_s = 1
[state]
folder = "state"
[privacy]
key_file = "key"
[metrics]
enabled = false
"""


def told(broker: Broker, key: str, value: object) -> None:
    broker.send("people", [(key.encode(), None if value is None else json.dumps(value).encode(), [])])


def said(process: subprocess.Popen[str], name: str, **facts: object) -> dict[str, Any]:
    """The next line of the log with this event and these facts."""
    assert process.stderr is not None
    for line in iter(process.stderr.readline, ""):
        found = json.loads(line) if line.startswith("{") else {}
        if found.get("event") == name and facts.items() <= found.items():
            return found
    raise AssertionError(f"never said: {name} {facts}")


def lines(text: str) -> Iterator[tuple[str, str, str, int]]:
    for line in text.splitlines():
        alert = json.loads(line)
        yield alert["alert_id"], alert["position"], alert["role"], len(alert["findings"])


def test_a_live_run_takes_over_what_changes_and_a_replay_meets_it_there(kafka_broker: Broker, tmp_path: Path) -> None:
    topics = Topics(KafkaConfig((kafka_broker.address,), "people"))
    topics.make("people", 2, 1, "context")
    topics.close()
    told(kafka_broker, "roster/SECRET1", {"role": "clerk", "name": "SECRET"})
    told(kafka_broker, "roster/SECRET2", {"role": "clerk", "leave": "SECRET"})
    told(kafka_broker, "honey/C-SECRET1", {})
    config = tmp_path / "innerwatch.toml"
    config.write_text(CONFIG.format(servers=kafka_broker.address))
    kafka_broker.publish("watched-context", [event(n, f"SECRET{n}") for n in range(3)])
    with living(config, tmp_path) as process:
        assert process.stdout is not None
        said(process, "context", people=1, planted=1)
        assert "roster/... was left out: leave is malformed" in said(process, "context")["why"]
        # The first is not planted yet; from the change on it is, and the other is not.
        kafka_broker.publish("watched-context", [event(10, "SECRET1", "C-SECRET2"), event(11, "SECRET0", "C-SECRET1")])
        alerts = [process.stdout.readline()]
        told(kafka_broker, "roster/SECRET1", {"role": "lawyer"})
        told(kafka_broker, "honey/C-SECRET2", {})
        told(kafka_broker, "honey/C-SECRET1", None)
        told(kafka_broker, "roster/SECRET9", {})  # who sees this sees all that was told before
        said(process, "context", people=2, planted=1)
        touched = [("SECRET2", "C-SECRET1"), ("SECRET1", "C-SECRET2")]
        later = [event(20 + n, actor, customer) for n, (actor, customer) in enumerate(touched)]
        kafka_broker.publish("watched-context", later)
        alerts.append(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        out, logged = process.communicate()
        assert process.returncode == 0
        assert "SECRET" not in "".join(alerts) + out + logged
    final = {found[0]: found for found in lines("".join(alerts) + out)}
    assert sorted(role for _, _, role, _ in final.values()) == ["auditor", "lawyer"]
    command = [sys.executable, "-m", "detector.cli", "replay", "--config", config, "--contexts", config]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    )
    assert {found[0]: found for found in lines(done.stdout)} == final
    assert "lie at positions" not in done.stderr
