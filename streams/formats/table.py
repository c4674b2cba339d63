"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streams.errors import FormatError
from streams.formats.cloudevents import CloudEvents
from streams.formats.format import Format
from streams.formats.mapped import MappedFormat
from streams.formats.mapping import load_mapping
from streams.formats.native import NativeFormat
from streams.tokens import Tokens

FORMATS: dict[str, Callable[[Tokens], Format]] = {
    "native": NativeFormat,
    "cloudtrail": lambda tokens: MappedFormat(load_mapping("cloudtrail"), tokens),
}


def open_format(name_or_path: str | Path, tokens: Tokens) -> CloudEvents:
    """The format of this name, or of the mapping file at this path, bare or in envelopes of CloudEvents.

    `FormatError` when there is neither.
    """
    return CloudEvents(_bare(str(name_or_path), tokens))


def _bare(name: str, tokens: Tokens) -> Format:
    if name in FORMATS:
        return FORMATS[name](tokens)
    if not name.endswith(".toml"):
        known = ", ".join(FORMATS)
        raise FormatError(f"{name}: no such format; give one of {known}, or a mapping file that ends in .toml")
    return MappedFormat(load_mapping(name), tokens)
