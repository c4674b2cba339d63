"""Whether a key was seen before: a Bloom filter of two generations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Bools, at_least
from models.errors import InputError
from models.state import State, packed, unpacked

HASHES = 4
FULL = 0.5  # share of bits set at which a generation is closed: then 1 key in 16 is taken for seen
_MIX = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)  # the finaliser of MurmurHash3 (Appleby 2016)


class Seen:
    """Set membership of 64-bit keys in bounded memory (Bloom 1970), forgetting the oldest when full.

    Keys added wait in a third filter and count as seen after `turn`: what is asked in between does not depend
    on the order of adding. A generation that is half full is closed, the one before it is dropped, so keys
    that keep coming stay and those that stopped are forgotten.

    Args:
        log2_bits: each of the three filters has 2**log2_bits bits.

    Examples:
        >>> seen = Seen(12)
        >>> seen.add_many(np.array([1, 2], np.uint64))
        >>> seen.score_many(np.array([2, 3], np.uint64)).tolist()
        [False, False]
        >>> seen.turn()
        >>> seen.score_many(np.array([2, 3], np.uint64)).tolist()
        [True, False]
    """

    SCHEMA = "seen/1"

    def __init__(self, log2_bits: int) -> None:
        self._log2 = at_least("log2_bits", log2_bits, 6)
        if self._log2 > 34:
            raise InputError(f"log2_bits is {log2_bits}: give at most 34, which is 2 GiB a filter")
        self._old, self._now, self._next = (np.zeros(1 << (self._log2 - 3), np.uint8) for _ in range(3))

    def score_many(self, keys: NDArray[np.uint64]) -> Bools:
        """Return whether each key (n,) was added before the last `turn`; false alarms as the filters fill."""
        bits = self._bits(keys)
        return self._holds(self._now, bits) | self._holds(self._old, bits)

    def add_many(self, keys: NDArray[np.uint64]) -> None:
        """Add keys (n,); they count as seen after the next `turn`."""
        bits = self._bits(keys)
        np.bitwise_or.at(
            self._next,
            (bits >> np.uint64(3)).ravel(),
            (np.uint8(1) << (bits & np.uint64(7)).astype(np.uint8)).ravel(),
        )

    def turn(self) -> None:
        """Take what was added for seen, and close the generation when it is half full."""
        np.bitwise_or(self._now, self._next, out=self._now)
        self._next[:] = 0
        if int(np.bitwise_count(self._now).sum(dtype=np.int64)) > FULL * (1 << self._log2):
            self._old, self._now = self._now, np.zeros_like(self._now)

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a filter of the same size; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._old, self._now, self._next = arrays["old"], arrays["now"], arrays["next"]

    def _arrays(self) -> State:
        return {"old": self._old, "now": self._now, "next": self._next}

    def _bits(self, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        mixed = np.asarray(keys, np.uint64).copy()
        for factor in _MIX:
            mixed ^= mixed >> np.uint64(33)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(33)
        step = (mixed >> np.uint64(32)) | np.uint64(1)  # double hashing (Kirsch and Mitzenmacher 2006)
        turns = np.arange(HASHES, dtype=np.uint64)[:, None]
        return (mixed + turns * step) & np.uint64((1 << self._log2) - 1)

    @staticmethod
    def _holds(filter_: NDArray[np.uint8], bits: NDArray[np.uint64]) -> Bools:
        found = (filter_[bits >> np.uint64(3)] >> (bits & np.uint64(7)).astype(np.uint8)) & np.uint8(1)
        return np.asarray(found.all(axis=0), np.bool_)
