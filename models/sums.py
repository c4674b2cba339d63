"""Decayed sums: what a keyed baseline remembers of a row, of a peer group and of the organisation.

Both classes hold state only. They are composed into models and count in observations, never in time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.contract import Floats, Ints, at_least, extended, positive
from models.state import State, under, within


class RowSums:
    """Exponentially decayed sums of each row, float32: an observation weighs half after `half_life` more.

    Args:
        width: numbers summed per row.
        half_life: in observations of that row.
        dtype: of the sums; float16 keeps three digits, enough for presences.

    Attributes:
        decay: the factor old sums are multiplied by at each observation.
        weights: (rows,) decayed number of observations, at most 1 / (1 - decay).
        sums: (rows, width) decayed sums.
    """

    def __init__(self, width: int, half_life: float, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.decay = 2.0 ** (-1.0 / positive("half_life", half_life))
        self.weights: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self.sums: NDArray[np.floating[Any]] = np.zeros((0, at_least("width", width, 1)), dtype=dtype)

    @property
    def rows(self) -> int:
        """Rows there is room for."""
        return len(self.weights)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all; what is there stays."""
        self.weights = extended(self.weights, rows)
        self.sums = extended(self.sums, rows)

    def clear(self, rows: Ints) -> None:
        """Forget `rows`: they are as new."""
        self.weights[rows] = 0.0
        self.sums[rows] = 0.0

    def learn_many(self, rows: Ints, values: Floats) -> None:
        """Add one observation, `values` (n, width), to each of `rows` (n,), which are all different."""
        self.weights[rows] = self.weights[rows] * self.decay + 1.0
        self.sums[rows] = self.sums[rows].astype(np.float64) * self.decay + values

    def squared_weights(self, weights: Floats) -> Floats:
        """Sum of the squared weights of rows whose sum of weights is `weights`.

        With N observations the sum of weights is (1 - d^N) / (1 - d) and that of squares (1 - d^2N) / (1 -
        d^2).
        """
        left = 1.0 - weights * (1.0 - self.decay)
        squares: Floats = (1.0 - left * left) / (1.0 - self.decay * self.decay)
        return squares

    def arrays(self) -> State:
        """The state, by name."""
        return {"weights[]": self.weights, "sums[]": self.sums}

    def replace(self, arrays: State) -> None:
        """Take over arrays of the shapes of `arrays()`."""
        self.weights, self.sums = arrays["weights[]"], arrays["sums[]"]


def forward_weights(ticks: Ints, ends: Ints, half_life: int) -> Floats:
    """Weights 2^(tick / half_life) in units of the power of two that `ends` has reached.

    Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009, section 3) with a landmark moved by whole
    half-lives only. Moving it multiplies by a power of two, which floating point does exactly: sums come out
    the same to the bit however the observations are cut into calls.
    """
    fraction = np.exp2(np.remainder(ticks, half_life) / half_life)
    shift = np.maximum(ticks // half_life - ends // half_life, -2000)
    weights: Floats = np.ldexp(fraction, shift.astype(np.int32))
    return weights


class PoolSums:
    """Decayed sums of pools that many rows share, float64, decayed once per observation of that pool.

    Observations are added in the order given, so any cut of them into calls leaves the same bits.

    Args:
        width: numbers summed per pool.
        half_life: in observations of that pool; a whole number (see `forward_weights`).
    """

    def __init__(self, width: int, half_life: int) -> None:
        self.half_life = at_least("half_life", half_life, 1)
        self._ticks: Ints = np.zeros(0, dtype=np.int64)
        self._sums: Floats = np.zeros((0, at_least("width", width, 1) + 1), dtype=np.float64)

    @property
    def pools(self) -> int:
        """Pools there is room for."""
        return len(self._ticks)

    def grow(self, pools: int) -> None:
        """Make room for `pools` pools in all; what is there stays."""
        self._ticks = extended(self._ticks, pools)
        self._sums = extended(self._sums, pools)

    def learn_many(self, pools: Ints, values: Floats) -> None:
        """Add observations `values` (n, width) to `pools` (n,), in order; a pool may come many times."""
        if not pools.size:
            return
        ends = self._ticks + np.bincount(pools, minlength=self.pools)
        passed = ends // self.half_life
        self._sums = np.ldexp(self._sums, -np.minimum(passed, 2000).astype(np.int32)[:, None])
        ticks = self._ticks[pools] + occurrences(pools)
        weights = forward_weights(ticks, ends[pools], self.half_life)[:, None]
        np.add.at(self._sums, pools, np.concatenate([weights, weights * values], axis=1))
        self._ticks = np.remainder(ends, self.half_life)

    def read(self) -> tuple[Floats, Floats]:
        """Return decayed numbers of observations (pools,) and sums (pools, width); the newest weighs 1."""
        scaled = self._sums * np.exp2((1 - self._ticks) / self.half_life)[:, None]
        return scaled[:, 0], scaled[:, 1:]

    def seed(self, pools: Ints, weights: Floats, sums: Floats, most: float) -> None:
        """Let `pools` (n,), which have learned nothing, begin with what others have learned.

        Args:
            pools: all different.
            weights: the others' decayed numbers of observations, (n,).
            sums: their sums, (n, width).
            most: observations that they count for at most.
        """
        scale = np.minimum(1.0, most / np.maximum(weights, 1e-9)) * np.exp2(-1.0 / self.half_life)
        self._sums[pools] = np.concatenate([weights[:, None], sums], axis=1) * scale[:, None]
        self._ticks[pools] = 0

    def arrays(self) -> State:
        """The state, by name."""
        return {"ticks[]": self._ticks, "sums[]": self._sums}

    def replace(self, arrays: State) -> None:
        """Take over arrays of the shapes of `arrays()`."""
        self._ticks, self._sums = arrays["ticks[]"], arrays["sums[]"]


MOST_PRIOR_GROUP, MOST_PRIOR_ORG = 400.0, 4_000.0
"""Observations that a prior counts for at most: some weeks of a group of twenty, until its own count more."""


class PeerSums:
    """The sums of every peer group and of the whole organisation, learned together.

    Args:
        width: numbers summed per group.
        group_half_life: in observations of the group; a whole number.
        org_half_life: in observations of the organisation; a whole number.
    """

    def __init__(self, width: int, group_half_life: int, org_half_life: int) -> None:
        self._group = PoolSums(width, group_half_life)
        self._org = PoolSums(width, org_half_life)
        self._org.grow(1)

    @property
    def groups(self) -> int:
        """Groups there is room for."""
        return self._group.pools

    def grow(self, groups: int) -> None:
        """Make room for `groups` groups in all; what is there stays."""
        self._group.grow(groups)

    def learn_many(self, groups: Ints, values: Floats) -> None:
        """Add observations `values` (n, width), in order, to `groups` (n,) and to the organisation."""
        self._group.learn_many(groups, values)
        self._org.learn_many(np.zeros_like(groups), values)

    def group(self) -> tuple[Floats, Floats]:
        """Return the groups' decayed numbers of observations (groups,) and sums (groups, width)."""
        return self._group.read()

    def org(self) -> tuple[Floats, Floats]:
        """Return the organisation's, of shapes (1,) and (1, width)."""
        return self._org.read()

    def prior(self) -> State:
        """What was learned, for `seed`: arrays over groups and over the one organisation."""
        arrays: State = {}
        for level, (weights, sums) in (("group", self.group()), ("org", self.org())):
            arrays |= under(level, {"weights": weights, "sums": sums})
        return arrays

    def seed(self, groups: Ints, prior: State) -> None:
        """Begin with a prior: `groups` (n,) are those of its n groups here, which have learned nothing."""
        self._group.seed(groups, prior["group.weights"], prior["group.sums"], MOST_PRIOR_GROUP)
        self._org.seed(np.zeros(1, dtype=np.int64), prior["org.weights"], prior["org.sums"], MOST_PRIOR_ORG)

    def inherit(self, groups: Ints, parents: Ints) -> None:
        """Let `groups` (n,), which have learned nothing, begin as their `parents` (n,) are."""
        weights, sums = self.group()
        self._group.seed(groups, weights[parents], sums[parents], MOST_PRIOR_GROUP)

    def arrays(self) -> State:
        """The state, by name."""
        fixed = {name.removesuffix("[]"): array for name, array in self._org.arrays().items()}
        return under("group", self._group.arrays()) | under("org", fixed)

    def replace(self, arrays: State) -> None:
        """Take over arrays of the shapes of `arrays()`."""
        self._group.replace(within("group", arrays))
        self._org.replace({f"{name}[]": array for name, array in within("org", arrays).items()})


class PeerModel:
    """A model whose peer groups learn in `_peers`: what they have learned can be handed on."""

    _peers: PeerSums

    def prior(self) -> State:
        """Return what groups and organisation have learned, for `seed`."""
        return self._peers.prior()

    def seed(self, groups: Ints, prior: State) -> None:
        """Begin with a prior: `groups` (n,) are those of its n groups here; nothing was learned yet."""
        self._peers.seed(groups, prior)
        self._refresh()

    def inherit(self, groups: Ints, parents: Ints) -> None:
        """Let `groups` (n,), which have learned nothing, begin as their `parents` (n,) are."""
        self._peers.inherit(groups, parents)
        self._refresh()

    def _refresh(self) -> None:
        """Derive what scores rest on from the sums."""
        raise NotImplementedError


def occurrences(values: Ints) -> Ints:
    """How often each value came before in the same array.

    >>> occurrences(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    position = np.arange(values.size, dtype=np.int64)
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if values.size else np.zeros(0, dtype=np.bool_)
    starts = np.maximum.accumulate(np.where(first, position, 0))
    result = np.empty_like(position)
    result[order] = position - starts
    return result
