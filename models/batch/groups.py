"""Peer groups refined: whether the people of one role do two kinds of work, and who does which."""

from typing import Final

import numpy as np

from models.contract import Floats, Ints

LEAST_PEOPLE: Final = 8
"""Of each part of a split group: fewer are no peers."""
MOST_PARTS: Final = 3
LEAST_SILHOUETTE: Final = 0.45
"""From where on clusters are said to be there (Kaufman and Rousseeuw 1990, chapter 2: above 0.5 reasonable, below 0.25
none)."""


def split_groups(profiles: Floats, groups: Ints, seed: int) -> Ints:
    """The part of its group that each of n people belongs to, from 0, (n,); all 0 where a group has no parts.

    Within each group, k-means on standardised profiles (n, d), two or three parts, if their silhouette (Rousseeuw 1987)
    says that there are such parts and none is too small.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped] # noqa: PLC0415
    from sklearn.metrics import silhouette_score  # type: ignore[import-untyped] # noqa: PLC0415

    parts = np.zeros(len(groups), np.int64)
    for group in np.unique(groups).tolist():
        mine = np.flatnonzero(groups == group)
        spread = profiles[mine].std(axis=0)
        scaled = (profiles[mine] - profiles[mine].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        best = LEAST_SILHOUETTE
        for number in range(2, MOST_PARTS + 1):
            if len(mine) < number * LEAST_PEOPLE or not spread.any():
                break
            found = KMeans(number, n_init=5, random_state=seed).fit_predict(scaled)
            if np.bincount(found, minlength=number).min() < LEAST_PEOPLE:
                continue
            quality = float(silhouette_score(scaled, found))
            if quality > best:
                best, parts[mine] = quality, _by_size(found)
    return parts


def _by_size(parts: Ints) -> Ints:
    """The parts numbered by size, the largest 0: the same whatever k-means called them."""
    order = np.argsort(-np.bincount(parts), kind="stable")
    numbers = np.empty_like(order)
    numbers[order] = np.arange(len(order))
    return numbers[parts]
