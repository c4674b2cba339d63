"""A dump of PostgreSQL, taken by the documented commands while workers run, is a state to go on from."""

import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaProducer

from alerts.lines import alert_line
from detector.config import StateConfig
from detector.home import Home
from tests.deploy.image import ROOT
from tests.deploy.processes import counted, ended, environment, running, until
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import innerwatch
from tests.real.broker import Broker, actor_of, free_ports
from tests.real.postgres import PASSWORD, Postgres, _binary

PARTITIONS = 2
SEEN = ("innerwatch_events_total", "innerwatch_rejected_total", "innerwatch_duplicates_total")


def documented(program: str) -> str:
    text = (ROOT / "deploy" / "README.md").read_text("utf-8")
    (line,) = re.findall(rf"^{program} .*$", text, re.MULTILINE)
    return line


def do(program: str, url: str, folder: Path) -> None:
    """Run what the README says, for another database."""
    words = documented(program).split()
    words = [re.sub(r"postgresql://\S+", url, word) for word in words]
    env = environment() | {"PGPASSWORD": PASSWORD}
    done = subprocess.run([_binary(words[0]), *words[1:]], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Worker:
    """A configuration of a worker whose state is in a database."""

    def __init__(self, name: str, url: str, broker: Broker, postgres: Postgres, log: SmallLog, folder: Path) -> None:
        self._folder, self.name = folder, name
        self.state = StateConfig(database=url, password_file=postgres.password_file)
        (self.port,) = free_ports(1)
        self.config = folder / f"{name}.toml"
        self.config.write_text(
            f"[source.kafka]\nservers = ['{broker.address}']\ntopic = 'dumped'\n"
            "[topics]\ndead_letters = 'dumped.dead'\n"
            f"[context]\nroster = '{log.roster}'\nhoney = '{log.honey}'\n[risk]\nwarm_up_days = 3\nbudget = 60.0\n"
            f"[state]\ndatabase = '{url}'\npassword_file = '{postgres.password_file}'\ncheckpoint_events = 400\n"
            f"[privacy]\nkey_file = '{folder / 'key'}'\n[metrics]\nport = {self.port}\n"
        )

    def process(self, stack: ExitStack) -> "subprocess.Popen[bytes]":
        """Start it."""
        command = [sys.executable, "-m", "detector.cli", "run", "--config", str(self.config)]
        return stack.enter_context(running(command, self._folder / f"{self.name}.log"))

    @property
    def read(self) -> int:
        """Records behind the last checkpoints."""
        with closing(Home(self.state, read_only=True)) as home:
            found = [home.store.checkpoint(shard) for shard in home.store.shards()]
        return sum(int(one.position.rpartition("@")[2] or 0) for one in found if one is not None)

    def outcome(self) -> tuple[list[bytes], dict[str, np.ndarray]]:
        """Its alerts, and the state of its shards."""
        with closing(Home(self.state, read_only=True)) as home:
            state = {
                f"{shard}/{key}": value
                for shard in home.store.shards()
                for key, value in home.saved(shard).state.items()
            }
            return [alert_line(alert) for alert in home.store.alerts()], state


def publish(broker: Broker, lines: Iterable[bytes]) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.address, enable_idempotence=False)) as producer:
        for line in lines:
            producer.send("dumped", line, actor_of(line))
        producer.flush()


@pytest.mark.slow
def test_a_dump_of_a_live_run_put_back_elsewhere_ends_as_the_run_that_went_on(
    small_log: SmallLog, kafka_broker: Broker, postgres: Postgres, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "key").chmod(0o600)
    lines = small_log.events.read_bytes().splitlines()
    first, other = postgres.new_database(), postgres.new_database()
    whole = Worker("whole", postgres.url(first), kafka_broker, postgres, small_log, tmp_path)
    there = Worker("there", postgres.url(other), kafka_broker, postgres, small_log, tmp_path)
    assert innerwatch("topics", "create", "--config", whole.config, "--partitions", PARTITIONS) == 0
    with ExitStack() as stack:
        process = whole.process(stack)
        publish(kafka_broker, lines[: len(lines) // 3])
        until(lambda: counted(whole.port, *SEEN) > len(lines) // 6, "reading")
        do("pg_dump", whole.state.database or "", tmp_path)
        publish(kafka_broker, lines[len(lines) // 3 :])
        until(lambda: counted(whole.port, *SEEN) == len(lines), "the end")
        assert ended(process) == 0
        do("pg_restore", there.state.database or "", tmp_path)
        assert 0 < there.read < len(lines)
        missing = len(lines) - there.read
        process = there.process(stack)
        until(lambda: counted(there.port, *SEEN) == missing, "the rest")
        assert ended(process) == 0
    (alerts, state), (same, like) = whole.outcome(), there.outcome()
    assert alerts == same != []
    assert state.keys() == like.keys()
    assert [name for name in state if not np.array_equal(state[name], like[name])] == []
    postgres.drop_database(first)
    postgres.drop_database(other)
