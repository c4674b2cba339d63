"""What is written is what the dictionary says, and the other way round."""

import csv
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from detector.detections import DETECTIONS
from detector.export.tables import TABLES
from tests.detector.export.out import ALL, rows

FILES = {"int32": "int32", "int64": "int64", "float64": "double", "bool": "bool", "string": "string",
         "category": "dictionary<values=string, indices=int32, ordered=0>", "time": "timestamp[us, tz=UTC]",
         "strings": "list<element: string>"}  # fmt: skip


@pytest.mark.parametrize("table", ALL)
def test_the_columns_of_every_file_are_those_of_the_dictionary_and_the_schema(whole: Path, table: str) -> None:
    described = [
        line for line in csv.DictReader((whole / "dictionary.csv").read_text().splitlines()) if line["table"] == table
    ]
    schema = json.loads((whole / "schema.json").read_text())["tables"][table]["columns"]
    files = list((whole / table).rglob("*.parquet"))
    assert files
    for file in files:
        written = [(field.name, str(field.type)) for field in parquet.read_schema(file)]
        assert written == [(line["name"], FILES[line["dtype"]]) for line in described]
        assert written == [(column["name"], FILES[column["dtype"]]) for column in schema]
    text = (whole / "dictionary.md").read_text().partition(f"\n## {table}\n")[2].partition("\n## ")[0]
    assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:] == [
        f"| {line['name']}" for line in described
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_says_its_window_its_nulls_since_when_it_is_known_and_what_it_means(table: str) -> None:
    columns = TABLES[table].columns
    assert len({column.name for column in columns}) == len(columns)
    assert "known_at" in {column.name for column in columns}
    for column in columns:
        assert all((column.window, column.nulls, column.known, column.meaning)), column
        assert "|" not in f"{column.unit}{column.window}{column.nulls}{column.known}{column.meaning}"
        assert column.unit or column.dtype not in ("float64", "int32") or table == "findings", column


@pytest.mark.parametrize("table", ALL)
def test_what_is_never_null_never_is(whole: Path, table: str) -> None:
    found = rows(whole, table)
    for column in TABLES[table].columns:
        missing = [row for row in found if row[column.name] is None]
        assert not missing or not column.nulls.startswith("never null"), column.name


def test_every_measure_of_every_detection_has_its_columns() -> None:
    names = {column.name for column in TABLES["features"].columns}
    for detection in DETECTIONS.values():
        for measure in detection.measures:
            assert {f"{kind}_{measure.name}" for kind in ("value", "score", "today", "total")} <= names
