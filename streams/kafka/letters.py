"""The topic of rejected records: written before each checkpoint, read again after a mend."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
from kafka import TopicPartition, errors  # type: ignore[import-untyped]

from streams.deadletters import tried_again
from streams.errors import DeadLetterError, SourceError
from streams.kafka.client import ANSWER_MS, KafkaConfig, leave, open_consumer, open_producer, servers_of, settle
from streams.kafka.message import CONTENT_TYPE, name_of
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.source import KEPT_BYTES

DELIVERY_MS = 30_000  # after which a letter that the broker has not taken has failed
FLUSH_S = 45.0  # longer than that, so that a flush ends with an answer for every letter
WAITING_BYTES = 16 << 20  # of letters on their way: a log of nothing but rejected records stays small in memory
DETAIL_CHARS = 1_000
WAIT_MS = 500  # for letters to come
PATIENCE = 20  # such waits in a row, and the broker is believed to be away

TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class LetterWriter:
    """Writes rejected records to a topic: the raw bytes under their own key, and in headers where, why and what.

    Letters are on their way until `flush`, which a caller does before it records a position behind them: then a
    crash may write a letter twice, with the same coordinates, but loses none. A record that is too large for
    the topic is kept cut. `SourceError` when no server answers, `DeadLetterError` when there is no such topic.
    """

    def __init__(self, config: KafkaConfig, topic: str) -> None:
        self._config, self._topic = config, topic
        self._sent: list[tuple[Rejected, Any]] = []
        self._bytes = 0
        self._producer = open_producer(
            config, compression_type="zstd", delivery_timeout_ms=DELIVERY_MS, request_timeout_ms=ANSWER_MS
        )
        try:
            self._producer.partitions_for(topic)
        except errors.KafkaError as error:
            self.close()
            raise DeadLetterError(
                f"{topic}: no such topic at {servers_of(config)}, or not ours to write ({error}); make it by "
                "innerwatch topics create"
            ) from error

    def write(self, rejected: Rejected) -> None:
        """Send one; returns before it has arrived, but for now and then a flush to keep memory small."""
        if self._bytes >= WAITING_BYTES:
            self.flush()
        self._send(rejected, rejected.raw)
        self._bytes += len(rejected.raw)

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Return when every letter has arrived; those that have not are sent again by the next flush.

        `DeadLetterError` says how many have not arrived, and why.
        """
        if not self._sent:
            return
        for rejected, _ in self._taken(lambda future: future.failed()):
            self._send(rejected, rejected.raw)
        self._await(timeout_s)
        too_large = self._taken(lambda future: isinstance(future.exception, TOO_LARGE))
        for rejected, _ in too_large:
            self._send(rejected, rejected.raw[:KEPT_BYTES], ("cut", b"%d" % len(rejected.raw)))
        if too_large:
            self._await(timeout_s)
        count = len(self._sent)
        self._taken(lambda future: future.succeeded())
        if self._sent:
            cause = self._sent[0][1].exception or "no answer in time"
            raise DeadLetterError(
                f"{self._topic}: {len(self._sent)} of {count} rejected records did not arrive at "
                f"{servers_of(self._config)} ({cause}); check the broker and our rights, then go on"
            )
        self._bytes = 0

    def close(self) -> None:
        """Leave the broker, as soon as what is on its way has arrived or failed; closing twice is harmless."""
        leave(self._producer, FLUSH_S)

    def _send(self, rejected: Rejected, raw: bytes, *more: tuple[str, bytes]) -> None:
        headers = [*_headers(rejected), *more]
        try:
            future = self._producer.send(self._topic, raw, rejected.key or None, headers)
        except errors.KafkaError as error:
            raise DeadLetterError(f"{self._topic}: cannot be written ({error}); check the broker") from error
        self._sent.append((rejected, future))

    def _await(self, timeout_s: float) -> None:
        settle(self._producer, [future for _, future in self._sent], timeout_s)

    def _taken(self, which: Any) -> list[tuple[Rejected, Any]]:
        """Take those out whose future is such."""
        taken = [one for one in self._sent if which(one[1])]
        self._sent = [one for one in self._sent if not which(one[1])]
        return taken


class LetterTopic:
    """The letters in a topic, from its beginning to where each partition ended when it was opened.

    Partitions follow each other, the letters of one key in their order. Of several letters with the same
    coordinates the first is given. With `only`, letters from other places than that partition of the source
    are passed over; with `resume`, so is what lies before these offsets. Messages that are no letters are
    counted in `foreign`. `SourceError` when there is no such topic or no server answers.
    """

    def __init__(
        self, config: KafkaConfig, topic: str, *, only: str | None = None, resume: Mapping[int, int] | None = None
    ) -> None:
        self._topic, self._only = topic, only
        self._config = msgspec.structs.replace(config, topic=topic)
        self._consumer = open_consumer(self._config, group_id=None)
        self._given: set[Position] = set()
        self.foreign = 0
        """Messages that are no letters."""
        self.positions: dict[int, int] = dict(resume or {})
        """The offset after the last letter read of each partition: what to resume at."""
        try:
            self._ends, self._waiting = self._bounds()
        except BaseException:
            self.close()
            raise
        self._ready: deque[Rejected] = deque()
        self._silent = 0
        self._current: TopicPartition | None = None

    @property
    def finished(self) -> bool:
        """Whether every letter was given."""
        return not self._ready and not self._waiting and self._current is None

    def next_letters(self, limit: int) -> list[Rejected]:
        """At most `limit` letters, [] when there are no more; `SourceError` when the broker stays away."""
        while len(self._ready) < limit and (self._current is not None or self._waiting):
            self._silent = 0 if self._read(limit) else self._silent + 1
            if self._silent >= PATIENCE:
                raise self._failed("silence")
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def next_records(self, limit: int) -> list[Record]:
        """The records of at most `limit` letters, where they came from, to be tried again."""
        return [tried_again(letter) for letter in self.next_letters(limit)]

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        self._consumer.close()

    def _bounds(self) -> tuple[dict[TopicPartition, int], deque[TopicPartition]]:
        consumer = self._consumer
        try:
            there = [TopicPartition(self._topic, one) for one in consumer.partitions_for_topic(self._topic) or ()]
            if not there:
                raise SourceError(
                    f"{self._topic}: no such topic at {servers_of(self._config)}; make it by innerwatch topics create"
                )
            starts, ends = (ask(there, ANSWER_MS) for ask in (consumer.beginning_offsets, consumer.end_offsets))
        except errors.KafkaError as error:
            raise self._failed(error) from error
        for one in there:  # what was deleted in the meantime was kept as long as the topic keeps anything
            self.positions[one.partition] = max(starts[one], self.positions.get(one.partition, 0))
        return ends, deque(one for one in sorted(there) if self.positions[one.partition] < ends[one])

    def _read(self, limit: int) -> bool:
        """Read on in the current partition, or in the next; whether the broker answered."""
        consumer = self._consumer
        try:
            if self._current is None:
                self._current = self._waiting.popleft()
                consumer.assign([self._current])
                consumer.seek(self._current, self.positions[self._current.partition])
            found = consumer.poll(timeout_ms=WAIT_MS, max_records=limit).get(self._current, [])
            reached = found[-1].offset + 1 if found else consumer.position(self._current, ANSWER_MS)
        except errors.KafkaTimeoutError:
            return False
        except errors.KafkaError as error:
            raise self._failed(error) from error
        answered = bool(reached > self.positions[self._current.partition])
        end = self._ends[self._current]
        for message in found:
            if message.offset < end:
                self._take(message)
        self.positions[self._current.partition] = min(reached, end)
        if reached >= end:
            self._current = None
        return answered

    def _take(self, message: Any) -> None:
        letter = letter_of(message)
        if letter is None:
            self.foreign += 1
        elif letter.position not in self._given and self._only in (None, letter.position.source):
            self._given.add(letter.position)
            self._ready.append(letter)

    def _failed(self, error: Any) -> SourceError:
        return SourceError(f"{self._topic}: {servers_of(self._config)} did not answer ({error}); check the broker")


def letter_of(message: Any) -> Rejected | None:
    """The rejected record in a message, None when the message is no letter."""
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers or ()}
    try:
        offset, reason = int(said["offset"]), Reason(said["reason"])
        source, key = said.get("source"), None
        if source is None:
            source, key = name_of(said["topic"], int(said["partition"])), message.key or b""
    except (KeyError, ValueError):
        return None
    detail = said.get("detail", "")
    if "cut" in said:
        reason, detail = Reason.TOO_LARGE, f"kept cut, of {said['cut']} bytes; was: {detail}"
    return Rejected(reason, detail, Position(source, offset), message.value or b"", key, said.get(CONTENT_TYPE, ""))


def _headers(rejected: Rejected) -> list[tuple[str, bytes]]:
    source = rejected.position.source
    if rejected.key is None:  # from a file, whose path may end like the name of a partition
        said = {"source": source}
    else:
        topic, _, partition = source.rpartition("-")
        said = {"topic": topic, "partition": partition}
    said |= {"offset": str(rejected.position.offset), "reason": rejected.reason.value}
    said |= {"detail": rejected.detail[:DETAIL_CHARS], CONTENT_TYPE: rejected.content_type}
    return [(name, text.encode("utf-8", "surrogateescape")) for name, text in said.items() if text]
