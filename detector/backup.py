"""Copies of a state: made while it is in use, whole or not at all, and put back where there is none.

A backup is a folder: the database, the snapshots, the dead letters, and a manifest, written last, that names each file
with its SHA-256. The key is not in it: whoever has a key and a state can tell which customer is behind a token.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from alerts.database import Database
from alerts.place import database_url
from alerts.schema import snapshots_named, version_of
from detector.config import StateConfig
from detector.errors import BackupError, CheckpointError
from detector.home import DEAD_LETTERS, STORE, database_of, place_of
from detector.snapshot import read_snapshot
from detector.snapshots import SUFFIX

MANIFEST: Final = "backup.json"
FORMAT: Final = "innerwatch-backup/1"
TRIES: Final = 5
"""A run may write two checkpoints while a snapshot is copied, and drop it; then the whole copy is made again."""


class Part(msgspec.Struct, frozen=True):
    """A file of a backup: its path within, its bytes and their SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is: of which release and schema, made when (ISO 8601), with which key, of which files.

    `key` tells one key from another and nothing else of it; "" where none was there.
    """

    format: str = FORMAT
    release: str
    schema: str
    made: str
    key: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(part.size for part in self.parts)


def backup(config: StateConfig, target: Path, key: str, made: str) -> Manifest:
    """Copy a state, which may be in use, into an empty or a new folder.

    Args:
        config: names the state.
        target: the folder.
        key: of the state, as ``check_of`` gives it; "" where there is none.
        made: the time, ISO 8601.

    Raises:
        BackupError: the folder is not empty or cannot be written, or the state changes too fast.
        CheckpointError, StoreError: there is no state, or it cannot be copied.
    """
    place = database_of(config, must_exist=True)
    if target.exists() and any(target.iterdir()):
        raise BackupError(f"{target}: not empty; give a new folder for each backup")
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(TRIES):
            schema = _copied(config, place, target)
            if schema is not None:
                break
            _emptied(target)
        else:
            raise BackupError(f"{target}: the state changed faster than it could be copied; raise state.checkpoint_s")
        parts = tuple(_part(target, path) for path in _files(target))
        manifest = Manifest(release=version("innerwatch"), schema=schema, made=made, key=key, parts=parts)
        _write(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    except OSError as error:
        raise BackupError(
            f"{target}: the backup cannot be written ({error.strerror}); make room or check it"
        ) from error
    return manifest


def restore(source: Path, config: StateConfig, key: str) -> Manifest:
    """Put a backup back where there is no state; the database comes last, so that half of it is none.

    Args:
        source: the folder of the backup.
        config: names where the state is to be.
        key: of the present key file, as for ``backup``; "" where there is none.

    Raises:
        BackupError: the backup is damaged, newer than this release or made with another key, or there is state.
    """
    manifest = checked(source)
    if key and manifest.key and key != manifest.key:
        raise BackupError(
            f"{source}: the backup's state was made with another key, with which alone its people and customers are "
            "recognised; put that back first, by privacy.key_file"
        )
    url = database_url(database_of(config, must_exist=False))
    if url.get_backend_name() != "sqlite":
        raise BackupError(f"{source}: this is put back to an SQLite file; name a state.folder without state.database")
    database = Path(url.database or "")
    folder = config.folder or database.parent
    if database.exists() or (folder.exists() and list(_files(folder))):
        raise BackupError(f"{folder}: there is state already; move it away, or give another place")
    try:
        for part in sorted(manifest.parts, key=lambda part: part.name == STORE):
            to = database if part.name == STORE else folder / part.name
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(source / part.name, to)
    except OSError as error:
        raise BackupError(
            f"{folder}: the state cannot be written ({error.strerror}); empty it and begin again"
        ) from error
    return manifest


def checked(source: Path) -> Manifest:
    """The manifest of a backup whose files are all as they were, and of a schema that this release knows.

    Raises:
        BackupError: it is none, or damaged.
        StoreError: it is of a newer release.
    """
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupError(f"{source}: no backup ({error.strerror}); give the folder that holds {MANIFEST}") from error
    except msgspec.DecodeError as error:
        raise BackupError(f"{source}: {MANIFEST} is damaged ({error}); take another backup") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{source}: a backup of another form; use the release that made it, {manifest.release}")
    for part in manifest.parts:
        path = source / part.name
        if not _is_ours(Path(part.name)) or not path.is_file() or _part(source, path) != part:
            raise BackupError(f"{source}: {part.name} is not what was backed up; take another backup")
    with closing(Database(f"sqlite:///{source / STORE}", read_only=True)) as database:
        version_of(database)
    return manifest


def _copied(config: StateConfig, place: str, target: Path) -> str | None:
    """Copy everything; the schema's version, None when a snapshot that the copy names was dropped meanwhile."""
    with closing(Database(place, config.password_file, read_only=True)) as database:
        database.copy_to(target / STORE)
    # The database first: what it names was written before, and dead letters only grow.
    for path in _files(config.folder) if config.folder is not None else ():
        if path.name != STORE:
            to = target / path.relative_to(config.folder or path)
            to.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                _copy(path, to)
            except FileNotFoundError:  # dropped by a checkpoint
                to.unlink(missing_ok=True)
    with closing(Database(f"sqlite:///{target / STORE}", read_only=True)) as copy:
        schema = version_of(copy)
        for shard, (snapshot, sha256) in snapshots_named(copy).items() if config.folder is not None else ():
            path = place_of(target, shard) / snapshot
            if not path.exists():
                return None
            read_snapshot(path, sha256)
    if schema is None:
        raise CheckpointError(f"{place}: nothing was committed yet; let a replay or run get further")
    return schema


def _files(folder: Path) -> Iterator[Path]:
    """What belongs to a state, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and _is_ours(path.relative_to(folder)))


def _is_ours(name: Path) -> bool:
    inside = not name.is_absolute() and ".." not in name.parts and len(name.parts) <= 2
    known = name.name in (STORE, DEAD_LETTERS) or (name.suffix == SUFFIX and name.name[0].isdecimal())
    return inside and known


def _part(folder: Path, path: Path) -> Part:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Part(path.relative_to(folder).as_posix(), path.stat().st_size, digest)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _emptied(folder: Path) -> None:
    for path in list(_files(folder)):
        path.unlink()
