"""What describes an export to people and programs, generated from the tables' definition."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Final

import msgspec

from detector.export.tables import TABLES, Column

SCHEMA: Final = "innerwatch-export/1"
PARTITION: Final = "day"
COLUMNS: Final = tuple(field.name for field in fields(Column))
FEATURES: Final = "features"


def features_digest() -> str:
    """The SHA-256 of what models are trained on, in hexadecimal: names, types, units and windows of the features.

    What a bundle was made of is known by it; words that explain a column are no part of that.
    """
    columns = [(one.name, one.dtype, one.unit, one.window) for one in TABLES[FEATURES].columns]
    return sha256(msgspec.json.encode(columns)).hexdigest()


def schema_json(names: Sequence[str]) -> bytes:
    """The tables of these names with their columns, as JSON."""
    tables = {
        name: {"rows": TABLES[name].rows, "columns": [asdict(column) for column in TABLES[name].columns]}
        for name in names
    }
    document = {"schema": SCHEMA, "partition": PARTITION, "tables": tables}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def dictionary_csv(names: Sequence[str]) -> bytes:
    """A line for each column of each table."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["table", *COLUMNS])
    for name in names:
        lines.writerows([name, *asdict(column).values()] for column in TABLES[name].columns)
    return text.getvalue().encode()


def dictionary_md(names: Sequence[str]) -> bytes:
    """A section for each table, for people."""
    lines = ["# Feature dictionary", ""]
    lines += [
        f"Each table is partitioned by `{PARTITION}`, the accounting day (from 04:00 local time), which is no column",
        "of the files. `known_at` is in every table: whoever joins two of them for a model takes only rows whose",
        "`known_at` is not after the moment at which the model would have had to decide.",
    ]
    for name in names:
        table = TABLES[name]
        lines += ["", f"## {name}", "", f"Rows: {table.rows}.", ""]
        lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
        lines += [f"| {' | '.join(asdict(column).values())} |" for column in table.columns]
    return "\n".join([*lines, ""]).encode()
