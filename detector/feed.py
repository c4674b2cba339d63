"""Hop 8, record: one source through one shard, with a checkpoint whenever there is something to tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from alerts.alert import Alert
from detector.checkpoint import Checkpoints, Saved
from detector.closing import Closed
from detector.config import Config
from detector.context import read_context
from detector.recent import LONGEST_PIECE
from detector.shard import SHARD, Shard
from detector.snapshot import State
from detector.state import packed_values, unpacked_values
from streams import (
    DeadLetters,
    DeadLetterSource,
    Follow,
    Position,
    Rejected,
    Source,
    SourceError,
    Tokens,
    open_sources,
)

BATCH_RECORDS: Final = LONGEST_PIECE
"""Records a call: enough to make numpy's overhead small, few enough to answer within some tenths of a second."""


class Feed:
    """Reads a shard's log, from the last checkpoint if there is a state folder.

    With a folder, alerts are given out only after the checkpoint that holds them was committed. Without one everything
    stays in memory, and dead letters go to the file ``dead_letters``, made when the first record is rejected.

    Args:
        config: the configuration.
        tokens: makes the pseudonyms.
        dead_letters: where rejected records go without a state folder.
        clock: seconds that never go back, to time checkpoints with.

    Raises:
        StreamError, DetectorError, AlertsError: something cannot be opened or resumed; the message says what to do.
    """

    def __init__(
        self, config: Config, tokens: Tokens, dead_letters: Path, clock: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._config = config
        self.shard = Shard(config, read_context(config, tokens), tokens, self._reject)
        self.closed: list[Closed] = []
        """The days that the last call closed."""
        self.checkpoint_seconds: list[float] = []
        """How long each checkpoint of the last call took."""
        self._clock = clock
        self._alerts: dict[str, Alert] = {}
        self._letters: DeadLetters | None = None
        self._replayed = 0  # bytes of dead letters that were read again
        self._since = 0  # records since the last checkpoint
        self._checkpoints: Checkpoints | None = None
        self.dead_letters = dead_letters
        self.resumed: Saved | None = None
        self._source: Source | None = None
        if config.state.folder is not None:
            try:
                self._resume(config.state.folder)
            except BaseException:
                self.close()
                raise

    @property
    def source(self) -> Source:
        """The source, opened where the last checkpoint says."""
        if self._source is None:
            self._source = self._open(_position(self.resumed.position if self.resumed is not None else ""))
        return self._source

    @property
    def pending(self) -> int:
        """Records since the last checkpoint; 0 without a state folder."""
        return self._since if self._checkpoints is not None else 0

    def advance(self, limit: int = BATCH_RECORDS) -> tuple[int, list[Alert]]:
        """Take in at most ``limit`` records; how many there were, and the alerts that opened or changed."""
        self.checkpoint_seconds.clear()
        records = self.source.next_batch(min(limit, self._config.state.checkpoint_events))
        changed = self.shard.process(records) if records else []
        self.closed = self.shard.closed()
        self._since += len(records)
        if changed or self._since >= self._config.state.checkpoint_events:
            self.checkpoint(changed)
        return len(records), changed

    def checkpoint(self, changed: list[Alert]) -> None:
        """Commit the alerts and the state before the source's position."""
        self._keep(changed)
        if self._checkpoints is not None:
            began = self._clock()
            before = self.resumed.position if self.resumed is not None else ""
            position = str(self._source.position) if self._source is not None else before
            self._checkpoints.commit(position, self._state(), dict(self.shard.counts), changed)
            self._since = 0
            self.checkpoint_seconds.append(self._clock() - began)

    def conclude(self, arrived: float | None) -> list[Alert]:
        """The log has ended: commit, then judge to its end; the alerts that opened or changed by that.

        What follows from the end is not part of the committed state, so that a log to which more is added later goes
        on as if it had never ended.
        """
        if self._since or self.resumed is None:
            self.checkpoint([])
        changed = self.shard.conclude(arrived)
        self.closed = self.shard.closed()
        self._keep(changed)
        if self._checkpoints is not None:
            self._checkpoints.add(changed)
        return changed

    def replay_letters(self, source: DeadLetterSource, until: int) -> tuple[int, list[Alert]]:
        """Take in dead letters again, those before byte ``until`` of their file; how many, and the alerts changed.

        Events among them are late: they are scored against what is normal now, and not learned. What is rejected
        again becomes a dead letter again, at the end of the file.
        """
        taken, changed = 0, dict[str, Alert]()
        while not source.finished and source.position.offset < until:
            records = source.next_batch(1)
            changed |= {alert.alert_id: alert for alert in self.shard.process(records)}
            taken += len(records)
        self._replayed = source.position.offset
        self.closed = self.shard.closed()
        self.checkpoint(list(changed.values()))
        return taken, list(changed.values())

    @property
    def letters_read(self) -> int:
        """Bytes of the dead letters that were replayed before."""
        return self._replayed

    def alerts(self) -> list[Alert]:
        """Every alert so far in its latest state, by ``opened_at``, then id."""
        if self._checkpoints is not None:
            return self._checkpoints.alerts()
        return sorted(self._alerts.values(), key=lambda alert: (alert.opened_at, alert.alert_id))

    def close(self) -> None:
        """Let go of files."""
        for part in (self._source, self._letters, self._checkpoints):
            if part is not None:
                part.close()

    def _open(self, resume: Position | None) -> Source:
        source, framing = self._config.source, self.shard.framing
        if source.kafka.servers:
            return self._open_kafka(resume)
        if not source.follow:
            return open_sources(source.paths, framing, resume)
        if len(source.paths) != 1 or framing.kind != "lines":
            raise SourceError(
                f"source.follow reads one file of lines, but source.paths names {len(source.paths)}; start one "
                "process, with a state folder of its own, for each file"
            )
        return Follow(source.paths[0], resume)

    def _open_kafka(self, resume: Position | None) -> Source:
        # The client takes a seventh of a second to import, which a replay of files should not pay.
        from streams.kafka import KafkaConfig, KafkaPartition  # noqa: PLC0415

        source = self._config.source
        if self.shard.framing.kind != "lines":
            raise SourceError(
                f"the mapping {source.mapping!r} takes records out of documents, but a Kafka record is one event; "
                "give a mapping whose framing is lines"
            )
        kafka = msgspec.convert(source.kafka.model_dump(mode="json"), KafkaConfig)
        return KafkaPartition(kafka, resume, follow=source.follow)

    def _keep(self, changed: list[Alert]) -> None:
        if self._checkpoints is None:
            self._alerts.update({alert.alert_id: alert for alert in changed})

    def _reject(self, rejected: Rejected) -> None:
        if self._letters is None:
            self._letters = DeadLetters(self.dead_letters)
            if self._checkpoints is None:
                self._letters.truncate(0)
        self._letters.write(rejected)

    def _state(self) -> State:
        size = self._letters.size if self._letters is not None else 0
        return {**self.shard.snapshot(), "feed": packed_values({"letters": size, "replayed": self._replayed})}

    def _resume(self, folder: Path) -> None:
        state = self._config.state
        self._checkpoints = Checkpoints(folder, SHARD, state.database, state.password_file)
        self.dead_letters = self._checkpoints.dead_letters
        self.resumed = self._checkpoints.latest()
        own = {"letters": 0, "replayed": 0}
        if self.resumed is not None:
            self.shard.restore(self.resumed.state)
            own = unpacked_values(self.resumed.state["feed"])
        self._replayed = own["replayed"]
        if own["letters"] or self.dead_letters.exists():
            self._letters = DeadLetters(self.dead_letters)
            self._letters.truncate(own["letters"])


def _position(text: str) -> Position | None:
    source, _, offset = text.rpartition("@")
    return Position(source, int(offset)) if source else None
