"""The mapped format: any JSON log, by a mapping file."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from streams.event import AccessEvent
from streams.formats.fields import compile_field
from streams.formats.format import FormatCounts
from streams.formats.mapping import REQUIRED, Mapping
from streams.formats.paths import Getter
from streams.formats.seal import BadEvent, is_plain, seal
from streams.formats.words import BOM, malformed, without_values
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.framing import Framing
from streams.tokens import Tokens

ID_BYTES = 16

_decode = msgspec.json.Decoder().decode


class MappedFormat:
    """Decodes JSON objects into events as `mapping` says; paths and patterns are compiled once.

    A record without an id of its own gets the BLAKE2b of its bytes, so that the same record is the same
    event.
    """

    def __init__(self, mapping: Mapping, tokens: Tokens) -> None:
        self.mapping = mapping
        self._tokens = tokens
        self._counts = FormatCounts(unknown={})
        self._alone: list[tuple[str, Getter]] = []
        self._parts: dict[str, list[tuple[str, Getter]]] = {}
        for target, field in mapping.fields.items():
            part, _, name = target.rpartition(".")
            fields = self._parts.setdefault(part, []) if part else self._alone
            fields.append((name, compile_field(target, field, mapping.timezone, tokens)))
        self._drops = [(target.split("."), frozenset(values)) for target, values in mapping.drop_if.items()]

    @property
    def framing(self) -> Framing:
        """As the mapping file says."""
        return self.mapping.frames

    @property
    def counts(self) -> FormatCounts:
        """How many records the drop rules took out."""
        return self._counts

    def decode(self, record: Record) -> AccessEvent | Rejected | None:
        """The event, its subjects turned into tokens; why there is none; or None when a drop rule applies."""
        if record.flaw is not None:
            return record.rejected(record.flaw, record.detail)
        raw = record.raw.removeprefix(BOM)
        tree: dict[str, object] | None = None
        try:
            tree = self._map(_decode(raw))
            if self._drops and self._is_dropped(tree):
                self._counts.dropped += 1
                return None
            if "event_id" not in tree:
                tree["event_id"] = blake2b(raw, digest_size=ID_BYTES).hexdigest()
            return seal(msgspec.convert(tree, AccessEvent), self._tokens, plain=is_plain(raw))
        except BadEvent as error:
            return record.rejected(error.reason, str(error))
        except msgspec.ValidationError as error:
            return record.rejected(_blame(tree), without_values(str(error)))
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            return record.rejected(Reason.NOT_JSON, malformed(error))

    def _map(self, record: object) -> dict[str, object]:
        if not isinstance(record, dict):
            raise BadEvent(Reason.INVALID, "Expected an object - at `$`")
        tree: dict[str, object] = {name: value for name, get in self._alone if (value := get(record)) is not None}
        for part, fields in self._parts.items():
            if values := {name: value for name, get in fields if (value := get(record)) is not None}:
                tree[part] = values
        return tree

    def _is_dropped(self, tree: dict[str, object]) -> bool:
        return any(_at(tree, steps) in values for steps, values in self._drops)


def _blame(tree: dict[str, object] | None) -> Reason:
    missing = tree is not None and any(_at(tree, target.split(".")) is None for target in REQUIRED)
    return Reason.UNMAPPED if missing else Reason.INVALID


def _at(tree: object, steps: list[str]) -> object:
    for step in steps:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree
