"""The registry of bundles as rich renderables for a terminal; whatever a bundle holds is shown as plain text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.bundles import SHORT, Book, BundleAct, BundleRecord
from alerts.escape import escape
from detector.lookup import Shadowed


def manifest_of(record: BundleRecord) -> dict[str, Any]:
    """What the bundle says of itself."""
    return msgspec.json.decode(record.manifest, type=dict[str, Any])


def acts_about(book: Book, digest: str) -> list[BundleAct]:
    """What was done with a bundle, in order."""
    return [act for act in book.acts if act.digest == digest]


def bundle_table(book: Book, zone: tzinfo) -> Table:
    """A row for each bundle. Fits 80 columns."""
    table = _table("name", "digest", "role", "owner", "added", "trained on")
    roles = book.roles
    for one in book.records:
        data = manifest_of(one)["data"]
        trained = f"{data.get('first', '?')}..{data.get('last', '?')}"
        _row(table, one.name, one.digest[:SHORT], roles.of(one.digest), one.owner, _day(one.added_at, zone), trained)
    return table


def bundle_detail(book: Book, record: BundleRecord, card: str, shadowed: Sequence[Shadowed], zone: tzinfo) -> Group:
    """Everything about one bundle: its manifest, its card, what it was worth in shadow, what was done with it."""
    facts = _table("", "")
    _row(facts, "digest", record.digest)
    _row(facts, "role", book.roles.of(record.digest) or "none")
    for name, value in manifest_of(record).items():
        if name != "files":
            for key, one in _flat(name, value):
                _row(facts, key, str(one))
    history = _table("when", "who", "what", "words", "report")
    for act in acts_about(book, record.digest):
        _row(history, _day(act.at, zone), act.by, act.act.value, act.reason, act.report[:SHORT])
    parts: list[RenderableType] = [facts, Text(), Text("Card", style="bold")]
    parts += [Text(escape(line)) for line in card.splitlines()]
    if shadowed:
        told = _table("shard", "days", "both would tell", "champion alone", "challenger alone")
        for one in shadowed:
            _row(told, one.shard, *map(str, (one.days, one.both, one.champion, one.challenger)))
        parts += [Text(), Text("In shadow", style="bold"), told]
    return Group(*parts, Text(), Text("History", style="bold"), history)


def _flat(name: str, value: Any) -> Sequence[tuple[str, Any]]:
    """A fact, or the facts of a table in it, by dotted names; of learners their names and kinds."""
    if isinstance(value, Mapping):
        return [(f"{name}.{key}", one) for key, one in value.items()]
    if name == "learners":
        return [(f"learners.{one['name']}", f"{one['kind']} of {len(one['features'])} features") for one in value]
    return [(name, value)]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(escape(cell)) for cell in cells))


def _day(time: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(time, UTC).astimezone(zone):%Y-%m-%d %H:%M}"
