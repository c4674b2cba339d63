"""Mapping files: how another system's log becomes AccessEvents, in TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streams.errors import MappingError
from streams.event import AccessEvent, Actor, Data, Records, Resource, Session, Src
from streams.formats.paths import compile_path
from streams.sources.framing import Framing

PARTS: dict[str, type[msgspec.Struct]] = {
    "actor": Actor,
    "resource": Resource,
    "records": Records,
    "data": Data,
    "src": Src,
    "session": Session,
}
TARGETS: tuple[str, ...] = (
    *(field.name for field in msgspec.structs.fields(AccessEvent) if field.name not in {*PARTS, "serials"}),
    *(f"{part}.{field.encode_name}" for part, kind in PARTS.items() for field in msgspec.structs.fields(kind)),
)
REQUIRED: tuple[str, ...] = ("time", "actor.id", "action", "resource.system", "outcome")
SHIPPED = Path(__file__).parent / "mappings"

Scalar = str | bool | int | float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMapping(_Strict):
    """Where one field of the event comes from; the steps are taken in the order written here.

    The field's own type decides the rest: numbers written as text become numbers, a list given to
    `records.count` is counted, times are aware (`format` is "rfc3339", "epoch_s", "epoch_ms" or a strptime
    pattern).
    """

    const: Scalar | None = None  # always this; excludes everything else
    path: str | list[str] = []  # the first of these that is neither null nor empty
    transform: list[Literal["strip", "lower", "upper"]] = []
    extract: str | None = None  # a regular expression; its first group, the value itself when it does not match
    map: dict[str, Scalar] = {}  # whole values
    patterns: list[tuple[str, Scalar]] = []  # then regular expressions searched for, the first that is found
    default: Scalar | None = None  # when there is no value, or none that the map knows
    format: str = "rfc3339"  # of `time`
    tokenize: Annotated[str, Field(max_length=16)] | None = None  # the kind of token; subjects are always tokens

    @property
    def paths(self) -> list[str]:
        """The paths, as a list."""
        return [self.path] if isinstance(self.path, str) else list(self.path)


class FramingMapping(_Strict):
    """How files are cut into records; see `Framing`."""

    kind: Literal["lines", "document"] = "lines"
    envelope: str = ""


class Mapping(_Strict):
    """One mapping file. `fields` and `drop_if` are keyed by the event's fields, such as `actor.id`."""

    mapping: str
    timezone: str | None = None  # of times that do not say it themselves; never guessed
    framing: FramingMapping = FramingMapping()
    fields: dict[str, FieldMapping]
    drop_if: dict[str, list[Scalar]] = {}

    @property
    def frames(self) -> Framing:
        """The framing, as sources take it."""
        return Framing(self.framing.kind, self.framing.envelope)


def load_mapping(name_or_path: str | Path) -> Mapping:
    """A shipped mapping by name ("cloudtrail"), or the mapping file at a path.

    `MappingError`, naming file and key, for a missing file, bad TOML, an unknown key or field, a bad path,
    pattern or time zone, a required field without a source, and local times without a time zone.
    """
    path = SHIPPED / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    file = str(name_or_path)
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        shipped = ", ".join(sorted(known.stem for known in SHIPPED.glob("*.toml")))
        problem = f"cannot be read ({error.strerror}); give the path of a mapping file or one of: {shipped}"
        raise MappingError(file, "", problem) from error
    except ValueError as error:
        raise MappingError(file, "", f"no TOML: {error}") from error
    try:
        mapping = Mapping.model_validate(tree)
    except ValidationError as error:
        raise MappingError(file, *_first_problem(error)) from None
    for key, problem in _problems(mapping):
        raise MappingError(file, key, problem)
    return mapping


def _first_problem(error: ValidationError) -> tuple[str, str]:
    first: Any = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(step) for step in first["loc"])
    return key, "unknown key" if first["type"] == "extra_forbidden" else first["msg"].lower()


def _problems(mapping: Mapping) -> Iterator[tuple[str, str]]:
    for target in REQUIRED:
        if target not in mapping.fields:
            yield f"fields.{target}", "required, but no field of that name is mapped"
    for section, targets in (("fields", mapping.fields), ("drop_if", mapping.drop_if)):
        for target in targets:
            if target not in TARGETS:
                yield f"{section}.{target}", f"no such field of an event; the fields are {', '.join(TARGETS)}"
    for target, field in mapping.fields.items():
        for problem in _field_problems(field):
            yield f"fields.{target}", problem
    try:
        ZoneInfo(mapping.timezone or "UTC")
    except (KeyError, OSError, ValueError):
        yield "timezone", "no such time zone; write a name such as Asia/Shanghai"
    if _is_local(mapping.fields["time"]) and mapping.timezone is None:
        yield "timezone", "the times have no offset: say which time zone they are in, such as Asia/Shanghai"


def _field_problems(field: FieldMapping) -> Iterator[str]:
    others = field.model_fields_set - {"const"}
    if field.const is not None and others:
        yield f"const excludes {', '.join(sorted(others))}"
    if field.const is None and not field.paths:
        yield "needs a path or a const"
    for path in field.paths:
        try:
            compile_path(path)
        except ValueError as error:
            yield f"path {path!r}: {error}"
    for pattern in (field.extract or "", *(pattern for pattern, _ in field.patterns)):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"pattern {pattern!r}: {error}"
    if field.extract is not None and "(" not in field.extract:
        yield f"extract {field.extract!r}: needs a group in parentheses"
    if field.format not in {"rfc3339", "epoch_s", "epoch_ms"} and "%" not in field.format:
        yield f"format {field.format!r}: write rfc3339, epoch_s, epoch_ms or a strptime pattern"


def _is_local(field: FieldMapping) -> bool:
    return "%" in field.format and "%z" not in field.format
