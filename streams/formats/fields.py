"""One mapped field, compiled once: from the decoded record to the value of the event's field."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from streams.formats.mapping import FieldMapping, Scalar
from streams.formats.paths import Getter, compile_path
from streams.formats.seal import BadEvent
from streams.rejected import Reason
from streams.tokens import Tokens

REMEMBERED = 4096  # mapped values remembered per field: logs repeat themselves
LISTS = frozenset({"subjects", "data.fields"})
NUMBERS = frozenset({"records.count", "records.bytes"})
BOOLS = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}

Convert = Callable[[object], object]


def compile_field(target: str, field: FieldMapping, timezone: str | None, tokens: Tokens) -> Getter:
    """A function from the decoded record to this field's value, None when there is none.

    It raises `BadEvent` when there is a value that cannot be what the field needs.
    """
    if field.const is not None:
        const = field.const
        return lambda _: const
    find = _first([compile_path(path) for path in field.paths], scalar=target not in LISTS | NUMBERS)
    change = _change(field)
    convert = _converter(target, field, timezone)
    default = field.default
    kind = field.tokenize if target != "subjects" else None  # subjects become tokens when the event is sealed

    def get(tree: object) -> object:
        value = find(tree)
        if value is not None and change is not None:
            value = [change(str(one)) for one in value] if isinstance(value, list) else change(_text(value))
        if value is None:
            return default
        value = convert(value)
        return tokens.token(kind, str(value)) if kind is not None and value is not None else value

    return get


def _first(getters: list[Getter], *, scalar: bool) -> Getter:
    """The first value that is there; "" and objects never are, lists only where a field takes them."""
    unwanted = (dict, list) if scalar else dict

    def find(tree: object) -> object:
        for get in getters:
            value = get(tree)
            if value is not None and value != "" and not isinstance(value, unwanted):
                return value
        return None

    return find


def _change(field: FieldMapping) -> Callable[[str], Scalar | None] | None:
    transforms = [getattr(str, name) for name in field.transform]
    extract = re.compile(field.extract) if field.extract is not None else None
    patterns = [(re.compile(pattern), value) for pattern, value in field.patterns]
    maps = bool(field.map or patterns)
    if not (transforms or extract or maps):
        return None

    @lru_cache(REMEMBERED)
    def change(text: str) -> Scalar | None:
        for transform in transforms:
            text = transform(text)
        if extract is not None and (found := extract.search(text)):
            text = found[1] or ""
        if not maps:
            return text
        if text in field.map:
            return field.map[text]
        return next((value for pattern, value in patterns if pattern.search(text)), None)

    return change


def _converter(target: str, field: FieldMapping, timezone: str | None) -> Convert:
    if target == "time":
        return _time(field.format, ZoneInfo(timezone) if timezone is not None else None)
    if target in LISTS:
        return lambda value: [_text(one) for one in value] if isinstance(value, list) else [_text(value)]
    if target in NUMBERS:
        return lambda value: _number(target, value)
    if target == "masked":
        return lambda value: BOOLS.get(_text(value).lower())
    return _text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(target: str, value: object) -> int:
    try:
        return len(value) if isinstance(value, list) else int(float(_text(value)))
    except (ValueError, OverflowError):
        raise BadEvent(Reason.INVALID, f"Expected a number - at `$.{target}`") from None


def _time(format_: str, zone: ZoneInfo | None) -> Convert:
    parse = _PARSERS.get(format_) or (lambda value: datetime.strptime(_text(value), format_))  # noqa: DTZ007  # convert adds the zone

    def convert(value: object) -> datetime:
        try:
            time = parse(value)
        except (ValueError, OverflowError, OSError):
            raise BadEvent(Reason.INVALID, f"Expected a time, {format_} - at `$.time`") from None
        if time.tzinfo is None:
            if zone is None:
                raise BadEvent(Reason.INVALID, "Expected a time with an offset, or a timezone - at `$.time`")
            time = time.replace(tzinfo=zone)
        return time

    return convert


_PARSERS: dict[str, Callable[[object], datetime]] = {
    "rfc3339": lambda value: datetime.fromisoformat(_text(value)),
    "epoch_s": lambda value: datetime.fromtimestamp(float(_text(value)), UTC),
    "epoch_ms": lambda value: datetime.fromtimestamp(float(_text(value)) / 1000, UTC),
}
