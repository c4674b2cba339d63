"""Where the snapshots of a shard lie: in a folder, or in the store where hosts have no folder in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from detector.snapshot import State, read_snapshot, write_snapshot

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
