"""How many different ones: HyperLogLog registers per row, with the estimate after every single item."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contract import Floats, Ints, extended, indices
from models.errors import InputError
from models.state import State, packed, unpacked

HASH_BITS = 40  # bits of the hash that feed a register: enough for 10^12 distinct items
UNIT = HASH_BITS + 1  # the largest register; 2^-M is kept as the whole number 2^(UNIT - M)
SIZES = (16, 32, 64, 128, 256, 512, 1024)


class DistinctCounter:
    """HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007), one set of registers per row.

    The standard error is 1.04 / sqrt(registers), 9 % for 128; below 2.5 registers' worth, while a register is
    empty, linear counting is used (its figure 3). The raw estimate is biased by a few per cent just above
    that (Heule, Nunkesser, Hall 2013, section 5.2); it is not corrected, so an estimate may dip there.

    All arithmetic is on whole numbers: estimates are the same to the bit however items are cut into calls.

    Args:
        registers: per row, a power of two from 16 to 1024, one byte each.
    """

    SCHEMA = "distinct/1"

    def __init__(self, registers: int = 128) -> None:
        if registers not in SIZES:
            raise InputError(f"registers is {registers}: give one of {', '.join(map(str, SIZES))}")
        self.registers = registers
        self._bits = registers.bit_length() - 1
        self._alpha = {16: 0.673, 32: 0.697, 64: 0.709}.get(registers, 0.7213 / (1.0 + 1.079 / registers))
        self._registers: NDArray[np.uint8] = np.zeros((0, registers), dtype=np.uint8)
        self._refresh()

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all; nothing shrinks."""
        self._registers = extended(self._registers, rows)
        self._refresh()

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,)."""
        row = indices("rows", rows, len(self._registers))
        self._registers[row] = 0
        self._power[row], self._empty[row] = self.registers << UNIT, self.registers

    def add_many(self, rows: ArrayLike, hashes: NDArray[np.uint64]) -> Floats:
        """Add 64-bit hashes (n,), in order, to `rows` (n,) and return the row's estimate after each, (n,)."""
        row = indices("rows", rows, len(self._registers))
        value = np.asarray(hashes)
        if value.dtype != np.uint64 or value.shape != row.shape:
            raise InputError(f"hashes are {value.dtype} of shape {value.shape}: give uint64 {row.shape}")
        if not row.size:
            return np.zeros(0)
        cell = row * self.registers + (value & np.uint64(self.registers - 1)).astype(np.int64)
        before, after = self._raise_registers(cell, _rank(value >> np.uint64(self._bits)))
        return self._running(row, before, after)

    def estimate(self, rows: ArrayLike) -> Floats:
        """Return the estimated numbers of distinct items of `rows` (n,), (n,)."""
        row = indices("rows", rows, len(self._registers))
        return self._estimate(self._power[row], self._empty[row])

    def merge(self, into: ArrayLike, rows: ArrayLike) -> None:
        """Add what `rows` (n,) have seen to the rows `into` (n,), as if those had seen it too."""
        target = indices("into", into, len(self._registers))
        source = indices("rows", rows, len(self._registers))
        if target.size != source.size:
            raise InputError(f"{target.size} rows to merge into but {source.size} to merge: give as many")
        np.maximum.at(self._registers, target, self._registers[source])
        self._refresh()

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, {"registers[]": self._registers})

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many registers; SnapshotError says why not."""
        self._registers = unpacked(self.SCHEMA, state, {"registers[]": self._registers})["registers[]"]
        self._refresh()

    def _refresh(self) -> None:
        """Derive each row's sum of 2^(UNIT - M) over its registers and its number of empty ones."""
        self._power: Ints = _powers(self._registers).sum(axis=1)
        self._empty: Ints = (self._registers == 0).sum(axis=1).astype(np.int64)

    def _raise_registers(self, cell: Ints, rank: Ints) -> tuple[Ints, Ints]:
        """Raise each register to each item's rank in turn; return its values before and after."""
        order = np.argsort(cell, kind="stable")
        ordered = cell[order]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        segment = np.cumsum(first) * (UNIT + 1)
        flat = self._registers.reshape(-1)
        start = flat[ordered].astype(np.int64)
        after = np.maximum.accumulate(np.maximum(rank[order], start) + segment) - segment
        before = np.where(first, start, np.concatenate([[0], after[:-1]]))
        flat[ordered] = after  # the last of equal cells wins, and that is the largest
        result = np.empty((2, cell.size), dtype=np.int64)
        result[:, order] = before, after
        return result[0], result[1]

    def _running(self, row: Ints, before: Ints, after: Ints) -> Floats:
        """Turn changes of registers into the row's estimate after each item; keep the rows' totals."""
        order = np.argsort(row, kind="stable")
        ordered = row[order]
        first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        last = np.append(first[1:], row.size) - 1
        before, after = before[order], after[order]
        running = []
        filled = (before == 0) & (after > 0)
        for totals, change in (
            (self._power, _powers(after) - _powers(before)),
            (self._empty, -filled.astype(np.int64)),
        ):
            summed = np.cumsum(change)
            start = totals[ordered[first]] - summed[first] + change[first]
            summed += np.repeat(start, last - first + 1)
            totals[ordered[last]] = summed[last]
            running.append(summed)
        result = np.empty(row.size)
        result[order] = self._estimate(running[0], running[1])
        return result

    def _estimate(self, power: Ints, empty: Ints) -> Floats:
        """Return the estimate from the sum of 2^(UNIT - M) over registers and the number of empty ones."""
        size = float(self.registers)
        raw = self._alpha * size * size * 2.0**UNIT / power
        linear = size * np.log(size / np.maximum(empty, 1))
        return np.where((raw <= 2.5 * size) & (empty > 0), linear, raw)


def _powers(registers: NDArray[Any]) -> Ints:
    return np.left_shift(np.int64(1), UNIT - registers.astype(np.int64))


def _rank(hashes: NDArray[np.uint64]) -> Ints:
    """Position of the highest set bit among the lowest `HASH_BITS`, counted from the top and from 1."""
    kept = (hashes & np.uint64((1 << HASH_BITS) - 1)).astype(np.float64)  # whole numbers below 2^53: exact
    return UNIT - np.frexp(kept)[1].astype(np.int64)
