"""What models ask of their arguments: finite parameters, rows that exist, values of the right shape."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def positive(name: str, value: float) -> float:
    """Return `value` as a float; refuse what is not a finite number above zero.

    >>> positive("half_life", 30)
    30.0
    """
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {value!r}: give a finite number above 0")
    return float(value)


def at_least(name: str, value: int, least: int) -> int:
    """Return `value`; refuse an integer below `least`."""
    if int(value) != value or value < least:
        raise InputError(f"{name} is {value!r}: give a whole number of at least {least}")
    return int(value)


def indices(name: str, values: ArrayLike, limit: int) -> Ints:
    """Return `values` as int64 of shape (n,), all in [0, limit); a negative index never wraps around."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InputError(f"{name} is {array.dtype} of shape {array.shape}: give whole numbers of shape (n,)")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= limit:
        raise InputError(f"{name} reaches from {low} to {high}, but there are {limit}: call grow first")
    return array.astype(np.int64, copy=False)


def keys(rows: ArrayLike, groups: ArrayLike, row_limit: int, group_limit: int) -> tuple[Ints, Ints]:
    """Return `rows` and `groups` as by `indices`, one group to each row."""
    row, group = indices("rows", rows, row_limit), indices("groups", groups, group_limit)
    if row.size != group.size:
        raise InputError(f"{row.size} rows but {group.size} groups: give one group to each row")
    return row, group


def table(name: str, values: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Return `values` as contiguous float64 of exactly `shape`, a copy only where one is needed."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}: give {shape}")
    return array


def counts(name: str, values: ArrayLike, shape: tuple[int, int]) -> Floats:
    """Return `values` as by `table`; refuse what is negative, infinite or not a number."""
    array = table(name, values, shape)
    if array.size and not (array.min() >= 0 and array.max() < math.inf):
        raise InputError(f"{name} holds a negative, infinite or missing value: give finite numbers from 0")
    return array


def vector(x: Mapping[Hashable, Any], features: Sequence[str]) -> Floats:
    """Return the named features of `x` as one row (1, d); one that is missing is 0, others are ignored.

    >>> vector({"b": 2, "z": 9}, ["a", "b"]).tolist()
    [[0.0, 2.0]]
    """
    return np.array([[float(x.get(name, 0.0)) for name in features]])


def matrix(values: ArrayLike, features: Sequence[str]) -> Floats:
    """Return `values` as contiguous float64 of shape (n, d), d features, all finite."""
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(features):
        raise InputError(f"X has shape {array.shape}: give (n, {len(features)}), a column to each feature")
    if not np.isfinite(array).all():
        raise InputError("X holds a NaN or an infinity: give finite numbers, 0 for a missing feature")
    return array


def names(features: Sequence[str]) -> tuple[str, ...]:
    """Return `features` as a tuple; refuse none or one named twice."""
    if not features or len(set(features)) != len(features):
        raise InputError(f"features are {list(features)!r}: give at least one name, none twice")
    return tuple(features)


def unique(name: str, values: Ints) -> None:
    """Refuse a row that comes twice in one call: a row closes one observation at a time."""
    if values.size > 1:
        ordered = np.sort(values)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise InputError(f"{name} names row {int(twice[0])} twice: give each row once in a call")


def extended(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return `array` with zeros appended along its first axis up to `rows`; never shorter than it was."""
    missing = rows - array.shape[0]
    if missing <= 0:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), dtype=array.dtype)])
