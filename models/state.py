"""Snapshots of models: plain arrays under plain names, a schema in words, nothing else.

A snapshot is a `dict[str, numpy.ndarray]` of numbers and 0-d strings, so any array file keeps it without
pickle.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import SnapshotError

State = dict[str, NDArray[Any]]
SCHEMA = "schema"


def packed(schema: str, arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return copies of `arrays` under `schema`; later learning does not reach into the snapshot."""
    return {SCHEMA: np.array(schema)} | {name: np.array(array) for name, array in arrays.items()}


def unpacked(schema: str, state: Mapping[str, NDArray[Any]], like: Mapping[str, NDArray[Any]]) -> State:
    """Return copies of the arrays of `state` that a model of `schema` with arrays `like` can take over.

    The first axis of an array whose name ends in `[]` may differ in length, equally for all under one prefix:
    it is what `grow` extends. Every other shape and every dtype must be the model's own.

    Raises:
        SnapshotError: unknown schema, missing or foreign names, another shape or dtype.
    """
    found = str(state[SCHEMA]) if SCHEMA in state else "none"
    if found != schema:
        raise SnapshotError(f"the snapshot's schema is {found!r}, this model reads {schema!r}: retrain or migrate it")
    names = set(state) - {SCHEMA}
    if names != set(like):
        odd = sorted(names ^ set(like))
        raise SnapshotError(f"a snapshot of {schema} lacks or invents {', '.join(odd)}: it is damaged or foreign")
    result: State = {}
    lengths: dict[str, int] = {}
    for name, mine in like.items():
        theirs = np.asarray(state[name])
        grows = name.endswith("[]")
        rows = lengths.setdefault(name.rpartition(".")[0], theirs.shape[0]) if grows and theirs.ndim else 0
        fits = theirs.shape == ((rows, *mine.shape[1:]) if grows else mine.shape)
        if theirs.dtype != mine.dtype or theirs.ndim != mine.ndim or not fits:
            raise SnapshotError(
                f"{name} in a snapshot of {schema} is {theirs.dtype}{list(theirs.shape)}, this model holds "
                f"{mine.dtype}{list(mine.shape)}: restore it into a model of the same configuration"
            )
        result[name] = theirs.copy()
    return result


def under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return `arrays` with `prefix.` before every name, to nest one model's arrays in another's."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def within(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return the arrays that `under` put below `prefix`, by their own names."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
