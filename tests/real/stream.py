"""Messages that are produced at a steady rate, and where the members of a group stand with them."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from tests.real.broker import actor_of
from tests.real.site import TOPIC, Member, Site

TICK_S: Final = 0.02
DEBT_S: Final = 0.5
"""What a stall may make up for afterwards: a rate stays steady rather than right on average."""

Message = tuple[bytes, bytes]
"""A key and a value."""


class Stream(Thread):
    """Produces messages to the topic from a thread of its own.

    Args:
        address: the broker's.
        messages: as many as wanted; those that wait while the broker is away are sent when it is back.
        rate: a second, 0 for as fast as can be.
    """

    def __init__(self, address: str, messages: Iterable[Message], rate: float) -> None:
        super().__init__(name="producer", daemon=True)
        self._address, self._messages, self._rate = address, messages, rate
        self._over = Event()
        self.sent = 0
        self.failed = 0
        self.done = False

    def run(self) -> None:
        """Produce until there is no more, or nobody wants more."""
        # One request at a time: a repeated one overtakes nothing, so a person's events stay in order.
        producer = KafkaProducer(
            bootstrap_servers=self._address, linger_ms=20, compression_type="lz4", enable_idempotence=False,
            max_in_flight_requests_per_connection=1, max_block_ms=120_000, delivery_timeout_ms=180_000,
        )  # fmt: skip
        with closing(producer):
            began, paced = time.monotonic(), 0
            for key, value in self._messages:
                if self._over.is_set():
                    break
                producer.send(TOPIC, value, key).add_errback(self._fail)
                self.sent += 1
                paced += 1
                if self._rate:
                    ahead = paced / self._rate - (time.monotonic() - began)
                    if ahead > TICK_S:
                        time.sleep(ahead)
                    elif ahead < -DEBT_S:
                        began, paced = time.monotonic(), 0
            producer.flush()
        self.done = True

    def _fail(self, _: BaseException) -> None:
        self.failed += 1

    def end(self) -> None:
        """Send no more, and wait for what is on its way."""
        self._over.set()
        self.join()


def keyed(lines: Iterable[bytes]) -> Iterator[Message]:
    """Events under their actors' ids; what is no event has the empty key."""
    for line in lines:
        key = actor_of(line)
        yield (b"" if key == b"key" else key), line.rstrip(b"\n")


@dataclass(frozen=True)
class Look:
    """How a group stands at one moment.

    Attributes:
        owners: who has each partition that somebody has.
        lags: messages that each partition holds and nobody has read.
        events: scored by the processes that run now.
    """

    owners: dict[int, str] = field(default_factory=dict)
    lags: dict[int, int] = field(default_factory=dict)
    events: float = 0.0

    @property
    def lag(self) -> int:
        """Of all partitions together."""
        return sum(self.lags.values())


class Watch:
    """Looks at the members' metrics, and at the topic for partitions that are nobody's.

    Args:
        site: where they run.
        partitions: of the topic.
    """

    def __init__(self, site: Site, partitions: int) -> None:
        self._site = site
        self._keys = [TopicPartition(TOPIC, number) for number in range(partitions)]
        self._consumer = KafkaConsumer(bootstrap_servers=site.broker.address, request_timeout_ms=3_000)
        self._read = dict.fromkeys(range(partitions), 0)
        self._ends = dict.fromkeys(range(partitions), 0)

    def look(self) -> Look:
        """How all stand now; the broker may be away."""
        with suppress(KafkaError, OSError):
            self._ends = {key.partition: end for key, end in self._consumer.end_offsets(self._keys).items()}
        owners: dict[int, str] = {}
        events, lags = 0.0, {number: end - self._read[number] for number, end in self._ends.items()}
        for member in self._site.members:
            metrics = member.metrics() if member.pid else {}
            events += metrics.get("innerwatch_events_total", {}).get("", 0.0)
            owners |= {partition_of(shard): member.name for shard in metrics.get("innerwatch_silent_seconds", {})}
            for shard, lag in metrics.get("innerwatch_lag_records", {}).items():
                number = partition_of(shard)
                lags[number] = int(lag)
                self._read[number] = max(self._ends[number] - int(lag), 0)
        return Look(owners, lags, events)

    def positions(self) -> dict[int, int]:
        """How far each partition is committed in the store."""
        with closing(self._site.store()) as store:
            found = {shard: store.checkpoint(shard) for shard in store.shards()}
        return {
            partition_of(shard): int(checkpoint.position.rpartition("@")[2] or 0)
            for shard, checkpoint in found.items()
            if checkpoint is not None
        }

    def drained(self) -> bool:
        """Whether all that is in the topic is committed, and all alerts of it are told."""
        ends = {key.partition: end for key, end in self._consumer.end_offsets(self._keys).items() if end}
        if {number: offset for number, offset in self.positions().items() if offset} != ends:
            return False
        with closing(self._site.store()) as store:
            return not any(store.contents().waiting.values())

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def partition_of(shard: str) -> int:
    """The number in a shard's name.

    >>> partition_of("access-events-3-of-4")
    3
    """
    return int(shard.rsplit("-", 3)[1])


def resident_mb(member: Member) -> float:
    """Resident memory of a worker; 0 while it does not run."""
    with suppress(OSError):
        return int(Path(f"/proc/{member.pid}/statm").read_text("ascii").split()[1]) * 4096 / 1e6
    return 0.0


def torn(lines: Iterable[bytes], every: int) -> Iterator[bytes]:
    """The lines, one in so many of them cut off."""
    for number, line in enumerate(lines, 1):
        yield line[:40] if number % every == 0 else line
