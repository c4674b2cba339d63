"""The native format: an AccessEvent as a JSON object."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.event import LEFT_OUT, NONE_SAID, AccessEvent, Actor, Data, Records, Resource, Session, Src
from streams.formats.format import FormatCounts
from streams.formats.seal import BadEvent, is_plain, seal
from streams.formats.words import BOM, malformed, strings_in, without_values
from streams.record import Record
from streams.rejected import Reason, Rejected
from streams.sources.framing import LINES, Framing
from streams.tokens import Tokens

REQUIRED_STRINGS = 14  # event_id, time, actor.id, action, resource.system, outcome: 8 keys, 6 values

_decode_event = msgspec.json.Decoder(AccessEvent).decode
_decode_tree = msgspec.json.Decoder(dict[str, Any]).decode


class NativeFormat:
    """Decodes AccessEvents written as JSON objects (DESIGN: the input contract).

    Keys the contract does not know are ignored and counted; a key said twice in one object is a rejection.
    Both are found without parsing again: every string has two quotes, so a text with as many quotes as the
    event's own keys and values need holds nothing else. Only a record that does not add up is parsed a second
    time.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._counts = FormatCounts(unknown={})

    @property
    def framing(self) -> Framing:
        """One event a line."""
        return LINES

    @property
    def counts(self) -> FormatCounts:
        """What was ignored so far."""
        return self._counts

    def decode(self, record: Record) -> AccessEvent | Rejected | None:
        """The event, its subjects turned into tokens; or why there is none."""
        if record.flaw is not None:
            return record.rejected(record.flaw, record.detail)
        raw = record.raw.removeprefix(BOM)
        try:
            event = _decode_event(raw)
            plain = is_plain(raw)
            if (raw.count(b'"') // 2 if plain else strings_in(raw)) != _known_strings(event):
                self._look_closer(raw)
            return seal(event, self._tokens, plain=plain)
        except BadEvent as error:
            return record.rejected(error.reason, str(error))
        except msgspec.ValidationError as error:
            return record.rejected(Reason.INVALID, without_values(str(error)))
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            return record.rejected(Reason.NOT_JSON, malformed(error))

    def _look_closer(self, raw: bytes) -> None:
        tree = _decode_tree(raw)
        if strings_in(raw) != _strings_of(tree):
            raise BadEvent(Reason.DUPLICATE_KEY, "one object says the same key twice")
        for path, kind in _KINDS.items():
            value = tree.get(path) if path else tree
            for key in value if isinstance(value, dict) else ():
                if key not in kind:
                    self._counts.ignore(f"{path}.{key}" if path else key)


_KINDS: dict[str, frozenset[str]] = {
    path: frozenset(field.encode_name for field in msgspec.structs.fields(kind)) - {"_serials"}
    for path, kind in (
        ("", AccessEvent),
        ("actor", Actor),
        ("resource", Resource),
        ("records", Records),
        ("data", Data),
        ("src", Src),
        ("session", Session),
    )
}


def _strings_of(tree: object) -> int:
    """How many strings, keys and values, a decoded tree has; fewer than its text if a key was said twice."""
    if isinstance(tree, str):
        return 1
    if isinstance(tree, dict):
        return len(tree) + sum([_strings_of(value) for value in tree.values()])
    return sum([_strings_of(value) for value in tree]) if isinstance(tree, list) else 0


def _known_strings(event: AccessEvent) -> int:
    """How many strings, keys and values, this event was surely written with."""
    actor, resource = event.actor, event.resource
    known = REQUIRED_STRINGS
    if actor.role is not None:
        known += 2
    if actor.department is not None:
        known += 2
    if actor.type is not LEFT_OUT:
        known += 2
    if resource.type is not None:
        known += 2
    if resource.id is not None:
        known += 2
    if event.subjects is not NONE_SAID:
        known += 1 + len(event.subjects)
    if event.masked is not None:
        known += 1
    if event.purpose is not None:
        known += 2
    if event.session is not None:
        known += 3
    return known + _known_in_parts(event)


def _known_in_parts(event: AccessEvent) -> int:
    known = 0
    if (records := event.records) is not None:
        known += 1 + (records.count is not None) + (records.bytes is not None)
    if (src := event.src) is not None:
        known += 1
        for value in (src.ip, src.host, src.channel, src.user_agent):
            if value is not None:
                known += 2
    if (data := event.data) is not None:
        known += 1
        if data.class_ is not None:
            known += 2
        if data.fields is not NONE_SAID:
            known += 1 + len(data.fields)
    return known
