"""Whether an export is what it says, and whether anything in it knew the future.

Without the log, only what the export says of itself can be checked: hashes, columns, and the order of its own times.
With the log, each day is made again from the log up to the record that closed it, before any later record is given to
the shard, and compared to the bit: what then is not the same was changed, or was not to be known on that day.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import parquet

from detector.calendar import Calendar
from detector.config import Config
from detector.context import check_of
from detector.errors import ExportError
from detector.export.arrow import PLAIN, differing, plain_schema, stored_schema
from detector.export.dictionary import PARTITION, dictionary_csv, dictionary_md, schema_json
from detector.export.folder import MANIFEST, File, Manifest, Part, path_of, read_manifest, synced_digest
from detector.export.watch import Watch
from detector.feed import BATCH_RECORDS, Feed
from detector.provenance import configuration_digest
from detector.span import number_of
from streams import Record, Tokens

NEVER: Final = 2**31
AT_CLOSE: Final = ("events", "features")
"""The tables whose days are whole when they close."""


def check_folder(folder: Path) -> Manifest:
    """Check all that an export says of itself.

    Raises:
        ExportError: the first thing that is not so.
    """
    manifest = read_manifest(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    if odd := sorted(there ^ {file.path for file in manifest.files}):
        raise ExportError(f"{folder / odd[0]}: {'not in the manifest' if odd[0] in there else 'missing'}; export again")
    for file in manifest.files:
        if synced_digest(folder / file.path) != file.sha256:
            raise ExportError(f"{folder / file.path}: its SHA-256 is not that of the manifest; export again")
    names = manifest.tables
    for name, body in (
        ("schema.json", schema_json(names)),
        ("dictionary.csv", dictionary_csv(names)),
        ("dictionary.md", dictionary_md(names)),
    ):
        if (folder / name).read_bytes() != body:
            raise ExportError(f"{folder / name}: describes other tables than this release has; use that which wrote it")
    calendar = Calendar(manifest.zone)
    for file in manifest.files:
        if file.path.endswith(".parquet"):
            try:
                _check_file(folder, file, manifest, calendar)
            except (pa.ArrowException, ValueError) as error:
                raise ExportError(f"{folder / file.path}: no file of an export ({error}); export again") from error
    return manifest


def require_same(manifest: Manifest, config: Config, tokens: Tokens) -> None:
    """Refuse to compare an export with what another key, mapping or configuration would give.

    Raises:
        ExportError: naming which.
    """
    for name, theirs, ours in (
        ("key (privacy.key_file)", manifest.key, check_of(tokens)),
        ("mapping", manifest.mapping, config.source.mapping),
        ("configuration", manifest.configuration, configuration_digest(config)),
    ):
        if theirs != ours:
            raise ExportError(f"the export was made with another {name}; give that one to compare it with the log")


class Compared:
    """A sink that takes nothing and compares what it is given with the files of an export.

    Args:
        folder: of the export.
        manifest: its manifest.
        shard: whose rows come.
    """

    def __init__(self, folder: Path, manifest: Manifest, shard: str) -> None:
        self.rows = 0
        """How many were the same."""
        self._folder, self._shard = folder, shard
        self._left = {file.path for file in manifest.files if file.path.endswith(f"/{shard}.parquet")}
        self._open: dict[str, tuple[parquet.ParquetFile, int]] = {}  # with the groups that were compared

    def put(self, table: str, day: int, rows: pa.Table) -> None:
        """See `Sink`; raises ExportError where a row is not the same."""
        name = path_of(table, day, self._shard)
        if name not in self._left:
            raise ExportError(f"{self._folder / name}: missing, though the log has rows for it")
        file, group = self._open.get(name) or (parquet.ParquetFile(self._folder / name), 0)
        self._open[name] = file, group + 1
        if group >= file.num_row_groups:
            raise ExportError(f"{self._folder / name}: has fewer rows than the log gives")
        found = file.read_row_group(group).cast(plain_schema(table))
        if column := differing(found, rows):
            raise ExportError(
                f"{self._folder / name}: {column} is not what the log gives up to the end of that day; it was "
                "changed, or it knew the future: do not train on it"
            )
        self.rows += len(rows)

    def close(self, table: str, day: int) -> None:
        """See `Sink`; raises ExportError where the file has more rows."""
        name = path_of(table, day, self._shard)
        file, groups = self._open.pop(name)
        if groups != file.num_row_groups:
            raise ExportError(f"{self._folder / name}: has more rows than the log gives up to the end of that day")
        file.close()
        self._left.remove(name)

    def require_closed(self, table: str, day: int) -> None:
        """Refuse an export that has rows of a day which did not come while the log was given up to its closing."""
        if (name := path_of(table, day, self._shard)) in self._left:
            raise ExportError(
                f"{self._folder / name}: not all of it was there when the day closed; something in it waits for what "
                "comes later: do not train on it"
            )

    def require_whole(self, same: bool) -> None:
        """Refuse an export of which something was not compared, or whose days did not close as it says."""
        if self._left:
            raise ExportError(f"{self._folder / min(self._left)}: the log gives no such rows")
        if not same:
            raise ExportError(f"{self._folder / MANIFEST}: the days of {self._shard} closed otherwise in this log")


class Steps:
    """Reads a shard's log so that nothing after the record that closes a day is given to the shard before that closed.

    Args:
        feed: of the shard.
        watch: of the shard.
        sink: of the watch.
        part: what the export says of it.
    """

    def __init__(self, feed: Feed, watch: Watch, sink: Compared, part: Part) -> None:
        self._feed, self._watch, self._sink, self._closures = feed, watch, sink, part.closures
        self._late = False  # whether the event that closes the next day was read, and is held back

    def step(self) -> int:
        """Take in the next records; how many there were.

        Raises:
            ExportError: a day does not close where the export says, or not all of its rows have come by then.
        """
        source = self._feed.source
        records = source.next_batch(BATCH_RECORDS)
        start = 0
        for stop, record in enumerate(records, 1):
            due = self._late or self._is_due(record)
            if due or stop == len(records):
                after = records[stop].position if stop < len(records) else source.position
                self._take(records[start:stop], str(after), due)
                start = stop
        if self._feed.keeper.due:
            self._feed.keeper.commit()
        return len(records)

    def _take(self, records: Sequence[Record], after: str, due: bool) -> None:
        closed = len(self._watch.closures)
        self._feed.keeper.take(records, after)
        new = self._watch.closures[closed:]
        if due and not new and not self._feed.keeper.shard.holding:
            raise ExportError(f"{self._closures[closed].day} does not close where the export says in this log")
        self._late = due and not new
        for one in new:
            for table in AT_CLOSE:
                self._sink.require_closed(table, number_of(one.day))

    def _is_due(self, record: Record) -> bool:
        """Whether the next day closes by this record."""
        closed = len(self._watch.closures)
        due = self._closures[closed] if closed < len(self._closures) else None
        if due is None or record.position.offset != due.offset:
            return False
        return self._watch.names.place(record.position)[0] == due.log


def _check_file(folder: Path, file: File, manifest: Manifest, calendar: Calendar) -> None:
    table, partition, _ = file.path.split("/")
    day = partition.removeprefix(f"{PARTITION}=")
    where = folder / file.path
    if table not in manifest.tables or day < manifest.first or day > (manifest.last or day):
        raise ExportError(f"{where}: of no table or day of this export")
    with parquet.ParquetFile(where) as content:
        if not content.schema_arrow.equals(stored_schema(table)) or content.metadata.num_rows != file.rows:
            raise ExportError(f"{where}: other columns or rows than schema.json and the manifest say; export again")
        for group in range(content.num_row_groups):
            rows = content.read_row_group(group, columns=_timed(table)).cast(_timed_schema(table))
            if wrong := _out_of_time(table, day, rows, manifest.last, calendar):
                raise ExportError(f"{where}: {wrong}; the row knew the future, do not train on it")


def _timed(table: str) -> list[str]:
    """The columns that say when something was, and by what a day closed."""
    return [
        field.name for field in plain_schema(table) if field.type == PLAIN["time"] or field.name in ("log", "offset")
    ]


def _timed_schema(table: str) -> pa.Schema:
    return pa.schema([plain_schema(table).field(name) for name in _timed(table)])


def _out_of_time(table: str, day: str, rows: pa.Table, last: str, calendar: Calendar) -> str | None:
    """What is wrong with the times of a day's rows, in words; ``None`` if nothing is."""
    number, end = number_of(day), number_of(last) if last else NEVER
    known, known_on = _moments(rows["known_at"], calendar)
    rules = {"known_at is before its day": known_on < number}
    if table == "events":
        rules["known_at is before time"] = known < _moments(rows["time"], calendar)[0]
    elif table == "features":
        rules["known_at is not after its day"] = rows["offset"].is_valid().to_numpy() & (known_on == number)
    elif table == "alerts":
        opened, opened_on = _moments(rows["opened_at"], calendar)
        rules["opened_at is not on its day"] = opened_on != number
        rules["known_at is before opened_at"] = known < opened
        rules["known_at is after the last day"] = known_on > end
    else:
        rules["known_at is not on its day"] = known_on != number
    if table == "labels":
        withdrawn, withdrawn_on = _moments(rows["withdrawn_at"], calendar)
        taken = rows["withdrawn_at"].is_valid().to_numpy()
        rules["known_at is before opened_at"] = known < _moments(rows["opened_at"], calendar)[0]
        rules["withdrawn_at is before known_at"] = taken & (withdrawn < known)
        rules["withdrawn_at is after the last day"] = taken & (withdrawn_on > end)
    return next((words for words, broken in rules.items() if broken.any()), None)


def _moments(column: pa.ChunkedArray, calendar: Calendar) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Microseconds, and the accounting days that they are on; of nulls those of 1970."""
    moments: NDArray[np.int64] = column.cast(pa.int64()).fill_null(0).to_numpy()
    return moments, calendar.days(moments / 1e6)
