"""Many mild days: one-sided cumulative sums with decay, per row and column."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contract import Floats, Ints, at_least, extended, indices, positive, table, unique
from models.errors import InputError
from models.state import State, packed, unpacked


class Cusum:
    """S = max(0, decay S + x - allowance) after each observation x of a row (Page 1954, with decay).

    With x = -ln p of an honest p-value, mean 1, an allowance above 1 keeps S near zero until the days stay
    odd. `score_many` says what S would become, `learn_many` makes it so; a row comes once in a call.

    Args:
        columns: sums kept per row, F.
        allowance: what an unremarkable observation may add without trace, in units of x.
        half_life: of S, in observations of that row.
    """

    SCHEMA = "cusum/1"

    def __init__(self, columns: int, allowance: float = 1.5, half_life: float = 10.0) -> None:
        self.columns = at_least("columns", columns, 1)
        self.allowance = positive("allowance", allowance)
        self.decay = 2.0 ** (-1.0 / positive("half_life", half_life))
        self._sums: NDArray[np.float16] = np.zeros((0, columns), dtype=np.float16)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all; nothing shrinks."""
        self._sums = extended(self._sums, rows)

    def clear(self, rows: ArrayLike) -> None:
        """Set the sums of `rows` (n,) to zero: forget them, or start anew after an alert."""
        self._sums[indices("rows", rows, len(self._sums))] = 0.0

    def score_many(self, rows: ArrayLike, values: ArrayLike) -> Floats:
        """Return what the sums of `rows` (n,) would be after `values` (n, F), (n, F) from 0."""
        return self._next(indices("rows", rows, len(self._sums)), values)

    def learn_many(self, rows: ArrayLike, values: ArrayLike) -> None:
        """Add `values` (n, F) to the sums of `rows` (n,), all different; a NaN leaves its sum as it is."""
        row = indices("rows", rows, len(self._sums))
        unique("rows", row)
        self._sums[row] = self._next(row, values)

    def score_one(self, row: int, values: ArrayLike) -> Floats:
        """`score_many` of one row: values (F,) to sums (F,)."""
        sums: Floats = self.score_many([row], np.asarray(values)[None])[0]
        return sums

    def learn_one(self, row: int, values: ArrayLike) -> None:
        """`learn_many` of one row: values (F,)."""
        self.learn_many([row], np.asarray(values)[None])

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, {"sums[]": self._sums})

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many columns; SnapshotError says why not."""
        self._sums = unpacked(self.SCHEMA, state, {"sums[]": self._sums})["sums[]"]

    def _next(self, row: Ints, values: ArrayLike) -> Floats:
        value = table("values", values, (row.size, self.columns))
        if np.isinf(value).any():
            raise InputError("values hold an infinity: cap a score of zero probability before accumulating it")
        before = self._sums[row].astype(np.float64)
        after = np.maximum(self.decay * before + value - self.allowance, 0.0)
        return np.where(np.isnan(value), before, after)
