"""Where a process keeps the state of its shards: one store for all of them, snapshots and dead letters for each."""

from pathlib import Path
from typing import Final

from alerts.store import Store
from detector.checkpoint import Checkpoints, Saved, read_latest
from detector.config import StateConfig
from detector.errors import CheckpointError, ConfigError
from detector.shard import SHARD
from detector.snapshots import FolderSnapshots, Snapshots, StoreSnapshots

STORE: Final = "alerts.db"
DEAD_LETTERS: Final = "deadletters.jsonl"


class Home:
    """The state that the configuration names, opened.

    Args:
        config: its folder, its database, or both.
        read_only: look, and never disturb the owner.

    Raises:
        CheckpointError: read only, and there is no state.
        StoreError: the database cannot be used.
    """

    def __init__(self, config: StateConfig, *, read_only: bool = False) -> None:
        self._folder = config.folder
        self.store = Store(database_of(config, must_exist=read_only), config.password_file, read_only=read_only)

    def checkpoints(self, shard: str) -> Checkpoints:
        """Become the owner of a shard."""
        return Checkpoints(self.store, self._snapshots(shard), shard)

    def saved(self, shard: str) -> Saved:
        """The newest state of a shard, whoever owns it.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        saved = read_latest(self._snapshots(shard), self.store.checkpoint(shard))
        if saved is None:
            raise CheckpointError(f"{shard}: nothing was committed yet; let a replay or run get further")
        return saved

    def dead_letters(self, shard: str) -> Path:
        """The file of a shard's rejected records.

        Raises:
            ConfigError: there is no folder.
        """
        if self._folder is None:
            raise ConfigError("rejected records need a place; name a topic by topics.dead_letters, or a state.folder")
        return place_of(self._folder, shard) / DEAD_LETTERS

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def _snapshots(self, shard: str) -> Snapshots:
        if self._folder is None:
            return StoreSnapshots(self.store, shard)
        return FolderSnapshots(place_of(self._folder, shard))


def place_of(folder: Path, shard: str) -> Path:
    """Where in a state folder the snapshots and dead letters of a shard are."""
    return folder if shard == SHARD else folder / shard


def database_of(config: StateConfig, *, must_exist: bool) -> str:
    """The URL of the database that the configuration names, or of the file in its folder.

    Raises:
        CheckpointError: that file must exist and does not.
        ConfigError: neither is named.
    """
    if config.database is not None:
        return config.database
    if config.folder is None:
        raise ConfigError("state.folder is not set; state is kept there, so name a folder, or a state.database")
    path = config.folder / STORE
    if must_exist and not path.is_file():
        raise CheckpointError(
            f"{config.folder}: no state here; name the folder given to replay --state, or state.folder of run"
        )
    return f"sqlite:///{path}"
