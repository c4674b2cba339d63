"""The checkpoints of a shard: a snapshot, written first, and one transaction of the store that names it.

Whatever the crash, the store afterwards names the state before or the state after, together with the alerts that
belong to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.contexts import ContextChange
from alerts.store import Store
from detector.errors import CheckpointError
from detector.snapshot import State
from detector.snapshots import SUFFIX, Snapshots
from detector.state import packed_values, unpacked_values

ANEW: Final = "restore it from a backup, or begin anew with an empty one"


@dataclass(frozen=True, slots=True)
class Saved:
    """What to go on from.

    Attributes:
        position: where to read on, as ``str(Position)``; "" for the beginning.
        state: the arrays of the snapshot.
        fallback: whether the newest snapshot was damaged and this is the one before.
    """

    position: str
    state: State
    fallback: bool


class Checkpoints:
    """The owner of a shard's state; from its making on, a former owner can commit no more.

    Args:
        store: holds the alerts and names the snapshot that is valid.
        snapshots: of this shard.
        shard: its name.
    """

    def __init__(self, store: Store, snapshots: Snapshots, shard: str) -> None:
        self._store, self._snapshots, self._shard = store, snapshots, shard
        self._epoch = store.acquire(shard)
        self._newest = store.checkpoint(shard)

    def latest(self) -> Saved | None:
        """The newest state that is whole; ``None`` when nothing was ever committed.

        Reading on from the snapshot before the newest gives the same alerts again, so a damaged newest one costs
        time and nothing else.

        Raises:
            CheckpointError: neither is whole, or the store knows nothing of the snapshots that there are.
        """
        saved = read_latest(self._snapshots, self._newest)
        if saved is not None and saved.fallback and self._newest is not None and self._newest.former is not None:
            self._newest = msgspec.structs.replace(self._newest, snapshot=self._newest.former)
        return saved

    def commit(
        self,
        position: str,
        state: Mapping[str, NDArray[Any]],
        counters: Mapping[str, int],
        alerts: Sequence[Alert],
        receivers: Sequence[str] = (),
        changes: Sequence[ContextChange] = (),
    ) -> None:
        """Write the state of the shard before ``position`` and the alerts that changed on the way there.

        Each of these begins to wait in the outbox of every receiver. With them go the changes of context that the
        state has met and no state committed before it. The same may be committed again after a failure.

        Raises:
            CheckpointError: the snapshot cannot be written.
            StoreError: the store cannot be, or the shard has a newer owner.
        """
        former = self._newest.snapshot if self._newest is not None else None
        # The epoch keeps a former owner, who may still be writing, from touching the file of the present one.
        name = f"{_generation(former) + 1:012d}-{self._epoch:06d}{SUFFIX}"
        sha256 = self._snapshots.write(name, {**state, "position": packed_values(position)})
        newest = Checkpoint(
            position=position, snapshot=name, sha256=sha256, former=former, counters=counters, epoch=self._epoch
        )
        self._store.commit(self._shard, newest, alerts, receivers, changes)
        self._newest = newest
        if former is not None:
            self._snapshots.drop(former)

    def add(self, alerts: Sequence[Alert], receivers: Sequence[str] = ()) -> None:
        """Write alerts that follow from the committed state alone, such as those of a log's end."""
        if self._newest is not None and alerts:
            self._store.commit(self._shard, msgspec.structs.replace(self._newest, epoch=self._epoch), alerts, receivers)


def read_latest(snapshots: Snapshots, newest: Checkpoint | None) -> Saved | None:
    """The newest whole state where the store names ``newest``; see ``Checkpoints.latest``."""
    if newest is None:
        if max(map(_generation, snapshots.names()), default=0) > 1:
            raise CheckpointError(f"there are snapshots, but the store knows none; {ANEW}")
        return None
    try:
        return Saved(newest.position, snapshots.read(newest.snapshot, newest.sha256), fallback=False)
    except CheckpointError as error:
        if newest.former is None:
            raise CheckpointError(f"{error}; there is no snapshot before it: {ANEW}") from error
        try:
            state = snapshots.read(newest.former)
        except CheckpointError as second:
            raise CheckpointError(f"{error}; {second}: {ANEW}") from second
        return Saved(unpacked_values(state["position"]), state, fallback=True)


def _generation(name: str | None) -> int:
    number = (name or "").removesuffix(SUFFIX).partition("-")[0]
    return int(number) if number.isdecimal() else 0
