"""A worker whose partitions come and go as the test says; real brokers are in test_workers.py."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.errors import UnavailableError
from alerts.store import Store
from detector import worker as module
from detector.app import replay
from detector.config import Config
from detector.context import read_context
from detector.errors import CheckpointError
from detector.home import Home
from detector.keeper import Setting
from detector.worker import Worker
from streams import Position, Record, SourceError, Tokens
from streams.kafka import KafkaConfig, Owner
from tests.detector.small import KEY, SmallLog

KAFKA = KafkaConfig(("nowhere:1",), "events")
TOKENS = Tokens(KEY)


class Group:
    """Gives what the test has put into its partitions, by the owner's offsets."""

    def __init__(self, _: KafkaConfig, owner: Owner) -> None:
        self.owner, self.partitions = owner, 2
        self.logs: dict[int, list[bytes]] = {}
        self.offsets: dict[int, int] = {}
        self.committed: dict[int, int] = {}

    def give(self, partition: int) -> None:
        self.offsets[partition] = self.owner.assigned(partition, self.partitions) or 0

    def next_batches(self, limit: int) -> dict[int, list[Record]]:
        found = {}
        for partition, offset in self.offsets.items():
            values = self.logs[partition][offset : offset + limit]
            if values:
                places = range(offset, offset + len(values))
                found[partition] = [
                    Record(value, Position(f"events-{partition}", place))
                    for value, place in zip(values, places, strict=True)
                ]
                self.offsets[partition] = offset + len(values)
        return found

    def lag(self, partition: int, offset: int) -> int | None:
        return len(self.logs[partition]) - offset

    def commit(self, offsets: dict[int, int]) -> None:
        self.committed |= offsets

    def close(self) -> None:
        for partition in self.offsets:
            self.owner.revoked(partition)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, small_log: SmallLog) -> list[Group]:
    made: list[Group] = []
    lines = small_log.events.read_bytes().splitlines()

    def make(kafka: KafkaConfig, owner: Owner) -> Group:
        made.append(Group(kafka, owner))
        made[-1].logs = {0: lines[:3_000], 1: lines[3_000:]}
        return made[-1]

    monkeypatch.setattr(module, "KafkaGroup", make)
    return made


@pytest.fixture
def config(small_log: SmallLog, tmp_path: Path) -> Config:
    return small_log.config(state={"folder": str(tmp_path / "state"), "checkpoint_events": 1_000})


@pytest.fixture
def home(config: Config) -> Iterator[Home]:
    with closing(Home(config.state)) as home:
        yield home


@pytest.fixture
def make(config: Config, home: Home, group: list[Group]) -> Callable[[], Worker]:
    context = read_context(config, TOKENS)
    return lambda: Worker(Setting(config, TOKENS, context, home), KAFKA, lambda _: None)


def read(worker: Worker) -> list[str]:
    told = []
    while (found := worker.advance(500))[0] or found[1]:
        told += [alert.alert_id for alert in found[1]]
    return told


def test_each_partition_is_a_shard_that_goes_on_where_it_was_committed(
    make: Callable[[], Worker], group: list[Group], home: Home
) -> None:
    first = make()
    group[0].give(0)
    group[0].give(1)
    first.advance(500)
    assert sorted(keeper.shard.name for keeper in first.keepers) == ["events-0-of-2", "events-1-of-2"]
    assert first.lag()["events-0-of-2"] == 2_500
    first.revoked(0)
    assert home.store.checkpoint("events-0-of-2").position == "events-0@500"  # type: ignore[union-attr]
    second = make()
    group[1].give(0)
    assert group[1].offsets == {0: 500}
    read(second)
    assert second.keepers[0].shard.counts["records"] == 3_000
    assert first.events == {"assigned": 2, "revoked": 1}


def test_what_moves_between_workers_gives_the_alerts_of_one(
    make: Callable[[], Worker], group: list[Group], home: Home, small_log: SmallLog, tmp_path: Path
) -> None:
    told: set[str] = set()
    for round_ in range(5):
        worker = make()
        for partition in range(2):
            group[-1].give(partition)
        told |= {alert.alert_id for _ in range(1 + round_) for alert in worker.advance(400)[1]}
        if round_ % 2:
            worker.lost(1)
        told |= {alert.alert_id for alert in worker.settle()}
        worker.close()
    worker = make()
    for partition in range(2):
        group[-1].give(partition)
    told |= set(read(worker))
    worker.close()
    assert told == {alert.alert_id for alert in home.store.alerts()} != set()
    assert {shard: home.saved(shard).position for shard in home.store.shards()} == {
        "events-0-of-2": "events-0@3000",
        "events-1-of-2": f"events-1@{len(group[0].logs[1])}",
    }
    # Each half alone, in one pass of its own.
    whole = []
    for partition, values in group[0].logs.items():
        (tmp_path / f"{partition}.jsonl").write_bytes(b"\n".join(values) + b"\n")
        alone = small_log.config(source={"paths": [str(tmp_path / f"{partition}.jsonl")]})
        whole += [alert.findings for alert in replay(alone, TOKENS, tmp_path / "letters").alerts]
    kept = [alert.findings for alert in home.store.alerts()]
    assert all(findings in whole for findings in kept)


def test_a_commit_with_an_old_epoch_is_refused_counted_and_the_shard_forgotten(
    make: Callable[[], Worker], group: list[Group], home: Home
) -> None:
    zombie, owner = make(), make()
    group[0].give(0)
    zombie.advance(600)
    group[1].give(0)
    read(owner)
    before = home.store.checkpoint("events-0-of-2")
    zombie.advance(600)  # 1,200 records, so it is due
    assert zombie.events["refused"] == 1
    assert zombie.keepers == []
    assert home.store.checkpoint("events-0-of-2") == before
    assert zombie.advance(600)[1] == []  # Kafka does not know yet and gives more: it is left alone


def test_a_store_that_is_away_is_waited_for_and_nothing_is_told_before_it_is_back(
    make: Callable[[], Worker], group: list[Group], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make()
    group[0].give(0)
    group[0].give(1)

    def away(*_: object) -> None:
        raise UnavailableError("the server is away")

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", away)
        while not worker.waiting:
            told += [alert.alert_id for alert in worker.advance(500)[1]]
        read_so_far = dict(group[0].offsets)
        assert worker.advance(500) == (0, [])
        assert worker.unready == "the server is away"
        assert group[0].offsets == read_so_far  # nothing more is read
        assert told == []
    told += read(worker)
    assert worker.unready == ""
    assert set(told) == {alert.alert_id for alert in home.store.alerts()}


def test_a_shard_is_opened_when_the_store_comes_back(
    config: Config, home: Home, group: list[Group], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    worker = Worker(Setting(config, TOKENS, read_context(config, TOKENS), home), KAFKA, slept.append)
    real, left = Store.acquire, [3]

    def acquire(store: Store, shard: str) -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise UnavailableError("starting up")
        return real(store, shard)

    monkeypatch.setattr(Store, "acquire", acquire)
    group[0].give(0)
    assert slept == [0.1, 0.2, 0.5]
    left[0] = 100
    with pytest.raises(UnavailableError):
        group[0].give(1)
    assert sum(slept[3:]) < 20
    assert [keeper.shard.name for keeper in worker.keepers] == ["events-0-of-2"]


def test_a_topic_with_another_number_of_partitions_is_refused_at_the_start_and_while_running(
    make: Callable[[], Worker], group: list[Group]
) -> None:
    running = make()
    group[0].give(0)
    running.advance(500)
    running.settle()
    group[0].partitions = 3
    with pytest.raises(CheckpointError, match=r"events has 3 partitions, but the state was made with 2: .* rekey"):
        running.advance(500)
    make()
    group[1].partitions = 3
    with pytest.raises(CheckpointError, match="made with 2"):
        group[1].give(2)


def test_nothing_is_refused_of_what_belongs_to_another_topic(
    make: Callable[[], Worker], group: list[Group], home: Home
) -> None:
    home.checkpoints("other-events-0-of-9")
    home.checkpoints("0")
    worker = make()
    group[0].give(1)
    assert worker.advance(10)[0] == 10


def test_a_mapping_that_takes_events_out_of_documents_is_refused(
    small_log: SmallLog, home: Home, group: list[Group]
) -> None:
    config = small_log.config(source={"mapping": "cloudtrail"})
    Worker(Setting(config, TOKENS, read_context(config, TOKENS), home), KAFKA, lambda _: None)
    with pytest.raises(SourceError, match="a Kafka record is one event"):
        group[0].give(0)


def test_kafka_is_told_how_far_it_is_every_few_seconds(config: Config, home: Home, group: list[Group]) -> None:
    now = [0.0]
    worker = Worker(Setting(config, TOKENS, read_context(config, TOKENS), home, lambda: now[0]), KAFKA, lambda _: None)
    group[0].give(0)
    worker.advance(500)
    assert group[0].committed == {}
    now[0] = 6.0
    worker.advance(500)
    assert group[0].committed == {0: 1_000}
