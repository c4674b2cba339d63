"""LODA: how rare an observation is along many random directions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import base

from models.contract import Floats, Ints, at_least, matrix, names, positive, vector
from models.errors import SnapshotError
from models.state import State, packed, unpacked
from models.sums import forward_weights

PRIOR_OBSERVATIONS = 1.0  # spread evenly over a projection's bins


class Loda(base.AnomalyDetector):
    """Lightweight on-line detector of anomalies (Pevny 2016): mean -ln density over sparse projections.

    Each projection mixes about sqrt(d) features with normal weights of unit length (its section 3) into a
    histogram over [-reach, reach], decayed with the half-life and frozen within a call; what lies outside
    counts in the outer bins. Features should be on a scale of about one. Cutting a call in two leaves the
    same bits.

    Args:
        features: names and order of the columns.
        n_projections: directions, k.
        bins: of each histogram.
        reach: the largest projection told apart.
        half_life: in observations; a whole number.
        seed: of the directions.

    Examples:
        >>> loda = Loda(["a", "b"], seed=1)
        >>> loda.learn_many(np.random.default_rng(0).normal(size=(1000, 2)))
        >>> loda.score_one({"a": 0, "b": 0}) < loda.score_one({"a": 4, "b": -4})
        True
    """

    SCHEMA = "loda/1"

    def __init__(
        self,
        features: Sequence[str],
        n_projections: int = 100,
        bins: int = 64,
        reach: float = 8.0,
        half_life: int = 20_000,
        seed: int = 0,
    ) -> None:
        self.features = names(features)
        self.n_projections = at_least("n_projections", n_projections, 1)
        self.bins = at_least("bins", bins, 2)
        self.reach = positive("reach", reach)
        self.half_life = at_least("half_life", half_life, 1)
        self.seed = seed
        rng = np.random.default_rng(seed)
        kept = int(np.ceil(np.sqrt(len(features))))
        chosen = [np.sort(rng.permutation(len(features))[:kept]) for _ in range(n_projections)]
        self._chosen: Ints = np.array(chosen, dtype=np.int64).T.copy()
        weights = rng.normal(size=(kept, n_projections))
        self._weights: Floats = weights / np.sqrt((weights * weights).sum(axis=0))
        self._counts: Floats = np.zeros(n_projections * bins)
        self._ticks: Ints = np.zeros(1, dtype=np.int64)
        self._refresh()

    def score_one(self, x: dict[base.typing.FeatureName, Any]) -> float:
        """Return the mean of -ln probability of `x`'s bins, from 0, high = anomalous."""
        return float(self.score_many(vector(x, self.features))[0])

    def learn_one(self, x: dict[base.typing.FeatureName, Any]) -> None:
        """Add `x` to the histograms."""
        self.learn_many(vector(x, self.features))

    def score_many(self, X: ArrayLike) -> Floats:  # noqa: N803 - as in river
        """Return the mean of -ln probability of the bins of `X` (n, d), (n,) from 0, high = anomalous."""
        value = matrix(X, self.features)
        surprises = self._surprises.take(self._cells(value))
        # One projection after the other: the order, and so every bit, is the same for one row and for many.
        total = np.zeros(len(value))
        for surprise in surprises:
            total += surprise
        return total / self.n_projections

    def learn_many(self, X: ArrayLike) -> None:  # noqa: N803 - as in river
        """Add `X` (n, d), in order, to the histograms."""
        value = matrix(X, self.features)
        ticks = self._ticks + np.arange(len(value))
        ends = self._ticks + len(value)
        self._counts = np.ldexp(self._counts, -min(int(ends[0]) // self.half_life, 2_000))
        weights = forward_weights(ticks, ends, self.half_life)
        cells = self._cells(value)
        np.add.at(self._counts, cells.ravel(), np.broadcast_to(weights, cells.shape).ravel())
        self._ticks = np.remainder(ends, self.half_life)
        self._refresh()

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of the same projections; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        if not (
            np.array_equal(arrays["chosen"], self._chosen)
            and np.array_equal(arrays["weights"], self._weights)
            and np.array_equal(arrays["reach"], self.reach)
        ):
            raise SnapshotError(
                "the snapshot's projections are not this model's: give it the same seed, features and reach"
            )
        self._counts, self._ticks = arrays["counts"], arrays["ticks"]
        self._refresh()

    def _arrays(self) -> State:
        fixed = {"chosen": self._chosen, "weights": self._weights, "reach": np.array(self.reach)}
        return fixed | {"counts": self._counts, "ticks": self._ticks}

    def _cells(self, value: Floats) -> Ints:
        """Return the bin, numbered through all projections, of each row of `value` (n, d), (k, n)."""
        columns = np.ascontiguousarray(value.T)
        along = np.zeros((self.n_projections, len(value)))
        for chosen, weights in zip(self._chosen, self._weights, strict=True):
            along += columns[chosen] * weights[:, None]
        along += self.reach
        along *= self.bins / (2.0 * self.reach)
        np.clip(along, 0.0, self.bins - 1.0, out=along)
        return along.astype(np.int64) + (np.arange(self.n_projections) * self.bins)[:, None]

    def _refresh(self) -> None:
        """Derive -ln probability of every bin."""
        scaled = self._counts * np.exp2((1 - self._ticks) / self.half_life)
        table = scaled.reshape(self.n_projections, self.bins)
        number = table.sum(axis=1, keepdims=True) + PRIOR_OBSERVATIONS
        self._surprises: Floats = -np.log((table + PRIOR_OBSERVATIONS / self.bins) / number).reshape(-1)
