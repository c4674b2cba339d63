"""Exports of the small log, read in cuts of any size."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from pyarrow import dataset, parquet

from detector.config import Config, StateConfig
from detector.export.folder import MANIFEST
from detector.export.job import Exported, Order, comparison_of, write
from detector.feed import Feed
from detector.replaying import NoLetters, feeds_of, setting_of
from streams import Tokens
from tests.detector.small import KEY

TOKENS = Tokens(KEY)
ALL = ("alerts", "events", "features", "findings")


def export(
    config: Config,
    order: Order,
    limits: Iterator[int] | None = None,
    recorded: StateConfig | None = None,
    tokens: Tokens = TOKENS,
) -> Exported:
    """Write or compare an export; ``limits`` are the sizes of the batches in which the log is read."""

    def read(feed: Feed, enough: Callable[[], bool], step: Callable[[], int]) -> None:
        while not feed.finished and not enough():
            if limits is None:
                step()
            else:
                feed.advance(next(limits))
        if not order.goes_on and not enough():
            feed.keeper.conclude(None)

    with ExitStack() as stack:
        setting = replace(setting_of(config, tokens, recorded, stack), letters=NoLetters())
        return write(order, setting, feeds_of(setting, Path(), order.shards), read)


def compare(config: Config, folder: Path, goes_on: bool = False) -> Exported:
    """Make every day again from the log and compare."""
    return export(config, comparison_of(folder, goes_on))


def rows(folder: Path, table: str) -> list[dict]:
    """The rows of a table with their day, in the order of days and then of the files."""
    found = dataset.dataset(folder / table, partitioning="hive")
    return [row for batch in found.to_batches() for row in batch.to_pylist()]


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def forge(folder: Path, path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a file of an export, and the manifest with it, as whoever plants something would."""
    with parquet.ParquetFile(path) as file:
        groups = [file.read_row_group(group) for group in range(file.num_row_groups)]
    changed = [change(rows) for rows in groups]
    with parquet.ParquetWriter(path, changed[0].schema, compression="zstd") as writer:
        for rows_ in changed:
            writer.write_table(rows_, row_group_size=len(rows_))
    manifest = json.loads((folder / MANIFEST).read_text())
    (entry,) = (one for one in manifest["files"] if one["path"] == path.relative_to(folder).as_posix())
    entry["sha256"] = sha256(path.read_bytes()).hexdigest()
    entry["rows"] = sum(map(len, changed))
    (folder / MANIFEST).write_text(json.dumps(manifest))
