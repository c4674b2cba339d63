"""Half-space trees: where few have been lately, found by counting in random boxes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from river import anomaly, base

from models.contract import Floats, Ints, at_least, matrix, names, vector
from models.errors import InputError, SnapshotError
from models.state import State, packed, unpacked

SIZE_LIMIT = 0.1  # a node of less than this share of a window ends the path (Tan et al. 2011, section 3)
MOST_HEIGHT = 15


class HalfSpaceTrees(base.AnomalyDetector):
    """Half-space trees (Tan, Ting and Liu 2011), `river.anomaly.HalfSpaceTrees` to the bit, in batches.

    Node scores change at the end of a window only, so each leaf's score is looked up in a table made there.
    The trees are river's own, of the same seed. Observations are learned in order and windows may end within
    a call: cutting a call in two leaves the same bits. To score like river one event at a time, cut batches
    at `left_in_window`.

    A missing feature is 0, where river takes the fuller branch. Features should lie in [0, 1] or in their
    `limits`.

    Args:
        features: names and order of the columns.
        n_trees: trees, T.
        height: of each tree, at most 15.
        window_size: observations between two changes of the scores.
        limits: (low, high) of a feature, [0, 1] by default.
        seed: of the trees.

    Examples:
        >>> hst = HalfSpaceTrees(["x"], n_trees=5, height=3, window_size=3, seed=42)
        >>> hst.learn_many([[0.5], [0.45], [0.43]])
        >>> hst.score_many([[0.44], [0.0]]).round(3).tolist()
        [0.107, 0.853]
    """

    SCHEMA = "half_space_trees/1"

    def __init__(
        self,
        features: Sequence[str],
        n_trees: int = 10,
        height: int = 8,
        window_size: int = 250,
        limits: Mapping[str, tuple[float, float]] | None = None,
        seed: int = 0,
    ) -> None:
        self.features = names(features)
        self.n_trees = at_least("n_trees", n_trees, 1)
        self.height = at_least("height", height, 1)
        self.window_size = at_least("window_size", window_size, 1)
        self.limits = limits
        self.seed = seed
        if height > MOST_HEIGHT:
            raise InputError(f"height is {height}: give at most {MOST_HEIGHT}, memory doubles with each")
        self._splits, self._thresholds = self._river_trees()
        leaves = n_trees << height
        self._counts: Ints = np.zeros(leaves, dtype=np.int64)
        self._scores: Floats = np.zeros(leaves)
        self._progress: Ints = np.zeros(2, dtype=np.int64)  # observations in this window, windows ended

    @property
    def left_in_window(self) -> int:
        """Observations until the scores change next, from 1 to `window_size`."""
        return self.window_size - int(self._progress[0])

    def score_one(self, x: dict[base.typing.FeatureName, Any]) -> float:
        """Return the anomaly score of `x` in [0, 1], high = anomalous; 0 before the first window ends."""
        return float(self.score_many(vector(x, self.features))[0])

    def learn_one(self, x: dict[base.typing.FeatureName, Any]) -> None:
        """Count `x` into the current window."""
        self.learn_many(vector(x, self.features))

    def score_many(self, X: ArrayLike) -> Floats:  # noqa: N803 - as in river
        """Return the anomaly scores of `X` (n, d), (n,) in [0, 1], high = anomalous."""
        value = matrix(X, self.features)
        if not self._progress[1]:
            return np.zeros(len(value))
        most = self.n_trees * self.window_size * (2 ** (self.height + 1) - 1)
        # Scores of leaves are whole numbers, so their sum is exact in any order.
        scores: Floats = 1.0 - self._scores.take(self._leaves(value)).sum(axis=0) / most
        return scores

    def learn_many(self, X: ArrayLike) -> None:  # noqa: N803 - as in river
        """Count `X` (n, d), in order, into the current window and those that follow."""
        leaves = self._leaves(matrix(X, self.features))
        start, total = 0, leaves.shape[1]
        while start < total:
            stop = min(total, start + self.left_in_window)
            self._counts += np.bincount(leaves[:, start:stop].ravel(), minlength=self._counts.size)
            self._progress[0] += stop - start
            if self._progress[0] == self.window_size:
                self._end_window()
            start = stop

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of the same trees; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        for name, mine in (("splits", self._splits), ("thresholds", self._thresholds)):
            if not np.array_equal(arrays[name], mine):
                raise SnapshotError(
                    f"{name} of the snapshot are not this model's: give it the same seed, features and limits"
                )
        self._counts, self._scores = arrays["counts"], arrays["scores"]
        self._progress = arrays["progress"]

    def _arrays(self) -> State:
        trees = {"splits": self._splits, "thresholds": self._thresholds}
        return trees | {"counts": self._counts, "scores": self._scores, "progress": self._progress}

    def _river_trees(self) -> tuple[Ints, Floats]:
        """Return splits and thresholds of river's trees, (height, T, 2^(height - 1)), level by level."""
        limits: dict[base.typing.FeatureName, tuple[float, float]] = dict((self.limits or {}).items())
        made = anomaly.HalfSpaceTrees(
            n_trees=self.n_trees,
            height=self.height,
            window_size=self.window_size,
            limits=limits,
            seed=self.seed,
        )
        detector: base.AnomalyDetector = made
        detector.learn_one(dict.fromkeys(self.features, 0.0))  # the first one builds the trees
        column = {name: at for at, name in enumerate(self.features)}
        splits = np.zeros((self.height, self.n_trees, 1 << (self.height - 1)), dtype=np.int64)
        thresholds = np.zeros(splits.shape)
        for tree, root in enumerate(made.trees):
            level: list[Any] = [root]
            for depth in range(self.height):
                splits[depth, tree, : len(level)] = [column[node.feature] for node in level]
                thresholds[depth, tree, : len(level)] = [node.threshold for node in level]
                level = [child for node in level for child in node.children]
        return splits, thresholds

    def _leaves(self, value: Floats) -> Ints:
        """Return the leaf, numbered through all trees, that each row of `value` (n, d) reaches, (T, n)."""
        rows = np.arange(len(value)) * value.shape[1]
        tree = np.arange(self.n_trees)[:, None]
        width = 1 << (self.height - 1)
        at = np.zeros((self.n_trees, len(value)), dtype=np.int64)
        flat = value.reshape(-1)
        for splits, thresholds in zip(self._splits, self._thresholds, strict=True):
            node = at + tree * width
            right = flat.take(splits.take(node) + rows) >= thresholds.take(node)
            at += at
            at += right
        return at + tree * (2 * width)

    def _end_window(self) -> None:
        """Turn the window's counts into each leaf's score: the sum of mass times 2^depth along its path."""
        masses = [self._counts.reshape(self.n_trees, -1)]
        for _ in range(self.height):
            masses.append(masses[-1].reshape(self.n_trees, -1, 2).sum(axis=2))
        scores = np.zeros((self.n_trees, 1))
        alive = np.ones((self.n_trees, 1), dtype=np.bool_)
        for depth, mass in enumerate(reversed(masses)):
            if depth:
                scores, alive = scores.repeat(2, axis=1), alive.repeat(2, axis=1)
            scores = scores + np.where(alive, mass * 2.0**depth, 0.0)
            alive = alive & (mass >= SIZE_LIMIT * self.window_size)
        self._scores = scores.reshape(-1)
        self._counts = np.zeros_like(self._counts)
        self._progress = np.array([0, self._progress[1] + 1])
