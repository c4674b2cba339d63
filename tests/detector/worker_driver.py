"""Fills a topic bit by bit while workers come, go and die by SIGKILL at planned places; tells how it ended.

Run as ``python worker_driver.py PLAN RESULT``. The imports are paid once, by the parent.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError
from msgspec.structs import replace

from alerts.checkpoint import Checkpoint
from alerts.database import Database
from alerts.desk import DESK
from alerts.errors import StoreError
from alerts.lines import alert_line
from alerts.store import Store
from detector import worker
from detector.app import run
from detector.checkpoint import Checkpoints
from detector.config import Config, StateConfig
from detector.context import read_context
from detector.engine import Engine
from detector.errors import CheckpointError
from detector.home import Home, database_of
from detector.keeper import Keeper, Setting
from detector.outlet import RECEIVER
from detector.replaying import feeds_of
from detector.worker import Worker
from streams import DeadLetters, Tokens, read_letters, rejected_of
from streams.kafka import KafkaGroup, LetterTopic, LetterWriter, TopicWriter, count_partitions
from tests.detector.kill_driver import arm_at

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before a shard is taken": (Worker, "assigned", False),
    "after a shard was taken": (Worker, "assigned", True),
    "before a shard is let go": (Worker, "revoked", False),
    "after a shard was let go": (Worker, "revoked", True),
    "after an epoch was raised": (Store, "acquire", True),
    "after a poll": (KafkaGroup, "next_batches", True),
    "in the middle of a batch": (Engine, "process", False),
    "at the end of a batch": (Keeper, "take", True),
    "before the snapshot": (Checkpoints, "commit", False),
    "before the commit": (Store, "commit", False),
    "after the commit": (Store, "commit", True),
    "before a dead letter": (DeadLetters, "write", False),
    "after a dead letter": (DeadLetters, "write", True),
    "before Kafka is told how far": (KafkaGroup, "commit", False),
}
TOPIC_POINTS: dict[str, tuple[Any, str, bool]] = {
    "before letters are flushed": (LetterWriter, "flush", False),
    "after letters were flushed": (LetterWriter, "flush", True),
    "after an alert was sent": (TopicWriter, "send", True),
    "before the outbox is told what arrived": (Store, "delivered", False),
    "after the outbox was told what arrived": (Store, "delivered", True),
    "after a snapshot was put": (Store, "put_snapshot", True),
    "before old snapshots go": (Store, "drop_snapshots", False),
}
"""Where dead letters and alerts go to topics, and snapshots into the store."""
LEAVING: Final = ("before a shard is let go", "after a shard was let go")
IDLE: Final = {
    "before a shard is taken", "after a shard was taken", "after an epoch was raised", "after a poll",
    "before Kafka is told how far", *LEAVING,
}  # fmt: skip
"""Places that are reached also when there is nothing to read."""
REPORT_S: Final = 0.5
"""Between two reports to Kafka: a worker lives long enough here for some."""
PATIENCE_S: Final = 8.0
"""For a planned death; whoever has not got there by then is killed where it is."""
END_S: Final = 180.0


class Silent:
    """A log that says warnings on standard error."""

    def info(self, event: str, **facts: Any) -> None:
        """Nothing."""

    def warning(self, event: str, **facts: Any) -> None:
        """One line."""
        sys.stderr.write(f"{os.getpid()} {event} {facts}\n")


def child(config: Config, key: bytes, plan: list[Any], out: Path, alone: bool) -> None:
    """Never returns."""
    code = 3
    try:
        if plan[0] in POINTS | TOPIC_POINTS:
            arm_at((POINTS | TOPIC_POINTS)[plan[0]], plan[1])
        if plan[0] in LEAVING and alone:  # then nobody takes a shard from it, so it has to end by itself
            arm_at(POINTS["at the end of a batch"], 1, signal.SIGTERM)
        if plan[0] == "freeze":
            arm_at(POINTS["before the commit"], 2, signal.SIGSTOP)
        with out.open("ab") as file:
            code = run(config, Tokens(key), file, Silent())
    except BaseException as error:
        traceback.print_exception(error)
    finally:
        os._exit(code)


def started(config: Config, key: bytes, plan: list[Any], out: Path, alone: bool = False) -> int:
    pid = os.fork()
    if pid == 0:
        child(config, key, plan, out, alone)
    return pid


def named(config: Config, member: str) -> Config:
    """The same for a member of the group with a name of its own."""
    kafka = config.source.kafka.model_copy(update={"member": member})
    return config.model_copy(update={"source": config.source.model_copy(update={"kafka": kafka})})


def missed(admin: KafkaAdminClient, config: Config) -> None:
    """Tell Kafka that a member with a name is dead, as an operator may who knows it before its session ends."""
    with suppress(KafkaError):  # then it finds out by itself
        admin.remove_group_members(
            config.source.kafka.group, [MemberToRemove(group_instance_id=config.source.kafka.member)]
        )


def ended(pid: int, patience_s: float) -> int | None:
    """How it ended, 0 or by SIGKILL; None when it has not in time."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            if code not in (0, -signal.SIGKILL):
                raise SystemExit(f"a worker ended with {code} instead of going on")
            return code
        time.sleep(0.02)
    return None


def killed(pid: int, number: int = signal.SIGKILL) -> None:
    until = time.monotonic() + END_S
    os.kill(pid, number)
    while ended(pid, 1.0) is None:
        if time.monotonic() > until:
            raise SystemExit(f"a worker did not end by signal {number}")
        os.kill(pid, signal.SIGCONT)  # one that was to freeze may do so on its way out


def fallen(pid: int, idle: Callable[[], bool]) -> bool:
    """Whether it died where it was planned, at once or on its way out after being asked to end."""
    until, code = time.monotonic() + PATIENCE_S, None
    while code is None and time.monotonic() < until and not idle():
        code = ended(pid, 0.5)
    if code is None:
        os.kill(pid, signal.SIGTERM)
        code = ended(pid, END_S)
    return code == -signal.SIGKILL


def all_is_read(config: Config, consumer: KafkaConsumer) -> bool:
    """Whether all that is in the topic is behind a checkpoint, so that nobody has anything to do."""
    topic = config.source.kafka.topic
    ends = consumer.end_offsets([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
    positions = {checkpoint.position for checkpoint in checkpoints(config)}
    return positions == {f"{topic}-{key.partition}@{end}" for key, end in ends.items()}


def freeze(pid: int, config: Config) -> None:
    """It stops itself before a commit; let it wake when others own its shards, find out, and end gracefully."""
    until = time.monotonic() + END_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        if time.monotonic() > until:
            raise SystemExit("a worker did not get to a commit")
        time.sleep(0.05)
    before = owners(config)
    while owners(config) <= before and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(pid, signal.SIGCONT)
    time.sleep(1.0)
    killed(pid, signal.SIGTERM)


def owners(config: Config) -> int:
    """How many owners all shards have had so far; 0 while the store is away."""
    return sum(checkpoint.epoch for checkpoint in checkpoints(config))


def checkpoints(config: Config) -> list[Checkpoint]:
    """The last one of each shard that has any; none while the store is away or not made yet."""
    try:
        with closing(Home(config.state, read_only=True)) as home:
            found = [home.store.checkpoint(shard) for shard in home.store.shards()]
    except (StoreError, CheckpointError):
        return []
    return [checkpoint for checkpoint in found if checkpoint is not None]


def publish(producer: KafkaProducer, topic: str, lines: Iterator[bytes]) -> None:
    for line in lines:
        try:
            actor = json.loads(line)["actor"]["id"]
        except (ValueError, KeyError, TypeError):
            actor = ""
        producer.send(topic, line.rstrip(b"\n"), key=actor.encode())
    producer.flush()


def act(config: Config, key: bytes, plan: dict[str, Any], folder: Path) -> tuple[int, set[str]]:
    """Go through the steps; the number of kills and the places that were reached."""
    topic, steps = config.source.kafka.topic, plan["steps"]
    kills, reached = 0, set[str]()
    slots: list[tuple[int, Config]] = []
    with (
        Path(plan["events"]).open("rb") as file,
        closing(producer_of(config)) as producer,
        closing(KafkaAdminClient(bootstrap_servers=list(config.source.kafka.servers))) as admin,
        closing(KafkaConsumer(bootstrap_servers=list(config.source.kafka.servers))) as consumer,
    ):
        share = plan["count"] // len(steps) + 1
        for number, step in enumerate(steps):
            (folder / f"step{number}").touch()
            publish(producer, topic, islice(file, share))
            # Of three that are killed, one is missed only when its session ends.
            own = named(config, f"worker-{number}") if step[0] not in ("stop", "freeze") and number % 3 else config
            slots.append((started(own, key, step, folder / "told.jsonl", plan["workers"] == 1), own))
            if len(slots) < plan["workers"]:
                continue
            pid, own = slots.pop(0)
            due = steps[number - plan["workers"] + 1]
            if due[0] == "time":
                time.sleep(due[1])
                killed(pid)
                kills += 1
            elif due[0] == "stop":
                time.sleep(due[1])
                killed(pid, signal.SIGTERM)
            elif due[0] == "freeze":
                freeze(pid, config)
            else:
                kills += 1
                if fallen(pid, lambda due=due: due[0] not in IDLE and all_is_read(config, consumer)):
                    reached.add(due[0])
            if own.source.kafka.member is not None:
                missed(admin, own)
        for pid, _ in slots:
            killed(pid, signal.SIGTERM)
        publish(producer, topic, file)
    return kills, reached


def finish(config: Config, pids: list[int], ends: dict[str, str]) -> None:
    """Let all workers read to the end, and stop them gracefully."""
    until = time.monotonic() + END_S
    while True:
        with closing(Home(config.state, read_only=True)) as home:
            now = {shard: str(home.store.checkpoint(shard).position) for shard in home.store.shards()}
        if now == ends:
            break
        if time.monotonic() > until:
            raise SystemExit(f"not at the end: {now} instead of {ends}")
        time.sleep(0.2)
    for pid in pids:
        killed(pid, signal.SIGTERM)


def producer_of(config: Config) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=list(config.source.kafka.servers), linger_ms=20, compression_type="lz4")


def once(config: Config, key: bytes, folder: Path) -> dict[str, str]:
    """One uninterrupted pass over the topic as it is now; where each shard ended."""
    with closing(Home(config.state)) as home:
        tokens = Tokens(key)
        feeds = list(feeds_of(Setting(config, tokens, read_context(config, tokens), home), folder / "unused"))
        for feed in feeds:
            while not feed.finished:
                feed.advance()
            feed.settle()
            feed.close()
        return {feed.keeper.shard.name: feed.keeper.position for feed in feeds}


def differences(left: StateConfig, right: StateConfig) -> list[str]:
    """What differs between two states: alerts, dead letters, or the state itself."""
    found, states, alerts, letters = [], [], [], []
    for config in (left, right):
        with closing(Home(config, read_only=True)) as home:
            shards = home.store.shards()
            states.append({f"{shard}/{k}": v for shard in shards for k, v in home.saved(shard).state.items()})
            alerts.append([alert_line(alert) for alert in home.store.alerts()])
            if right.folder is not None:
                places = [home.dead_letters(shard) for shard in shards]
                letters.append([place.read_bytes() if place.exists() else b"" for place in places])
    found += ["alerts"] if alerts[0] != alerts[1] else []
    found += ["dead letters"] if letters and letters[0] != letters[1] else []
    if right.folder is None:  # then letters are in a topic, and nobody counts their bytes
        states = [{name: v for name, v in state.items() if not name.endswith("/feed")} for state in states]
    names = set(states[0]) ^ set(states[1])
    same = [name for name in states[0] if name not in names]
    return found + sorted(names | {name for name in same if not np.array_equal(states[0][name], states[1][name])})


def wrong_topics(config: Config, oracle: StateConfig) -> list[str]:
    """What differs between the topics and an uninterrupted pass: letters by where they were, alerts by revision."""
    found, kafka = [], config.source.kafka.client()
    source = LetterTopic(kafka, config.topics.dead_letters)
    letters = []
    while not source.finished:
        letters += [(str(letter.position), letter.raw) for letter in source.next_letters(1_000)]
    source.close()
    with closing(Home(oracle, read_only=True)) as home:
        files = [home.dead_letters(shard) for shard in home.store.shards()]
        kept = [rejected_of(letter) for file in files if file.exists() for letter in read_letters(file)]
        alerts = {alert.alert_id: alert_line(alert).strip() for alert in home.store.alerts()}
    if sorted(letters) != sorted((str(letter.position), letter.raw) for letter in kept) or not letters:
        found.append(f"dead letters: {len(letters)} in the topic, {len(kept)} in files")
    last: dict[str, tuple[int, bytes]] = {}
    for partition in range(count_partitions(replace(kafka, topic=config.topics.alerts))):
        for alert_id, revision, body in messages(config, partition):
            if revision < last.get(alert_id, (0, b""))[0]:
                found.append(f"alert {alert_id} went back to revision {revision}")
            last[alert_id] = max(last.get(alert_id, (0, b"")), (revision, body))
    if {alert_id: body for alert_id, (_, body) in last.items()} != alerts:
        found.append("the topic of alerts")
    with closing(Home(config.state, read_only=True)) as home:
        waiting = home.store.contents().waiting
        if waiting.get(DESK) != len(alerts):  # nobody delivers here, so each alert waits there once
            found.append(f"the desk waits for {waiting.get(DESK)} alerts")
    return found + ([f"the outbox is not empty: {waiting}"] if waiting.get(RECEIVER) else [])


def messages(config: Config, partition: int) -> Iterator[tuple[str, int, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=list(config.source.kafka.servers), auto_offset_reset="earliest")
    key = TopicPartition(config.topics.alerts, partition)
    consumer.assign([key])
    end, done = consumer.end_offsets([key])[key], 0
    while done < end:
        for message in consumer.poll(timeout_ms=500).get(key, []):
            headers, done = dict(message.headers), message.offset + 1
            yield headers["alert_id"].decode(), int(headers["revision"]), message.value
    consumer.close()


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    config = Config.model_validate(plan["config"])
    key, folder = bytes.fromhex(plan["key"]), Path(plan["folder"])
    worker.REPORT_S = REPORT_S
    Database(database_of(config.state, must_exist=False), config.state.password_file).close()  # imports the driver
    kills, reached = act(config, key, plan, folder)
    while not (folder / "calm").exists():
        time.sleep(0.1)
    pids = [started(config, key, ["run"], folder / "told.jsonl") for _ in range(plan["workers"])]
    state = StateConfig(folder=folder / "whole", checkpoint_events=1_000_000)
    ends = once(config.model_copy(update={"state": state}), key, folder)
    finish(config, pids, ends)
    with closing(Home(state, read_only=True)) as home:
        alerts, told = len(home.store.alerts()), {alert.alert_id for alert in home.store.alerts()}
    lines = [json.loads(line) for line in (folder / "told.jsonl").read_text().splitlines() if line.endswith("}")]
    wrong = differences(state, config.state) + (wrong_topics(config, state) if config.topics.alerts else [])
    result = {
        "kills": kills,
        "wrong": wrong,
        "reached": sorted(reached),
        "alerts": alerts,
        "strangers": sorted({line["alert_id"] for line in lines} - told),
        "ends": ends,
    }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
