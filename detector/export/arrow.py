"""The columns of tables as Arrow arrays, and the difference between two tables to the bit."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from detector.export.tables import TABLES, Dtype

PLAIN: Final[dict[Dtype, pa.DataType]] = {
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "category": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "strings": pa.list_(pa.string()),
}
STORED: Final = PLAIN | {"category": pa.dictionary(pa.int32(), pa.string())}
"""In files, so that pandas has a category and not as many texts."""


def plain_schema(table: str) -> pa.Schema:
    """The columns of a table of this name as they are made and compared."""
    return pa.schema([(column.name, PLAIN[column.dtype]) for column in TABLES[table].columns])


def stored_schema(table: str) -> pa.Schema:
    """The same as they are in files."""
    return pa.schema([(column.name, STORED[column.dtype]) for column in TABLES[table].columns])


def table_of(name: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> pa.Table:
    """A table of columns by name, all there are; NaN becomes null.

    Raises:
        KeyError: one is missing.
    """
    schema = plain_schema(name)
    assert set(columns) == set(schema.names), set(columns) ^ set(schema.names)
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in schema]
    return pa.table(arrays, schema=schema)


def microseconds(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Unix seconds as whole microseconds."""
    return np.round(times * 1e6).astype(np.int64)


def differing(left: pa.Table, right: pa.Table) -> str | None:
    """The first column in which two tables of one plain schema differ, to the bit; ``None`` where they do not."""
    if left.schema != right.schema or left.num_rows != right.num_rows:
        return "columns or number of rows"
    return next((name for name in left.column_names if not _same(left[name], right[name])), None)


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> bool:
    if left.type != pa.float64():
        return bool(left.equals(right))
    bits = [one.fill_null(0.0).to_numpy().view(np.uint64) for one in (left, right)]
    return bool(left.is_null().equals(right.is_null()) and np.array_equal(*bits))
