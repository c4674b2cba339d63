"""Count-min sketch: decayed counts of hashed keys in bounded memory, never too low."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Floats, at_least
from models.errors import InputError
from models.state import State

Hashes = NDArray[np.uint64]
MOST_BITS = 30


def mixed(values: Hashes, salts: Hashes) -> Hashes:
    """Return well spread 64-bit hashes of (value, salt) pairs, whatever structure either has of its own."""
    return _spread(values ^ _spread(salts + np.uint64(0x9E3779B97F4A7C15)))


def _spread(x: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    spread: Hashes = x ^ (x >> np.uint64(31))
    return spread


class CountMin:
    """Count-min sketch (Cormode and Muthukrishnan 2005) of `depth` rows of 2**`bits` float32 counters.

    An estimate is never below the true count and exceeds it by more than e / 2**bits of all counts with
    probability exp(-depth) at most. Adding whole numbers is exact, and so independent of order, up to 2**24.
    """

    def __init__(self, bits: int, depth: int) -> None:
        if at_least("bits", bits, 4) > MOST_BITS:
            raise InputError(f"bits is {bits}: at most {MOST_BITS}, which is 4 GB a row")
        self._mask = np.uint64((1 << bits) - 1)
        self._counts: NDArray[np.float32] = np.zeros((at_least("depth", depth, 1), 1 << bits), dtype=np.float32)

    def add_many(self, hashes: Hashes, weights: Floats) -> None:
        """Add `weights` (n,) to the counts of `hashes` (n,)."""
        for counts, cells in zip(self._counts, self._cells(hashes), strict=True):
            np.add.at(counts, cells, weights.astype(np.float32))

    def estimate_many(self, hashes: Hashes) -> Floats:
        """Return the counts of `hashes`, (n,), none too low."""
        cells = self._cells(hashes)
        result: NDArray[np.float32] = self._counts[0][cells[0]]
        for counts, cell in zip(self._counts[1:], cells[1:], strict=True):
            result = np.minimum(result, counts[cell])
        return result.astype(np.float64)

    def halve(self) -> None:
        """Halve every count."""
        self._counts *= np.float32(0.5)

    def arrays(self) -> State:
        """The state, by name."""
        return {"counts": self._counts}

    def replace(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over arrays of the shapes of `arrays()`."""
        self._counts = arrays["counts"]

    def _cells(self, hashes: Hashes) -> list[NDArray[np.int64]]:
        """Double hashing (Kirsch and Mitzenmacher 2006): cell i of a hash is low + i * high."""
        high = (hashes >> np.uint64(32)) | np.uint64(1)
        steps = (np.uint64(i) for i in range(self._counts.shape[0]))
        return [((hashes + step * high) & self._mask).astype(np.int64) for step in steps]
