"""One log through one shard: reads a source and gives its records to the keeper."""

from typing import Final

from alerts.alert import Alert
from detector.config import Config
from detector.keeper import Keeper
from detector.lookout import Lookout
from detector.recent import LONGEST_PIECE
from detector.shard import Shard
from streams import Follow, Position, Source, SourceError, open_sources

BATCH_RECORDS: Final = LONGEST_PIECE
"""Records a call: enough to make numpy's overhead small, few enough to answer within some tenths of a second."""


class Feed:
    """Reads a shard's log, from the last checkpoint if there is one.

    Args:
        config: the configuration; its source names the log.
        keeper: of the shard.
        partition: which of the source's topic, where that is in Kafka.
        lookout: sees what is known beside the events; without one that stays as it is.
    """

    def __init__(self, config: Config, keeper: Keeper, partition: int = 0, lookout: Lookout | None = None) -> None:
        self.keeper, self._partition, self.lookout = keeper, partition, lookout
        self._config = config
        self._source: Source | None = None

    @property
    def keepers(self) -> list[Keeper]:
        """The only one."""
        return [self.keeper]

    @property
    def source(self) -> Source:
        """The source, opened where the last checkpoint says."""
        if self._source is None:
            self._source = self._open(_position(self.keeper.position))
        return self._source

    @property
    def finished(self) -> bool:
        """Whether the log has ended."""
        return self.source.finished

    @property
    def unready(self) -> str:
        """Why it is not reading at the moment; a log of files never waits for anybody."""
        return ""

    def advance(self, limit: int = BATCH_RECORDS) -> tuple[int, list[Alert]]:
        """Take in at most ``limit`` records; how many there were, and the alerts that opened or changed."""
        if self.lookout is not None and self.lookout.look():
            self.keeper.adopt(self.lookout.context)
        records = self.source.next_batch(min(limit, self._config.state.checkpoint_events))
        self.keeper.take(records, str(self.source.position))
        return len(records), self.keeper.commit() if self.keeper.due else []

    def settle(self) -> list[Alert]:
        """Commit what has been read, to end here; the alerts that this made safe to tell."""
        return self.keeper.commit() if self.keeper.pending or self.keeper.due else []

    def close(self) -> None:
        """Let go of files."""
        if self._source is not None:
            self._source.close()
        self.keeper.close()

    def _open(self, resume: Position | None) -> Source:
        source, framing = self._config.source, self.keeper.shard.framing
        if source.kafka.servers:
            require_lines(self.keeper.shard)
            # The client takes a seventh of a second to import, which a replay of files should not pay.
            from streams.kafka import KafkaPartition  # noqa: PLC0415

            return KafkaPartition(source.kafka.client(), self._partition, resume)
        if not source.follow:
            return open_sources(source.paths, framing, resume)
        if len(source.paths) != 1 or framing.kind != "lines":
            raise SourceError(
                f"source.follow reads one file of lines, but source.paths names {len(source.paths)}; start one "
                "process, with a state folder of its own, for each file"
            )
        return Follow(source.paths[0], resume)


def require_lines(shard: Shard) -> None:
    """A record of Kafka is one event; `SourceError` for a mapping that takes many out of one document."""
    if shard.framing.kind != "lines":
        raise SourceError(
            f"the mapping {shard.mapping!r} takes records out of documents, but a Kafka record is one event; "
            "give a mapping whose framing is lines"
        )


def _position(text: str) -> Position | None:
    source, _, offset = text.rpartition("@")
    return Position(source, int(offset)) if source else None
