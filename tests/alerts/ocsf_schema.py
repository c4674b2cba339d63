"""A strict judge of OCSF events: what the schema does not name is wrong, and so is what it has withdrawn.

The schema is data: `ocsf_1_8_0.json` holds the Detection Finding of OCSF 1.8.0 with the objects that ours are made of,
as the schema's own export has them, all attributes with types, requirements, enumerations, profiles and constraints.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("ocsf_1_8_0.json").read_text("utf-8"))
CLASS = SCHEMA["classes"]["detection_finding"]
ANYTHING = "object"
"""The object that holds what the schema does not know."""


def faults(event: Any) -> list[str]:
    """What is wrong with an event that should be a Detection Finding, each with the path to it."""
    if type(event) is not dict:
        return ["event: not an object"]
    metadata = event.get("metadata")
    profiles = metadata.get("profiles", []) if isinstance(metadata, dict) else []
    return [*_cross_checks(event, profiles), *_object_faults(event, CLASS, "", profiles)]


def _cross_checks(event: dict[str, Any], profiles: list[str]) -> Iterator[str]:
    """What no single attribute shows."""
    if event.get("type_uid") != event.get("class_uid", 0) * 100 + event.get("activity_id", 0):
        yield "type_uid: not class_uid * 100 + activity_id"
    for profile in profiles:
        if profile not in CLASS["profiles"]:
            yield f"metadata.profiles: the class has no profile {profile}"
    if isinstance(event.get("metadata"), dict) and event["metadata"].get("version") != SCHEMA["version"]:
        yield f"metadata.version: not {SCHEMA['version']}"


def _object_faults(value: dict[str, Any], shape: dict[str, Any], where: str, profiles: list[str]) -> Iterator[str]:
    attributes = shape["attributes"]
    for name, attribute in attributes.items():
        applies = not attribute.get("profiles") or set(attribute["profiles"]) & set(profiles)
        if attribute["requirement"] == "required" and applies and name not in value:
            yield f"{where}{name}: required"
        if name in value and not applies:
            yield f"{where}{name}: of a profile that is not applied"
    if "at_least_one" in shape and not set(shape["at_least_one"]) & set(value):
        yield f"{where}: none of {shape['at_least_one']}"
    for name, inner in value.items():
        if name not in attributes:
            yield f"{where}{name}: unknown"
        else:
            yield from _attribute_faults(inner, attributes[name], f"{where}{name}", profiles)
            yield from _sibling_faults(value, name, attributes[name], where)


def _sibling_faults(value: dict[str, Any], name: str, attribute: dict[str, Any], where: str) -> Iterator[str]:
    """The caption beside an id says what the id means; only 99 (other) lets it say something else."""
    sibling, enum = attribute.get("sibling"), attribute.get("enum", {})
    if sibling in value and value[name] != 99 and value[sibling] != enum.get(str(value[name])):
        yield f"{where}{sibling}: {value[sibling]!r} is not the caption of {name} {value[name]!r}"


def _attribute_faults(value: Any, attribute: dict[str, Any], where: str, profiles: list[str]) -> Iterator[str]:
    if attribute.get("deprecated"):
        yield f"{where}: deprecated"
    if not attribute.get("array"):
        yield from _one_faults(value, attribute, where, profiles)
    elif type(value) is not list:
        yield f"{where}: not a list"
    elif not value:
        yield f"{where}: empty"
    else:
        for place, one in enumerate(value):
            yield from _one_faults(one, attribute, f"{where}[{place}]", profiles)


def _one_faults(value: Any, attribute: dict[str, Any], where: str, profiles: list[str]) -> Iterator[str]:
    if "object" in attribute:
        if type(value) is not dict:
            yield f"{where}: not an object"
        elif attribute["object"] == ANYTHING:
            yield from _json_faults(value, where)
        elif attribute["object"] not in SCHEMA["objects"]:
            yield f"{where}: {attribute['object']} is not in this extract of the schema"
        else:
            yield from _object_faults(value, SCHEMA["objects"][attribute["object"]], f"{where}.", profiles)
        return
    yield from _typed_faults(value, attribute["type"], where)
    if "enum" in attribute and str(value) not in attribute["enum"]:
        yield f"{where}: {value!r} is not in the enumeration"


def _typed_faults(value: Any, kind: str, where: str) -> Iterator[str]:
    if kind == "json_t":
        yield from _json_faults(value, where)
        return
    definition = SCHEMA["types"][kind]
    base = definition.get("type", kind)
    # A bool is an int to Python and not to OCSF. Integers are of 32 bits in most stores that take OCSF in.
    wanted, bits = {"string_t": (str, 0), "integer_t": (int, 32), "long_t": (int, 64), "boolean_t": (bool, 0)}[base]
    if type(value) is not wanted:
        yield f"{where}: {value!r} is no {kind}"
    elif bits and not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        yield f"{where}: {value} does not fit {kind}"
    elif "regex" in definition and not re.search(definition["regex"], value):
        yield f"{where}: {value!r} is no {kind}"


def _json_faults(value: Any, where: str) -> Iterator[str]:
    try:
        kept = json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError) as error:
        yield f"{where}: no JSON ({error})"
    else:
        if not kept:
            yield f"{where}: changes on its way through JSON"
