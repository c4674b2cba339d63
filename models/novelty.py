"""Has this been seen before: a value against a row's own past, its peer group's and the organisation's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contract import Bools, Floats, Ints, counts, extended, indices, keys, positive
from models.count_min import CountMin, Hashes, mixed
from models.errors import InputError
from models.state import State, packed, under, unpacked, within

ORG = np.uint64(0)  # salts of the shared table: 0 is the organisation, group g is g + 1


class Novelty:
    """How probable it is that a row touches a value on a day, backing off from row to group to organisation.

    p(v) = (n_row(v) + s p_group(v)) / (N_row + s), n the decayed number of days with v and N of all days; the
    group's p backs off to the organisation's likewise, and that to 1 / (K + 1) for K values known: the
    predictive of a Dirichlet process whose base measure is one (Teh et al. 2006, Hierarchical Dirichlet
    Processes, section 4.1). A colleague's first time with what the whole group uses is therefore hardly
    surprising.

    Counts live in two count-min tables of fixed size. Cleared rows get a new salt: their cells fade with the
    rest. Learn a row's closed day in one call, each of its distinct values once. All counts are halved
    together after `half_life` days per live row, at the end of a call, so cutting calls elsewhere can move
    that by one call.

    Args:
        half_life: of all counts, in observations (days) of an average live row.
        prior_strength: pseudo-observations of the level above.
        bits: the rows' table has 2 x 2**bits counters of 4 bytes; 20 suits half a million live (row, value)
            pairs.
        peer_bits: the shared table has 4 x 2**peer_bits.
    """

    SCHEMA = "novelty/1"

    def __init__(
        self, half_life: float = 30.0, prior_strength: float = 2.0, bits: int = 20, peer_bits: int = 18
    ) -> None:
        self.half_life = positive("half_life", half_life)
        self.prior_strength = positive("prior_strength", prior_strength)
        self._own = CountMin(bits, 2)
        self._peers = CountMin(peer_bits, 4)
        self._days: Floats = np.zeros(0)
        self._salts: Hashes = np.zeros(0, dtype=np.uint64)
        self._group_days: Floats = np.zeros(0)
        self._totals: Floats = np.zeros(3)  # the organisation's days, values known, days since the last halving

    def grow(self, rows: int, groups: int = 1) -> None:
        """Make room for `rows` rows and `groups` peer groups in all; nothing shrinks."""
        self._days = extended(self._days, rows)
        self._salts = extended(self._salts, rows)
        self._group_days = extended(self._group_days, groups)

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,), all different; what their groups learned from them stays."""
        row = indices("rows", rows, self._days.size)
        self._days[row] = 0.0
        self._salts[row] += np.uint64(1)

    def score_many(self, rows: ArrayLike, groups: ArrayLike, values: NDArray[np.uint64]) -> Floats:
        """Return p(value) of 64-bit value hashes `values` (n,), (n,) in (0, 1]: small is new."""
        row, group, value = self._checked(rows, groups, values)
        strength = self.prior_strength
        org_days, known, _ = self._totals
        shared = self._peers.estimate_many(self._shared(value, np.full_like(value, ORG)))
        org = np.minimum((shared + strength / (known + 1.0)) / (org_days + strength), 1.0)
        shared = self._peers.estimate_many(self._shared(value, group.astype(np.uint64) + np.uint64(1)))
        peer = np.minimum((shared + strength * org) / (self._group_days[group] + strength), 1.0)
        own = self._own.estimate_many(self._private(row, value))
        p: Floats = np.minimum((own + strength * peer) / (self._days[row] + strength), 1.0)
        return p

    def seen_many(self, rows: ArrayLike, values: NDArray[np.uint64]) -> Bools:
        """Whether rows (n,) have touched value hashes (n,) on a day that still counts for half, (n,)."""
        row = indices("rows", rows, self._days.size)
        seen: Bools = self._own.estimate_many(self._private(row, np.asarray(values))) >= 0.5
        return seen

    def days_many(self, rows: ArrayLike) -> Floats:
        """Return the decayed numbers of observations of `rows` (n,)."""
        return self._days[indices("rows", rows, self._days.size)]

    def learn_many(
        self, rows: ArrayLike, groups: ArrayLike, values: NDArray[np.uint64], weights: ArrayLike | None = None
    ) -> None:
        """Add value hashes (n,), each (row, value) once, as one observation of each row among `rows` (n,).

        `weights` (n,) in [0, 1] lessen what a value teaches; without them every value counts 1.
        """
        row, group, value = self._checked(rows, groups, values)
        given = np.ones(row.size) if weights is None else np.asarray(weights)
        weight = counts("weights", given[None], (1, row.size))[0]
        days, first = np.unique(row, return_index=True)
        self._days[days] += 1.0
        np.add.at(self._group_days, group[first], 1.0)
        org = self._shared(value, np.full_like(value, ORG))
        fresh = np.unique(org[self._peers.estimate_many(org) == 0.0])
        self._totals += np.array([days.size, fresh.size, days.size], dtype=np.float64)
        self._own.add_many(self._private(row, value), weight)
        self._peers.add_many(self._shared(value, group.astype(np.uint64) + np.uint64(1)), weight)
        self._peers.add_many(org, weight)
        self._fade()

    def score_one(self, row: int, group: int, value: int) -> float:
        """`score_many` of one value hash."""
        return float(self.score_many([row], [group], np.array([value], dtype=np.uint64))[0])

    def learn_one(self, row: int, group: int, value: int) -> None:
        """`learn_many` of one value hash, the row's only one in this observation."""
        self.learn_many([row], [group], np.array([value], dtype=np.uint64))

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with tables of the same size; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._own.replace(within("own", arrays))
        self._peers.replace(within("peers", arrays))
        self._days, self._salts = arrays["row.days[]"], arrays["row.salts[]"]
        self._group_days, self._totals = arrays["group.days[]"], arrays["totals"]

    def _arrays(self) -> State:
        mine = {"row.days[]": self._days, "row.salts[]": self._salts, "group.days[]": self._group_days}
        tables = under("own", self._own.arrays()) | under("peers", self._peers.arrays())
        return mine | {"totals": self._totals} | tables

    def _checked(self, rows: ArrayLike, groups: ArrayLike, values: NDArray[np.uint64]) -> tuple[Ints, Ints, Hashes]:
        row, group = keys(rows, groups, self._days.size, self._group_days.size)
        value = np.asarray(values)
        if value.dtype != np.uint64 or value.shape != row.shape:
            raise InputError(f"values are {value.dtype} of shape {value.shape}: give uint64 hashes {row.shape}")
        return row, group, value

    def _private(self, row: Ints, value: Hashes) -> Hashes:
        return mixed(value, (self._salts[row] << np.uint64(40)) + row.astype(np.uint64))

    @staticmethod
    def _shared(value: Hashes, salt: Hashes) -> Hashes:
        return mixed(value, salt)

    def _fade(self) -> None:
        """Halve everything once live rows have learned `half_life` days on average since the last time."""
        if self._totals[2] < self.half_life * np.count_nonzero(self._days >= 0.5):
            return
        self._own.halve()
        self._peers.halve()
        self._days *= 0.5
        self._group_days *= 0.5
        self._totals *= np.array([0.5, 1.0, 0.0])
