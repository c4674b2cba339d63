"""A member of a consumer group: the shards of the partitions that Kafka places here, and hands on."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from alerts.alert import Alert
from alerts.errors import StaleOwnerError, UnavailableError
from detector.context import Context
from detector.errors import CheckpointError
from detector.feed import BATCH_RECORDS, require_lines
from detector.keeper import Keeper, Setting
from detector.lookout import Lookout
from detector.outlet import Outlet
from detector.shard import partition_count, partition_shard
from streams import DeadLetterError, Position
from streams.kafka import KafkaConfig, KafkaGroup

REPORT_S: Final = 5.0
"""Between two reports to Kafka of how far each partition has been read."""
PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Between attempts to open a shard while the store is away; together well below a session's time."""


class Worker:
    """Reads the partitions of a topic that are its own at the moment, each through its own shard.

    A partition that is assigned goes on from its last checkpoint; one that is revoked is committed and let go, whole;
    one that is lost is forgotten, and whoever has it now reads on from its last checkpoint. A commit of a shard that
    has a newer owner is refused by the store, counted, and the shard forgotten.

    Args:
        setting: what the shards have in common; it has a home.
        kafka: the topic and the group.
        sleep: waits for so many seconds.
        outlet: passes alerts on to their topic, if there is one.
        lookout: sees what is known beside the events; without one that stays as it is.

    Raises:
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """

    def __init__(
        self,
        setting: Setting,
        kafka: KafkaConfig,
        sleep: Callable[[float], None],
        outlet: Outlet | None = None,
        lookout: Lookout | None = None,
    ) -> None:
        self._outlet, self.lookout = outlet, lookout
        self._setting, self._topic, self._sleep = setting, kafka.topic, sleep
        self._keepers: dict[int, Keeper] = {}
        self._late: list[Alert] = []  # committed and not yet told
        self._count = 0  # of the topic's partitions, 0 while unknown
        self.events = Counter[str]()
        """How many partitions were assigned, revoked and lost, how many commits the store refused, and how many shards
        took over another context while they were here, so far."""
        self.waiting = ""
        """Why nothing can be committed at the moment, in words; "" when all is well."""
        self.poll_seconds = 0.0
        """How long the last call waited for records."""
        self._reported = self._polled = setting.clock()
        self._group = KafkaGroup(kafka, self)

    @property
    def keepers(self) -> list[Keeper]:
        """The shards that are here, by partition."""
        return [keeper for _, keeper in sorted(self._keepers.items())]

    @property
    def finished(self) -> bool:
        """Whether the topic has ended, which it never does."""
        return False

    def advance(self, limit: int = BATCH_RECORDS) -> tuple[int, list[Alert]]:
        """Take in at most ``limit`` records; how many there were, and the alerts that opened or changed."""
        self._commit_due()  # what could not be committed before
        if self.lookout is not None and not self.waiting and self.lookout.look():
            self._adopt(self.lookout.context)
        read = self._read(limit) if not self.waiting else 0
        if self._setting.clock() - self._reported >= REPORT_S:
            self._reported = self._setting.clock()
            self._group.commit(self._offsets())
        if self._outlet is not None:
            self._outlet.step(keeper.shard.name for keeper in self.keepers)
        return read, self._told()

    def settle(self) -> list[Alert]:
        """Commit what has been read, to end here; the alerts that this made safe to tell."""
        for partition, keeper in sorted(self._keepers.items()):
            if keeper.pending or keeper.due:
                self._commit(partition, keeper)
        if self._outlet is not None:
            self._outlet.finish(keeper.shard.name for keeper in self.keepers)
        return self._told()

    @property
    def unready(self) -> str:
        """Why it is not reading at the moment, in words; "" when it is."""
        return self.waiting or ("" if self._keepers else "no partition is assigned")

    def lag(self) -> dict[str, int]:
        """Records that wait for each shard that is here, as far as Kafka has said."""
        lags = {number: self._group.lag(number, offset) for number, offset in self._offsets().items()}
        return {self._keepers[number].shard.name: lag for number, lag in lags.items() if lag is not None}

    def close(self) -> None:
        """Leave the group and let go of files."""
        self._group.close()
        for keeper in self._keepers.values():
            keeper.close()

    def assigned(self, partition: int, count: int) -> int | None:
        """Own a partition from now on, and go on from its last checkpoint."""
        self.events["assigned"] += 1
        self._require_same_count(count)
        if self.lookout is not None:
            # Its former owner may have seen more than we have, until this poll at most, and is not to be undone.
            self.lookout.look(self._setting.clock() - self._polled)
            self._setting = replace(self._setting, context=self.lookout.context)
        keeper = self._opened(partition_shard(self._topic, partition, count))
        require_lines(keeper.shard)
        self._keepers[partition] = keeper
        if self._outlet is not None:
            self._outlet.note(keeper.shard.name)
        return _offset(keeper.position)

    def revoked(self, partition: int) -> None:
        """Commit a partition and let it go."""
        self.events["revoked"] += 1
        keeper = self._keepers.get(partition)
        if keeper is not None and (keeper.pending or keeper.due):
            self._commit(partition, keeper)
        self._forget(partition)

    def lost(self, partition: int) -> None:
        """Forget a partition that may be another's by now."""
        self.events["lost"] += 1
        self._forget(partition)

    def _read(self, limit: int) -> int:
        self._polled = self._setting.clock()
        batches = self._group.next_batches(limit)
        self.poll_seconds = self._setting.clock() - self._polled
        self._require_same_count(self._group.partitions)
        for partition, keeper in self._keepers.items():  # all others the store refused us, and Kafka does not know yet
            records = batches.get(partition, [])
            last = records[-1].position if records else None
            keeper.take(records, str(Position(last.source, last.offset + 1)) if last is not None else keeper.position)
        self._commit_due()
        return sum(map(len, batches.values()))

    def _offsets(self) -> dict[int, int]:
        offsets = {partition: _offset(keeper.position) for partition, keeper in self._keepers.items()}
        return {partition: offset for partition, offset in offsets.items() if offset is not None}

    def _told(self) -> list[Alert]:
        told, self._late = self._late, []
        return told

    def _opened(self, shard: str) -> Keeper:
        for pause in PAUSES_S:
            try:
                return Keeper(self._setting, shard)
            except UnavailableError:
                self._sleep(pause)
        return Keeper(self._setting, shard)

    def _adopt(self, context: Context) -> None:
        """Let every shard that goes by another context go by this one, and record from where on."""
        for partition, keeper in sorted(self._keepers.items()):
            if keeper.adopt(context):
                self.events["contexts"] += 1
                self._commit(partition, keeper)

    def _commit_due(self) -> None:
        self.waiting = ""
        for partition, keeper in sorted(self._keepers.items()):
            if keeper.due:
                self._commit(partition, keeper)

    def _commit(self, partition: int, keeper: Keeper) -> None:
        try:
            changed = keeper.commit()
        except StaleOwnerError:
            self.events["refused"] += 1
            self._forget(partition)
        except (UnavailableError, DeadLetterError) as error:
            self.waiting = str(error)
        else:
            self._late += changed
            if changed and self._outlet is not None:
                self._outlet.note(keeper.shard.name)

    def _forget(self, partition: int) -> None:
        keeper = self._keepers.pop(partition, None)
        if keeper is not None:
            keeper.close()

    def _require_same_count(self, count: int) -> None:
        if self._count == 0 and count:
            assert self._setting.home is not None
            former = {partition_count(self._topic, shard) for shard in self._setting.home.store.shards()} - {None}
            self._count = next((number for number in former if number is not None and number != count), count)
        if count not in (0, self._count):
            raise CheckpointError(
                f"{self._topic} has {count} partitions, but the state was made with {self._count}: keys lead elsewhere "
                "now, so that a person's past would lie in another partition than the person. Make a new topic with as "
                "many partitions as you need, fill it by innerwatch rekey, and begin there with new state"
            )


def _offset(position: str) -> int | None:
    return int(position.rpartition("@")[2]) if position else None
