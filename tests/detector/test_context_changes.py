"""A context that changes is recorded where it takes effect, and a replay meets it there."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.errors import UnavailableError
from alerts.lines import alert_line
from alerts.store import Store
from detector import worker as module
from detector.app import replay
from detector.config import Config, StateConfig
from detector.context import Context, read_context
from detector.errors import CheckpointError
from detector.home import Home
from detector.keeper import Keeper, Setting, resumed_keeper
from detector.lookout import Lookout
from detector.lookup import resting_shards
from detector.replaying import feeds_of
from detector.report import summary
from detector.shard import SHARD, pseudonym_of
from detector.trail import History
from detector.worker import Worker
from streams import Position, Record, SourceError, Tokens
from streams.kafka import KafkaConfig, Owner
from tests.detector.small import KEY, SmallLog
from tests.detector.test_shard import event
from tests.detector.test_worker import Group

TOKENS = Tokens(KEY)
KAFKA = KafkaConfig(("nowhere:1",), "events")
SPLIT = 2_400  # records of each partition
CHANGE = 1_600  # of them before the change


class Office:
    """A small log in two partitions, and a roster that changes: somebody moves, somebody comes, a record is planted."""

    def __init__(self, small_log: SmallLog) -> None:
        lines = small_log.events.read_bytes().splitlines()
        with small_log.roster.open(newline="") as file:
            self.rows = list(csv.DictReader(file))
        roles = sorted({row["role"] for row in self.rows})
        acting = {self.actor(line) for line in lines}
        self.mover = next(row for row in self.rows if row["id"] in acting and row["role"] != roles[0])
        self.role = roles[0]
        self.planted = json.loads(lines[SPLIT + CHANGE + 100])["subjects"][0]
        touch = event(990_001, "E-NEW", self.planted, self.time(lines[CHANGE + 200]), purpose="claim:1")
        lines.insert(CHANGE + 201, touch)
        self.logs = {0: lines[:SPLIT], 1: lines[SPLIT : 2 * SPLIT]}

    @staticmethod
    def actor(line: bytes) -> str:
        try:
            return str(json.loads(line)["actor"]["id"])
        except ValueError:
            return ""

    @staticmethod
    def time(line: bytes) -> str:
        return str(json.loads(line)["time"])

    def write(self, folder: Path, changed: bool) -> None:
        rows = [dict(row) for row in self.rows]
        if changed:
            for row in rows:
                if row["id"] == self.mover["id"]:
                    row |= {"role": self.role, "department": "B99"}
            rows.append({"id": "E-NEW", "role": self.role, "department": "B99"})
        with (folder / "roster.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), restval="")
            writer.writeheader()
            writer.writerows(rows)
        (folder / "honey.txt").write_text(f"{self.planted}\n" if changed else "C-0\n")


@pytest.fixture(scope="module")
def office(small_log: SmallLog) -> Office:
    return Office(small_log)


@pytest.fixture
def config(small_log: SmallLog, office: Office, tmp_path: Path) -> Config:
    office.write(tmp_path, changed=False)
    return small_log.config(
        source={"kafka": {"servers": ["nowhere:1"], "topic": "events"}},
        context={"roster": str(tmp_path / "roster.csv"), "honey": str(tmp_path / "honey.txt")},
        state={"folder": str(tmp_path / "state"), "checkpoint_events": 2_000},
    )


@pytest.fixture
def home(config: Config) -> Iterator[Home]:
    with closing(Home(config.state)) as home:
        yield home


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch, office: Office) -> list[Group]:
    made: list[Group] = []

    def make(kafka: KafkaConfig, owner: Owner) -> Group:
        made.append(Group(kafka, owner))
        made[-1].logs = office.logs
        return made[-1]

    monkeypatch.setattr(module, "KafkaGroup", make)
    return made


class Partition:
    """A partition that is read like a file."""

    def __init__(self, name: str, values: list[bytes], resume: Position | None) -> None:
        self._name, self._values, self._offset = name, values, resume.offset if resume is not None else 0

    @property
    def position(self) -> Position:
        return Position(self._name, self._offset)

    @property
    def finished(self) -> bool:
        return self._offset == len(self._values)

    def next_batch(self, limit: int) -> list[Record]:
        first, self._offset = self._offset, min(self._offset + limit, len(self._values))
        return [Record(self._values[n], Position(self._name, n)) for n in range(first, self._offset)]

    def close(self) -> None:
        pass


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch, office: Office) -> None:
    def opened(kafka: KafkaConfig, partition: int, resume: Position | None = None) -> Partition:
        return Partition(f"{kafka.topic}-{partition}", office.logs[partition], resume)

    monkeypatch.setattr("streams.kafka.KafkaPartition", opened)
    monkeypatch.setattr("streams.kafka.count_partitions", lambda _: len(office.logs))


class Run:
    """A live run whose clock and whose partitions are the test's."""

    def __init__(self, config: Config, home: Home, groups: list[Group]) -> None:
        self.now = 0.0
        self.failing = False
        setting = Setting(config, TOKENS, read_context(config, TOKENS), home, lambda: self.now)

        def read() -> Context:
            if self.failing:
                raise SourceError("the broker is away")
            return read_context(config, TOKENS)

        self.lookout = Lookout(read, setting.context, 300.0, lambda: self.now)
        self.worker = Worker(setting, KAFKA, lambda _: None, lookout=self.lookout)
        self.group = groups[-1]

    def read(self, upto: int | None = None) -> None:
        while self.worker.advance(800)[0]:
            if upto is not None and min(self.group.offsets.values()) >= upto:
                return


def changes(home: Home, shard: str) -> list[tuple[int, str]]:
    return [(change.number, change.position) for change in home.store.context_changes(shard)]


def lines_of(store: Store) -> bytes:
    return b"".join(map(alert_line, store.alerts()))


def live(config: Config, home: Home, groups: list[Group], office: Office, folder: Path) -> bytes:
    """Everything that a live run comes to whose context changes in the middle."""
    run = Run(config, home, groups)
    for partition in range(2):
        run.group.give(partition)
    run.read(upto=CHANGE)
    office.write(folder, changed=True)
    run.now = 301.0
    run.read()
    for keeper in run.worker.keepers:
        keeper.conclude(None)
    run.worker.close()
    return lines_of(home.store)


def repeat(config: Config, recorded: StateConfig | None, folder: Path, batch: int = 700) -> tuple[bytes, int]:
    """The same from scratch, by the contexts that a run has recorded; and how many of these were not met."""
    config = config.model_copy(update={"state": StateConfig()})
    with closing(Home(recorded or config.state, read_only=True)) as home:
        history = History(home.store, config, TOKENS)
        setting = Setting(config, TOKENS, read_context(config, TOKENS), history=history, adopts=False)
        feeds = list(feeds_of(setting, folder / "letters"))
        for feed in feeds:
            while not feed.finished:
                feed.advance(batch)
            feed.keeper.conclude(None)
            feed.close()
    alerts = sorted((a for feed in feeds for a in feed.keeper.alerts()), key=lambda a: (a.opened_at, a.alert_id))
    return b"".join(map(alert_line, alerts)), sum(feed.keeper.changes_ahead for feed in feeds)


def test_a_replay_meets_a_change_of_context_where_the_live_run_did(
    config: Config, home: Home, groups: list[Group], office: Office, topic: None, tmp_path: Path
) -> None:
    told = live(config, home, groups, office, tmp_path)
    for partition in range(2):
        assert changes(home, f"events-{partition}-of-2") == [(1, ""), (2, f"events-{partition}@{CHANGE}")]
    assert repeat(config, config.state, tmp_path) == (told, 0)
    # The change decides something: a new hire, a planted record, and a person's new role are in the alerts.
    new = [json.loads(line) for line in told.splitlines()]
    assert pseudonym_of(TOKENS, "E-NEW") in {alert["actor"] for alert in new}
    assert "B99" in {alert["department"] for alert in new}
    alone = replay(config.model_copy(update={"state": StateConfig()}), TOKENS, tmp_path / "letters")
    assert b"".join(map(alert_line, alone.alerts)) != told


def test_replay_itself_goes_by_the_recorded_contexts_and_leaves_the_files_alone(
    config: Config, home: Home, groups: list[Group], office: Office, topic: None, tmp_path: Path
) -> None:
    live(config, home, groups, office, tmp_path)
    (tmp_path / "roster.csv").unlink()
    (tmp_path / "honey.txt").unlink()
    kept = {"folder": tmp_path / "again", "checkpoint_events": 700}
    again = config.model_copy(update={"state": StateConfig.model_validate(kept)})
    for _ in range(2):  # the second goes on from the first one's state
        done = replay(again, TOKENS, tmp_path / "letters", recorded=config.state)
        ids = {alert.alert_id: (alert.findings, alert.role, alert.department) for alert in done.alerts}
        wanted = {alert.alert_id: (alert.findings, alert.role, alert.department) for alert in home.store.alerts()}
        assert {alert_id: ids[alert_id] for alert_id in wanted} == wanted
    with closing(Home(again.state, read_only=True)) as copy:
        for shard in home.store.shards():
            assert changes(copy, shard) == changes(home, shard)


@pytest.mark.usefixtures("topic")
def test_a_crash_before_the_change_is_recorded_takes_it_over_elsewhere_which_is_then_the_place(
    config: Config,
    home: Home,
    groups: list[Group],
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(config, home, groups)
    for partition in range(2):
        run.group.give(partition)
    run.read(upto=800)
    run.worker.settle()
    run.read(upto=CHANGE)
    office.write(tmp_path, changed=True)
    run.now = 301.0

    def away(*_: object) -> None:
        raise UnavailableError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", away)
        run.worker.advance(500)
        assert run.worker.waiting
    # Gone without a word: nothing of the change was recorded, and the next owner begins at the last checkpoint.
    assert changes(home, "events-0-of-2") == [(1, "")]
    after = Run(config, home, groups)
    for partition in range(2):
        after.group.give(partition)
    where = dict(after.group.offsets)
    assert set(where.values()) <= {800, CHANGE}
    after.read()
    for keeper in after.worker.keepers:
        keeper.conclude(None)
    for partition in range(2):
        assert changes(home, f"events-{partition}-of-2") == [(1, ""), (2, f"events-{partition}@{where[partition]}")]
    assert repeat(config, config.state, tmp_path)[0] == lines_of(home.store)


def test_a_store_that_is_away_gets_the_change_when_it_is_back(
    config: Config,
    home: Home,
    groups: list[Group],
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(config, home, groups)
    run.group.give(0)
    run.read(upto=CHANGE)
    office.write(tmp_path, changed=True)
    run.now = 301.0

    def away(*_: object) -> None:
        raise UnavailableError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", away)
        assert run.worker.advance(500) == (0, [])
    run.read()
    assert changes(home, "events-0-of-2") == [(1, ""), (2, f"events-0@{CHANGE}")]


def test_a_look_that_fails_or_shows_nothing_new_changes_nothing(
    config: Config, home: Home, groups: list[Group], office: Office, tmp_path: Path
) -> None:
    run = Run(config, home, groups)
    run.group.give(0)
    run.read(upto=800)
    run.worker.settle()
    before = home.store.checkpoint("events-0-of-2")
    run.now = 301.0
    run.worker.advance(0)
    office.write(tmp_path, changed=True)
    run.failing = True
    run.now = 602.0
    run.worker.advance(0)
    assert run.lookout.trouble == "the broker is away"
    assert home.store.checkpoint("events-0-of-2") == before
    run.failing = False
    run.now = 903.0
    run.worker.advance(0)
    assert run.lookout.trouble == ""
    assert run.worker.events["contexts"] == 1
    assert changes(home, "events-0-of-2")[1:] == [(2, f"events-0@{run.group.offsets[0]}")]


def test_a_shard_that_comes_from_another_worker_brings_its_context_and_never_goes_back_to_an_older_one(
    config: Config, home: Home, groups: list[Group], office: Office, tmp_path: Path
) -> None:
    first, second = Run(config, home, groups), Run(config, home, groups)
    first.group, second.group = groups
    first.group.give(0)
    first.read(upto=800)
    office.write(tmp_path, changed=True)
    first.now = 301.0
    first.worker.advance(0)  # the first has looked
    first.worker.revoked(0)
    second.now = 100.0  # the second would not look yet
    second.group.give(0)
    assert changes(home, "events-0-of-2") == [(1, ""), (2, "events-0@800")]
    second.group.give(1)
    second.read()
    second.worker.settle()
    assert changes(home, "events-0-of-2") == [(1, ""), (2, "events-0@800")]
    assert changes(home, "events-1-of-2") == [(1, "")]


def test_a_damaged_newest_state_meets_the_change_again_where_it_was(
    config: Config, home: Home, groups: list[Group], office: Office, topic: None, tmp_path: Path
) -> None:
    run = Run(config, home, groups)
    run.group.give(0)
    run.read(upto=CHANGE)
    run.worker.settle()
    run.group.logs = {0: office.logs[0][: CHANGE + 100], 1: []}
    office.write(tmp_path, changed=True)
    run.now = 301.0
    run.worker.advance(50)
    run.worker.keepers[0].commit()
    place = tmp_path / "state" / "events-0-of-2"
    max(place.glob("*.state")).write_bytes(b"?")
    again = Run(config, home, groups)
    again.group.logs = office.logs
    again.group.give(0)
    keeper = again.worker.keepers[0]
    assert keeper.resumed is not None
    assert keeper.resumed.fallback
    again.read()
    keeper.conclude(None)
    assert changes(home, "events-0-of-2") == [(1, ""), (2, f"events-0@{CHANGE}")]
    history, bare = History(home.store, config, TOKENS), config.model_copy(update={"state": StateConfig()})
    setting = Setting(bare, TOKENS, read_context(bare, TOKENS), history=history, adopts=False)
    twin = Keeper(setting, "events-0-of-2", tmp_path / "letters")
    twin.take([Record(value, Position("events-0", n)) for n, value in enumerate(office.logs[0])], f"events-0@{SPLIT}")
    twin.conclude(None)
    assert b"".join(map(alert_line, twin.alerts())) == lines_of(home.store)


def test_a_roster_that_changed_at_a_restart_is_such_a_change(
    small_log: SmallLog, office: Office, tmp_path: Path
) -> None:
    events, state = tmp_path / "events.jsonl", StateConfig(folder=tmp_path / "state")
    files = {"roster": str(tmp_path / "roster.csv"), "honey": str(tmp_path / "honey.txt")}
    config = small_log.config(source={"paths": [str(events)]}, context=files, state=state.model_dump())
    office.write(tmp_path, changed=False)
    logs = office.logs[0] + office.logs[1]
    events.write_bytes(b"\n".join(logs[:SPLIT]) + b"\n")
    replay(config, TOKENS, tmp_path / "unused")
    size = events.stat().st_size
    with closing(Home(state, read_only=True)) as home:
        assert changes(home, SHARD) == [(1, "")]
    office.write(tmp_path, changed=True)
    events.write_bytes(b"\n".join(logs) + b"\n")
    done = replay(config, TOKENS, tmp_path / "unused")
    people = done.shards[0].engine.people
    row = people.find(office.mover["id"])
    assert row is not None
    assert people.group_names[people.groups[row]] == office.role
    with closing(Home(state, read_only=True)) as home:
        assert changes(home, SHARD) == [(1, ""), (2, f"{events}@{size}")]
    # The same inputs meet the change again; under another name there is no such place, which is said.
    (tmp_path / "copy.jsonl").write_bytes(events.read_bytes())
    for path, ahead in ((events, 0), (tmp_path / "copy.jsonl", 1)):
        bare = small_log.config(source={"paths": [str(path)]}, context={})
        again = replay(bare, TOKENS, tmp_path / "letters", recorded=state)
        assert [keeper.changes_ahead for keeper in again.keepers] == [ahead]
        assert any("1 recorded changes of context lie at positions" in line for line in summary(again)) is bool(ahead)
    # A look at the state sees it as it is, whatever the files say now; a restart with the same files records nothing.
    office.write(tmp_path, changed=False)
    bare = small_log.config(source={"paths": [str(events)]}, context={}, state=state.model_dump())
    (resting,) = resting_shards(bare, TOKENS)
    assert resting.engine.context.digest == done.shards[0].engine.context.digest
    with resumed_keeper(bare, TOKENS, tmp_path / "unused") as keeper:  # dead letters are replayed so
        assert keeper.shard.engine.context.digest == done.shards[0].engine.context.digest
    office.write(tmp_path, changed=True)
    replay(config, TOKENS, tmp_path / "unused")
    with closing(Home(state, read_only=True)) as home:
        assert len(changes(home, SHARD)) == 2


def test_a_state_from_before_contexts_were_recorded_goes_on_and_moves_people_to_their_roles(
    config: Config, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, closing(Home(config.state)) as home:
        patch.setattr("detector.trail.Trail.state", lambda _: {})
        keeper = Keeper(Setting(config, TOKENS, read_context(config, TOKENS), home), SHARD)
        keeper._trail.taken.clear()
        keeper.take([Record(value, Position("log", n)) for n, value in enumerate(office.logs[0])], f"log@{SPLIT}")
        keeper.commit()
        keeper.close()
    office.write(tmp_path, changed=True)
    with closing(Home(config.state)) as home:
        keeper = Keeper(Setting(config, TOKENS, read_context(config, TOKENS), home), SHARD)
        assert keeper.due
        keeper.commit()
        keeper.close()
        assert changes(home, SHARD) == [(1, f"log@{SPLIT}")]
        people = keeper.shard.engine.people
        assert people.group_names[people.groups[people.find(office.mover["id"]) or 0]] == office.role
        history = History(home.store, config, TOKENS)
        setting = Setting(config, TOKENS, read_context(config, TOKENS), history=history, adopts=False)
        with pytest.raises(CheckpointError, match="no context is recorded for the beginning of shard '0'"):
            Keeper(setting, SHARD, tmp_path / "letters")
