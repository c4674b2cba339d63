"""The state folder: snapshots, the store that names the valid one, and dead letters.

A checkpoint is one snapshot file, written first, and one transaction of the store that names it together with the
alerts that changed. Whatever the crash, the folder afterwards holds the state before or the state after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.store import Store
from detector.errors import CheckpointError
from detector.snapshot import State, read_snapshot, write_snapshot
from detector.state import packed_values, unpacked_values

STORE: Final = "alerts.db"
DEAD_LETTERS: Final = "deadletters.jsonl"
SUFFIX: Final = ".state"
KEPT: Final = 2
"""Generations kept: the one the store names, and the one before in case that is damaged."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What to go on from.

    Attributes:
        position: where to read on, as ``str(Position)``; "" for the beginning.
        state: the arrays of the snapshot.
        fallback: whether the newest generation was damaged and this is the one before.
    """

    position: str
    state: State
    fallback: bool


class Checkpoints:
    """The owner of a state folder; from its making on, a former owner can commit no more.

    Args:
        folder: made if missing, for its owner alone.
        shard: whose state it is.
        database: the store's URL; without one it is a file in the folder.
        password_file: of that database.
    """

    def __init__(
        self, folder: Path, shard: str, database: str | None = None, password_file: Path | None = None
    ) -> None:
        self._folder, self._shard = folder, shard
        self._store = open_store(folder, database, password_file, read_only=False)
        self._epoch = self._store.acquire(shard)
        newest = self._store.checkpoint(shard)
        self._generation = _generation(newest.snapshot) if newest is not None else 0

    @property
    def dead_letters(self) -> Path:
        """Where this shard's rejected records are kept."""
        return self._folder / DEAD_LETTERS

    def latest(self) -> Saved | None:
        """The newest state that is whole; ``None`` when nothing was ever committed.

        Reading on from the generation before the newest gives the same alerts again, so a damaged newest one costs
        time and nothing else.

        Raises:
            CheckpointError: neither generation is whole, or the store knows nothing of the snapshots in the folder.
        """
        saved = read_latest(self._folder, self._store.checkpoint(self._shard))
        if saved is not None and saved.fallback:
            self._generation -= 1  # the next snapshot takes the place of the damaged one
        return saved

    def commit(
        self,
        position: str,
        state: Mapping[str, NDArray[Any]],
        counters: Mapping[str, int],
        alerts: Sequence[Alert],
    ) -> None:
        """Write the state of the shard before ``position`` and the alerts that changed on the way there.

        Raises:
            CheckpointError: the snapshot cannot be written.
            StoreError: the store cannot be, or the shard has a newer owner.
        """
        generation = self._generation + 1
        name = f"{generation:012d}{SUFFIX}"
        sha256 = write_snapshot(self._folder / name, {**state, "position": packed_values(position)})
        self._store.commit(
            self._shard,
            Checkpoint(position=position, snapshot=name, sha256=sha256, counters=counters, epoch=self._epoch),
            alerts,
        )
        self._generation = generation
        self._delete_old()

    def add(self, alerts: Sequence[Alert]) -> None:
        """Write alerts that follow from the committed state alone, such as those of a log's end."""
        newest = self._store.checkpoint(self._shard)
        if newest is not None and alerts:
            self._store.commit(self._shard, msgspec.structs.replace(newest, epoch=self._epoch), alerts)

    def alerts(self) -> list[Alert]:
        """Every alert so far, by ``opened_at``, then id."""
        return self._store.alerts()

    def close(self) -> None:
        """Let go of the folder."""
        self._store.close()

    def _delete_old(self) -> None:
        for generation, path in _snapshots(self._folder):
            if generation <= self._generation - KEPT:
                path.unlink(missing_ok=True)


def open_store(
    folder: Path, database: str | None = None, password_file: Path | None = None, *, read_only: bool = True
) -> Store:
    """The store at a URL; without one, that of a state folder.

    Raises:
        CheckpointError: read only, and the folder holds no state.
        StoreError: the database cannot be used.
    """
    url = database or file_url(folder, must_exist=read_only)
    return Store(url, password_file, read_only=read_only)


def file_url(folder: Path, *, must_exist: bool) -> str:
    """The URL of the database in a state folder; `CheckpointError` where it must exist and does not."""
    path = folder / STORE
    if must_exist and not path.is_file():
        raise CheckpointError(
            f"{folder}: no state here; name the folder given to replay --state, or state.folder of run"
        )
    return f"sqlite:///{path}"


def read_latest(folder: Path, newest: Checkpoint | None) -> Saved | None:
    """The newest whole state of a folder whose store names ``newest``; see ``Checkpoints.latest``."""
    snapshots = dict(_snapshots(folder))
    if newest is None:
        if max(snapshots, default=0) > 1:
            raise CheckpointError(
                f"{folder}: there are snapshots, but {STORE} knows none; restore {STORE} from a backup, or give an "
                "empty folder to begin anew"
            )
        return None
    generation = _generation(newest.snapshot)
    try:
        return Saved(newest.position, read_snapshot(folder / newest.snapshot, newest.sha256), fallback=False)
    except CheckpointError as error:
        if generation - 1 not in snapshots:
            raise CheckpointError(
                f"{error}; there is no generation before it: restore {folder} from a backup, or give an empty folder "
                "to begin anew"
            ) from error
        try:
            state = read_snapshot(snapshots[generation - 1])
        except CheckpointError as second:
            raise CheckpointError(
                f"{error}; {second}: restore {folder} from a backup, or give an empty folder to begin anew"
            ) from second
        return Saved(unpacked_values(state["position"]), state, fallback=True)


def _snapshots(folder: Path) -> list[tuple[int, Path]]:
    return sorted((_generation(path.name), path) for path in folder.glob(f"[0-9]*{SUFFIX}"))


def _generation(name: str) -> int:
    number = name.removesuffix(SUFFIX)
    return int(number) if number.isdecimal() else 0
