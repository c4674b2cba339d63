"""Exports as arrays, a day at a time: what is in memory is one day of the house, whatever the export holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import parquet

from detector.errors import ExportError
from detector.export.dictionary import PARTITION
from detector.export.folder import Manifest, read_manifest
from detector.span import number_of

FEATURES, LABELS = "features", "labels"


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of a day, of all shards.

    Attributes:
        day: days since 1970.
        columns: by name, (n,) each; texts as objects.
    """

    day: int
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def matrix(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Columns of numbers side by side, (n, d); null is NaN."""
        return np.stack([self.columns[name].astype(np.float64) for name in names], axis=1)


class Exported:
    """The table of an export, by day.

    Args:
        folder: of the export.
        table: its name.

    Raises:
        ExportError: there is none, it lacks the table, or it has no rows.
    """

    def __init__(self, folder: Path, table: str) -> None:
        self.folder, self.table = folder, table
        self.manifest: Manifest = read_manifest(folder)
        if table not in self.manifest.tables:
            raise ExportError(
                f"{folder}: an export of {', '.join(self.manifest.tables)} and not of {table}; "
                f"innerwatch export {table} makes one"
            )
        files = [file for file in self.manifest.files if file.path.startswith(f"{table}/{PARTITION}=")]
        self.rows = sum(file.rows for file in files)
        self._days: dict[int, list[str]] = {}
        for file in files:
            day = file.path.split("/")[1].removeprefix(f"{PARTITION}=")
            self._days.setdefault(number_of(day), []).append(file.path)

    @property
    def days(self) -> list[int]:
        """The days that have rows, in order."""
        return sorted(self._days)

    @property
    def digest(self) -> str:
        """The SHA-256 of what the table holds, by the digests of its files."""
        files = [[file.path, file.sha256] for file in self.manifest.files if file.path.startswith(f"{self.table}/")]
        return sha256(msgspec.json.encode(files)).hexdigest()

    def partitions(self, names: Sequence[str]) -> Iterator[Partition]:
        """The columns of these names, day by day.

        Raises:
            ExportError: a file cannot be read, or lacks a column: another release wrote it.
        """
        for day in self.days:
            tables = [self._read(path, names) for path in sorted(self._days[day])]
            whole = pa.concat_tables([table.cast(_plain(table.schema)) for table in tables])
            yield Partition(day, {name: whole[name].to_numpy(zero_copy_only=False) for name in names})

    def _read(self, path: str, names: Sequence[str]) -> pa.Table:
        place = self.folder / path
        try:
            with place.open("rb") as file:
                found = parquet.ParquetFile(file)
                missing = sorted(set(names) - set(found.schema_arrow.names))
                if missing:
                    raise ExportError(f"{place}: has no column {missing[0]!r}; export again with this release")
                return found.read(columns=list(names))
        except (OSError, pa.ArrowException) as error:
            raise ExportError(
                f"{place}: cannot be read ({error}); innerwatch export check says what is whole"
            ) from error


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with texts instead of categories, which differ from file to file."""
    kinds = [(one.name, pa.string() if pa.types.is_dictionary(one.type) else one.type) for one in schema]
    return pa.schema(kinds)
