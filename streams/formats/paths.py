"""Dotted paths into decoded JSON: `a.b`, `rows[0].id`, `rows[*].id`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Getter = Callable[[object], object]

_STEP = re.compile(r"([^.\[\]]+)((?:\[(?:\*|\d{1,6})\])*)")


def compile_path(path: str) -> Getter:
    """A function that gives the value at `path`, None when there is none.

    `[0]` is an element of a list, `[*]` all of them: the value is then the list of what was found, nulls left
    out. `ValueError` when the path is not written like this.

    >>> compile_path("log.rows[*].id")({"log": {"rows": [{"id": 1}, {}, {"id": 3}]}})
    [1, 3]
    >>> compile_path("log.rows[1]")({"log": {"rows": []}}) is None
    True
    """
    return _getter(_steps(path))


def _getter(steps: list[str | int]) -> Getter:
    if "*" in steps:
        star = steps.index("*")
        return _every(_one(steps[:star]), _getter(steps[star + 1 :]))
    return _one(steps)


def leaves(tree: object, path: str = "") -> Iterator[str]:
    """The paths of all values that are neither null, objects nor lists, list indices written `[*]`.

    >>> sorted(set(leaves({"a": {"b": 1, "c": None}, "d": [{"e": 2}, {"e": 3}]})))
    ['a.b', 'd[*].e']
    """
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value, f"{path}[*]")
    elif tree is not None:
        yield path


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError("a path is written like log.rows[0].id or log.rows[*].id")
        steps.append(match[1])
        steps += [index if index == "*" else int(index) for index in re.findall(r"\[(.+?)\]", match[2])]
    return steps


def _one(steps: list[str | int]) -> Getter:
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]
        return lambda tree: tree.get(key) if isinstance(tree, dict) else None

    def get(tree: object) -> object:
        for step in steps:
            if isinstance(tree, dict):
                tree = tree.get(step)
            elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
                tree = tree[step]
            else:
                return None
        return tree

    return get


def _every(rows: Getter, inside: Getter) -> Getter:
    def get(tree: object) -> object:
        found: list[object] = []
        elements = rows(tree)
        for element in elements if isinstance(elements, list) else ():
            value = inside(element)
            if isinstance(value, list):
                found += value
            elif value is not None:
                found.append(value)
        return found or None

    return get
