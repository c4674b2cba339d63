"""What workers told, beside what one uninterrupted pass over the same topic tells."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from rich.table import Table

from alerts.lines import alert_line
from detector.app import key_path
from detector.config import Config, StateConfig, load_config
from detector.home import Home
from streams import load_or_create_key
from streams.kafka import LetterTopic
from tests.detector.worker_driver import once
from tests.real.site import ALERTS, LETTERS, Site


class Told:
    """The topic of alerts, read as it grows.

    Args:
        address: the broker's.
        partitions: of the topic.
    """

    def __init__(self, address: str, partitions: int) -> None:
        self._keys = [TopicPartition(ALERTS, number) for number in range(partitions)]
        self._consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
        self._consumer.assign(self._keys)
        self.messages: list[tuple[str, int, bytes]] = []
        """Alert, revision and body of each so far."""

    def news(self, patience_ms: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Revision and alert of each message that came since, each revision once."""
        known = {message[:2] for message in self.messages}
        for batch in self._consumer.poll(timeout_ms=patience_ms).values():
            for message in batch:
                headers = dict(message.headers)
                alert_id, revision = headers["alert_id"].decode(), int(headers["revision"])
                self.messages.append((alert_id, revision, message.value))
                if (alert_id, revision) not in known:
                    yield revision, msgspec.json.decode(message.value)

    def read_out(self) -> None:
        """Read to where the topic ends now."""
        ends = self._consumer.end_offsets(self._keys)
        while any(self._consumer.position(key) < end for key, end in ends.items()):
            list(self.news(500))

    @property
    def latest(self) -> dict[str, bytes]:
        """Each alert in its newest revision."""
        return {alert_id: body for alert_id, _, body in sorted(self.messages, key=lambda message: message[1])}

    @property
    def repeats(self) -> int:
        """Messages that say again what an earlier one said."""
        return len(self.messages) - len({message[:2] for message in self.messages})

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


@dataclass(frozen=True)
class Comparison:
    """Workers against one pass.

    Attributes:
        told: alerts in the topic.
        whole: alerts of the pass over the same records.
        at_end: alerts that only the log's end brings; a live run has no end.
        missing: alerts of the pass that the workers did not tell.
        extra: alerts that the workers told, and the pass did not.
        other: alerts of both whose last state differs.
        messages: in the topic of alerts.
        repeats: among them.
        letters: different dead letters in their topic.
        rejected: records that the pass rejected.
    """

    told: int
    whole: int
    at_end: int
    missing: int
    extra: int
    other: int
    messages: int
    repeats: int
    letters: int
    rejected: int

    @property
    def same(self) -> bool:
        """Whether the workers did what one process does."""
        return not self.missing and not self.extra and not self.other and self.letters == self.rejected

    def table(self) -> Table:
        """For a person."""
        table = Table(show_header=False, box=None, padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        for name, value in (
            ("alerts told by the workers", self.told),
            ("alerts of one uninterrupted replay", self.whole),
            ("missing", self.missing),
            ("extra", self.extra),
            ("told in another state at last", self.other),
            ("messages in the topic of alerts", self.messages),
            ("repeats among them, told by alert_id and revision", self.repeats),
            ("dead letters in their topic", self.letters),
            ("records rejected by the replay", self.rejected),
        ):
            table.add_row(name, f"{value:,}")
        return table


def compared(site: Site, told: Told) -> Comparison:
    """Replay the topic once more, with new state in a folder, and compare.

    The replay stops where the topic stops, as the workers did, and its alerts are noted; then the command goes on from
    there and judges the log's end as well, which a live run never sees.
    """
    told.read_out()
    folder = site.folder / "whole"
    file = site.written("whole", state={"folder": str(folder)}, topics={})
    config = load_config(file)
    once(config, load_or_create_key(key_path(config)), site.folder)
    whole, rejected = kept(config.state)
    site.command("replay", "--config", str(file), "--out", str(site.folder / "whole.jsonl"))
    ended, _ = kept(config.state)
    latest = told.latest
    return Comparison(
        told=len(latest),
        whole=len(whole),
        at_end=sum(body != whole.get(alert_id) for alert_id, body in ended.items()),
        missing=len(whole.keys() - latest.keys()),
        extra=len(latest.keys() - whole.keys()),
        other=sum(latest[alert_id] != whole[alert_id] for alert_id in latest.keys() & whole.keys()),
        messages=len(told.messages),
        repeats=told.repeats,
        letters=letters_of(site.config),
        rejected=rejected,
    )


def kept(state: StateConfig) -> tuple[dict[str, bytes], int]:
    """The alerts in a state folder, and how many records it rejected."""
    with closing(Home(state, read_only=True)) as home:
        alerts = {alert.alert_id: alert_line(alert).strip() for alert in home.store.alerts()}
        places: list[Path] = [home.dead_letters(shard) for shard in home.store.shards()]
    return alerts, sum(len(place.read_bytes().splitlines()) for place in places if place.exists())


def letters_of(config: Config) -> int:
    """Dead letters in their topic, each once."""
    topic, count = LetterTopic(config.source.kafka.client(), LETTERS), 0
    with closing(topic):
        while not topic.finished:
            count += len(topic.next_letters(1_000))
    return count
