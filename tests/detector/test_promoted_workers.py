"""Promotions in the middle of a stream whose workers are killed: one change a shard each, met again by a replay."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alerts.bundles import Deed
from alerts.lines import alert_line
from alerts.registry import Registry
from alerts.store import Store
from detector.config import Config, StateConfig, load_config
from detector.home import Home
from detector.replaying import feeds_of, setting_of
from detector.trail import History
from streams import Tokens
from tests.detector.bundling import act, add, signer_in
from tests.detector.small import KEY, SmallLog
from tests.real.broker import Broker
from tests.real.postgres import Postgres

TOPIC = "promoted"
SHARDS = [f"{TOPIC}-{partition}-of-2" for partition in range(2)]
LINES = 4_000
PATIENCE_S = 180.0
CONFIG = """
[source.kafka]
servers = ["{servers}"]
topic = "promoted"
session_timeout_s = 1.5
[topics]
dead_letters = "promoted.dead"
[context]
roster = "{roster}"
honey = "{honey}"
refresh_s = 1
[risk]
warm_up_days = 3
budget = 60.0
[state]
database = "{database}"
password_file = "{password}"
checkpoint_events = 1000
checkpoint_s = 0.3
[privacy]
key_file = "key"
[bundles]
trusted_keys = ["training.key.pub"]
[metrics]
enabled = false
[run]
start_s = 120
"""

pytestmark = pytest.mark.slow


@dataclass
class Stream:
    """A log in two partitions that is published bit by bit, and the workers that read it."""

    broker: Broker
    folder: Path
    logs: tuple[list[bytes], list[bytes]]
    published: list[int] = field(default_factory=lambda: [0, 0])
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "innerwatch.toml"

    def publish(self, share: float) -> None:
        """Up to a share of each partition."""
        for partition, log in enumerate(self.logs):
            first, self.published[partition] = self.published[partition], int(share * len(log))
            more = log[first : self.published[partition]]
            self.broker.publish(TOPIC, more, partitions=2, partition=partition)

    def start(self) -> None:
        """One worker more."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "detector.cli", "run", "--config", self.config]
            environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
            self.workers.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))

    def kill(self) -> None:
        """The worker that has been here longest."""
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait()

    def end(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait() for worker in self.workers] == [0] * len(self.workers)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait, as long as the workers live."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert all(worker.poll() is None for worker in self.workers), (self.folder / "log").read_text()[-3_000:]
            assert time.monotonic() < end, (self.folder / "log").read_text()[-3_000:]
            time.sleep(0.05)


def split(small_log: SmallLog) -> tuple[list[bytes], list[bytes]]:
    """The log by actors."""
    logs: tuple[list[bytes], list[bytes]] = [], []
    for line in small_log.events.read_bytes().splitlines()[:LINES]:
        try:
            actor = json.loads(line)["actor"]["id"]
        except ValueError:
            actor = ""
        logs[sum(actor.encode()) % 2].append(line)
    return logs


@pytest.fixture
def stream(
    kafka_broker: Broker, postgres: Postgres, postgres_url: str, small_log: SmallLog, tmp_path: Path
) -> Iterator[Stream]:
    made = Stream(kafka_broker, tmp_path, split(small_log))
    kafka_broker.publish("promoted.dead", [], partitions=1)
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "key").chmod(0o600)
    made.config.write_text(
        CONFIG.format(
            servers=kafka_broker.address, roster=small_log.roster, honey=small_log.honey, database=postgres_url,
            password=postgres.password_file,
        )
    )  # fmt: skip
    yield made
    for worker in made.workers:
        worker.kill()
        worker.wait()


@contextmanager
def opened(config: Config) -> Iterator[tuple[Store, Registry]]:
    with ExitStack() as stack:
        store = stack.enter_context(closing(Home(config.state))).store
        url = config.state.database or ""
        yield store, stack.enter_context(closing(Registry(url, config.state.password_file)))


def positions(store: Store) -> list[int]:
    """How far each shard has come."""
    found = [store.checkpoint(shard) for shard in SHARDS]
    return [int((one.position if one is not None else "").rpartition("@")[2] or 0) for one in found]


def changes(store: Store) -> list[list[tuple[str, str]]]:
    return [[(change.position, change.digest) for change in store.context_changes(shard)] for shard in SHARDS]


def champion_of(store: Store, config: Config, digest: str) -> str:
    champion = History(store, config, Tokens(KEY)).context(digest).champion
    return champion.manifest.name if champion is not None else ""


def test_each_shard_changes_once_for_a_promotion_and_once_for_a_rollback_through_kill_9(
    stream: Stream, tmp_path: Path
) -> None:
    signer, config = signer_in(tmp_path), load_config(stream.config)
    with opened(config) as (store, registry):
        spring = add(registry, "spring", signer.seal_alarmed("spring", 4.0))
        stream.publish(0.3)
        for _ in range(2):
            stream.start()
        stream.until(lambda: min(positions(store)) > 0)
        act(registry, Deed.PROMOTE, spring)
        stream.kill()
        stream.start()
        stream.publish(0.6)
        stream.until(lambda: any(len(made) > 1 for made in changes(store)))
        stream.kill()
        stream.start()
        stream.until(lambda: positions(store) == stream.published and all(len(made) > 1 for made in changes(store)))
        stream.publish(0.8)
        act(registry, Deed.ROLLBACK, spring)
        stream.kill()
        stream.publish(1.0)
        stream.until(lambda: positions(store) == stream.published and all(len(made) > 2 for made in changes(store)))
        stream.end()
        made, told = changes(store), [alert_line(alert) for alert in store.alerts()]
        for shard in made:
            assert [champion_of(store, config, digest) for _, digest in shard] == ["", "spring", ""]
            assert [bool(position) for position, _ in shard] == [False, True, True]
    assert told
    assert repeated(config, tmp_path) == (made, told)


def repeated(config: Config, folder: Path) -> tuple[list[list[tuple[str, str]]], list[bytes]]:
    """The same from scratch, by what the run has recorded: its changes of context, and its alerts."""
    again = config.model_copy(update={"state": StateConfig(folder=folder / "again", checkpoint_events=1_700)})
    with ExitStack() as stack:
        setting = setting_of(again, Tokens(KEY), config.state, stack)
        assert setting.home is not None
        for feed in feeds_of(setting, folder / "unused"):
            while not feed.finished:
                feed.advance()
            feed.settle()
            assert feed.keeper.changes_ahead == 0
            feed.close()
        return changes(setting.home.store), [alert_line(alert) for alert in setting.home.store.alerts()]
