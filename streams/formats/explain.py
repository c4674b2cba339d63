"""What a mapping makes of sample records: `innerwatch map test`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from streams.event import AccessEvent
from streams.formats.mapped import MappedFormat
from streams.formats.paths import leaves
from streams.record import Record
from streams.rejected import Rejected


class Explained(msgspec.Struct, frozen=True):
    """One record: the event as JSON ("" for none), why there is none, and the paths nothing was read from."""

    event: str
    rejected: Rejected | None
    unmapped: tuple[str, ...]


def explain_mapping(format_: MappedFormat, records: Iterable[Record]) -> Iterator[Explained]:
    """For each record what the mapping makes of it; a dropped record has neither event nor rejection."""
    used = [_any_index(path) for field in format_.mapping.fields.values() for path in field.paths]
    for record in records:
        outcome = format_.decode(record)
        yield Explained(
            _as_json(outcome) if isinstance(outcome, AccessEvent) else "",
            outcome if isinstance(outcome, Rejected) else None,
            tuple(path for path in _paths(record) if not any(_covers(one, path) for one in used)),
        )


def _as_json(event: AccessEvent) -> str:
    tree = msgspec.to_builtins(event)
    del tree["_serials"]
    return msgspec.json.encode(_without_nulls(tree)).decode()


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner not in (None, (), [])}
    return value


def _paths(record: Record) -> list[str]:
    try:
        tree = msgspec.json.decode(record.raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return []
    return sorted(set(leaves(tree)))


def _any_index(path: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", path)


def _covers(used: str, path: str) -> bool:
    return path == used or path.startswith((f"{used}.", f"{used}["))
