"""Where the snapshots of a shard lie: in a folder, or in the store where hosts have no folder in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from alerts.errors import UnknownSnapshotError
from alerts.store import Store
from detector.errors import CheckpointError
from detector.snapshot import State, packed, read_snapshot, unpacked, write_snapshot

SUFFIX: Final = ".state"


class Snapshots(Protocol):
    """Named snapshots of one shard; names in alphabetical order are in the order of writing."""

    def names(self) -> list[str]:
        """The names of all there are, in order."""

    def write(self, name: str, state: Mapping[str, NDArray[Any]]) -> str:
        """Keep the state under a name, whole or not at all; its SHA-256 in hexadecimal."""

    def read(self, name: str, expected: str | None = None) -> State:
        """The state of that name, checked against its own checksum and the ``expected`` one."""

    def drop(self, before: str) -> None:
        """Delete those whose names come before this one."""


class FolderSnapshots:
    """Snapshots as files.

    Args:
        folder: made by the first one written, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of all files of state in the folder."""
        return sorted(path.name for path in self._folder.glob(f"[0-9]*{SUFFIX}"))

    def write(self, name: str, state: Mapping[str, NDArray[Any]]) -> str:
        """Write a file, on disk when this returns."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return write_snapshot(self._folder / name, state)

    def read(self, name: str, expected: str | None = None) -> State:
        """Read a file."""
        return read_snapshot(self._folder / name, expected)

    def drop(self, before: str) -> None:
        """Delete files."""
        for name in self.names():
            if name < before:
                (self._folder / name).unlink(missing_ok=True)


class StoreSnapshots:
    """Snapshots as rows of the store, for hosts that have no folder in common.

    Args:
        store: the shard's owner writes by it.
        shard: whose they are.
    """

    def __init__(self, store: Store, shard: str) -> None:
        self._store, self._shard = store, shard

    def names(self) -> list[str]:
        """The names of the shard's rows."""
        return self._store.snapshot_names(self._shard)

    def write(self, name: str, state: Mapping[str, NDArray[Any]]) -> str:
        """Write a row, in a transaction of its own."""
        content, digest = packed(state)
        self._store.put_snapshot(self._shard, name, content)
        return digest

    def read(self, name: str, expected: str | None = None) -> State:
        """Read a row."""
        try:
            content = self._store.snapshot(self._shard, name)
        except UnknownSnapshotError as error:
            raise CheckpointError(str(error)) from error
        return unpacked(content, f"snapshot {name} of shard {self._shard}", expected)

    def drop(self, before: str) -> None:
        """Delete rows."""
        self._store.drop_snapshots(self._shard, before)
