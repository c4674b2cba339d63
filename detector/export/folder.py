"""The folder of an export: Parquet files by table and day, and a manifest. It appears whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from detector.calendar import Calendar
from detector.errors import ExportError
from detector.export.arrow import stored_schema
from detector.export.dictionary import PARTITION, SCHEMA, dictionary_csv, dictionary_md, schema_json
from detector.export.watch import Closure

MANIFEST: Final = "export.json"


class File(msgspec.Struct, frozen=True):
    """One file: its path within the export, rows (of no table 0) and SHA-256."""

    path: str
    rows: int
    sha256: str


class Part(msgspec.Struct, frozen=True):
    """One shard: at which offset its log began, the contexts it was judged by, and how its days closed."""

    shard: str
    begins: int
    contexts: list[str]
    closures: list[Closure]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is. Days are ISO dates, "" where the log decides; the key itself is not in it.

    `key` tells one key from another, and `configuration` one configuration from another as far as rows depend on it.
    """

    schema: str = SCHEMA
    version: str
    tables: list[str]
    first: str
    last: str
    zone: str
    mapping: str
    key: str
    configuration: str
    shards: list[Part]
    files: list[File] = []


def path_of(table: str, day: int, shard: str) -> str:
    """Where the rows of a shard's day are within an export.

    >>> path_of("events", 20514, "access-0-of-1")
    'events/day=2026-03-02/access-0-of-1.parquet'
    """
    return f"{table}/{PARTITION}={Calendar.date_of(day).isoformat()}/{shard}.parquet"


class Draft:
    """An export that is being written, beside where it will be; gone if it is not published.

    Args:
        out: the folder that will be.

    Raises:
        ExportError: it exists, another export is writing it, or it cannot be written.
    """

    def __init__(self, out: Path) -> None:
        if out.exists():
            raise ExportError(f"{out}: exists already; name a folder that does not, or remove it")
        self._out, self._folder = out, out.absolute().with_name(f".{out.name}.draft")
        self._files: list[File] = []
        self._published = False
        with _named(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ExportError(f"{out}: another export is writing it; wait for that, or name another folder") from None
        for left in self._folder.iterdir():  # by an export that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not self._published:
            shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    @property
    def rows(self) -> int:
        """Rows in all so far."""
        return sum(file.rows for file in self._files)

    @contextmanager
    def partitions(self, shard: str) -> Iterator["Partitions"]:
        """The sink of a shard; days that were not closed are left out at the end."""
        sink = Partitions(self._folder, shard, self._files)
        try:
            yield sink
        finally:
            sink.discard()

    def publish(self, manifest: Manifest) -> None:
        """Write what describes the export, and give it its name."""
        described = {
            "schema.json": schema_json(manifest.tables),
            "dictionary.csv": dictionary_csv(manifest.tables),
            "dictionary.md": dictionary_md(manifest.tables),
        }
        with _named(self._out):
            for table in manifest.tables:  # of which there may be no rows
                (self._folder / table).mkdir(exist_ok=True)
            for name, body in described.items():
                (self._folder / name).write_bytes(body)
                self._files.append(File(name, 0, synced_digest(self._folder / name)))
            files = sorted(self._files, key=lambda file: file.path)
            body = msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
            (self._folder / MANIFEST).write_bytes(msgspec.json.format(body, indent=2) + b"\n")
            synced_digest(self._folder / MANIFEST)
            for folder, _, _ in os.walk(self._folder, topdown=False):
                _sync(Path(folder))
            self._folder.rename(self._out)
            self._published = True
            _sync(self._out.absolute().parent)


class Partitions:
    """Writes a shard's rows, a file for each table and day."""

    def __init__(self, folder: Path, shard: str, files: list[File]) -> None:
        self._folder, self._shard, self._files = folder, shard, files
        self._writers: dict[str, tuple[parquet.ParquetWriter, int]] = {}  # of open files, with their rows

    def put(self, table: str, day: int, rows: pa.Table) -> None:
        """See `Sink`."""
        name = path_of(table, day, self._shard)
        path, schema = self._folder / name, stored_schema(table)
        with _named(path):
            if name not in self._writers:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._writers[name] = parquet.ParquetWriter(path, schema, compression="zstd"), 0
            writer, count = self._writers[name]
            writer.write_table(rows.cast(schema), row_group_size=len(rows))
        self._writers[name] = writer, count + len(rows)

    def close(self, table: str, day: int) -> None:
        """See `Sink`."""
        name = path_of(table, day, self._shard)
        writer, count = self._writers.pop(name)
        with _named(self._folder / name):
            writer.close()
            self._files.append(File(name, count, synced_digest(self._folder / name)))

    def discard(self) -> None:
        """Leave out the days that are not closed."""
        for name, (writer, _) in self._writers.items():
            writer.close()
            (self._folder / name).unlink()
            if not any((self._folder / name).parent.iterdir()):
                (self._folder / name).parent.rmdir()
        self._writers.clear()


def synced_digest(path: Path) -> str:
    """The SHA-256 of a file, which is on disk afterwards."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder, its space and rights"
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an export.

    Raises:
        ExportError: there is none, or it cannot be read.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise ExportError(f"{folder}: no export is here, for there is no {MANIFEST}; name the folder of one") from error
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise ExportError(f"{folder / MANIFEST}: cannot be read ({error}); export again") from error
    if manifest.schema != SCHEMA:
        raise ExportError(f"{folder}: an export of another schema ({manifest.schema!r}); use the release that wrote it")
    return manifest
