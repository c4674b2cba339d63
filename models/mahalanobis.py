"""Mahalanobis distance: how far from the middle an observation lies, in the recent cloud's own units."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import base

from models.contract import Floats, at_least, matrix, names, positive, vector
from models.errors import InputError
from models.state import State, packed, under, unpacked, within
from models.sums import PoolSums

LEAST_VARIANCE = 1e-6  # of a feature on a scale of about one: a constant feature is no proof of anything


class Mahalanobis(base.AnomalyDetector):
    """Squared Mahalanobis distance (Mahalanobis 1936) from an exponentially weighted mean and covariance.

    The covariance is shrunk towards its diagonal (Ledoit and Wolf 2004, with a fixed share) and, while young,
    towards the identity. Of d normal features the score is about chi-squared of d degrees. Features should be
    on a scale of about one and not far from zero: sums of squares are kept. Cutting a call in two leaves the
    same bits.

    Args:
        features: names and order of the columns, d.
        half_life: in observations; a whole number.
        shrinkage: share of the diagonal, from 0 to 1.
        prior_strength: pseudo-observations of the standard normal distribution.

    Examples:
        >>> model = Mahalanobis(["a", "b"])
        >>> model.score_one({"a": 3, "b": 4})
        25.0
    """

    SCHEMA = "mahalanobis/1"

    def __init__(
        self,
        features: Sequence[str],
        half_life: int = 20_000,
        shrinkage: float = 0.1,
        prior_strength: float = 20.0,
    ) -> None:
        self.features = names(features)
        self.half_life = at_least("half_life", half_life, 1)
        if not 0.0 <= shrinkage <= 1.0:
            raise InputError(f"shrinkage is {shrinkage!r}: give a share from 0 to 1")
        self.shrinkage = shrinkage
        self.prior_strength = positive("prior_strength", prior_strength)
        width = len(self.features)
        self._pairs = np.triu_indices(width)
        self._sums = PoolSums(width + len(self._pairs[0]), half_life)
        self._sums.grow(1)
        self._refresh()

    def score_one(self, x: dict[base.typing.FeatureName, Any]) -> float:
        """Return the squared distance of `x`, from 0, high = anomalous."""
        return float(self.score_many(vector(x, self.features))[0])

    def learn_one(self, x: dict[base.typing.FeatureName, Any]) -> None:
        """Add `x` to the mean and the covariance."""
        self.learn_many(vector(x, self.features))

    def score_many(self, X: ArrayLike) -> Floats:  # noqa: N803 - as in river
        """Return the squared distances of `X` (n, d), (n,) from 0, high = anomalous."""
        columns = np.ascontiguousarray((matrix(X, self.features) - self._mean).T)
        # Written out instead of a matrix product, whose bits depend on the number of rows.
        total = np.zeros(columns.shape[1])
        for row, weights in enumerate(self._whitening):
            along = weights[0] * columns[0]
            for column in range(1, row + 1):
                along += weights[column] * columns[column]
            total += along * along
        return total

    def learn_many(self, X: ArrayLike) -> None:  # noqa: N803 - as in river
        """Add `X` (n, d), in order, to the mean and the covariance."""
        value = matrix(X, self.features)
        left, right = self._pairs
        products = np.concatenate([value, value[:, left] * value[:, right]], axis=1)
        self._sums.learn_many(np.zeros(len(value), dtype=np.int64), products)
        self._refresh()

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many features; SnapshotError says why not."""
        arrays = within("sums", unpacked(self.SCHEMA, state, self._arrays()))
        self._sums.replace({f"{name}[]": array for name, array in arrays.items()})
        self._refresh()

    def _arrays(self) -> State:
        fixed = {name.removesuffix("[]"): array for name, array in self._sums.arrays().items()}
        return under("sums", fixed)

    def _refresh(self) -> None:
        """Derive the mean and the whitening matrix, the inverse of the covariance's lower Cholesky factor."""
        width = len(self.features)
        number, sums = self._sums.read()
        total = number[0] + self.prior_strength
        self._mean: Floats = sums[0, :width] / total
        second = np.zeros((width, width))
        second[self._pairs] = sums[0, width:]
        second = second + np.triu(second, 1).T + self.prior_strength * np.eye(width)
        covariance = second / total - np.outer(self._mean, self._mean)
        variance = np.maximum(np.diagonal(covariance), LEAST_VARIANCE)
        covariance = (1.0 - self.shrinkage) * covariance
        np.fill_diagonal(covariance, variance)
        values, vectors = np.linalg.eigh(covariance)
        least = np.maximum(values, LEAST_VARIANCE)
        if not np.array_equal(least, values):
            covariance = (vectors * least) @ vectors.T
        self._whitening: Floats = np.linalg.inv(np.linalg.cholesky(covariance))
