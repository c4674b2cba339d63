"""What a fit gives: an estimator, and a curve from its answers to nats."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.contract import Floats

MOST_POINTS: Final = 2_000
"""Of a curve: every answer of the highest thousand days, and quantiles of the rest."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """An estimator of scikit-learn and what its answers are worth.

    Attributes:
        estimator: fitted.
        scores: answers at quantiles of the training days, ascending, high = worse.
        nats: what each is worth, ascending from 0 or more.
    """

    estimator: Any
    scores: tuple[float, ...]
    nats: tuple[float, ...]


def curve_of(answers: Floats, worth: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The curve through answers (n,) of which each is worth what as many days reach: ``worth`` (n,), both in any order.

    An answer that several days share is worth the mean of what they have.

    >>> curve_of(np.array([0.5, 0.25, 0.5]), np.array([3.0, 1.0, 2.0]))
    ((0.25, 0.5), (1.0, 2.5))
    """
    ordered, worths = np.sort(answers.astype(np.float32)).astype(np.float64), np.sort(worth)
    distinct, first, count = np.unique(ordered, return_index=True, return_counts=True)
    shared = np.add.reduceat(worths, first) / count
    kept = np.arange(len(distinct))
    if len(kept) > MOST_POINTS:
        low = len(kept) - MOST_POINTS // 2
        kept = np.unique(np.concatenate([np.linspace(0, low, MOST_POINTS // 2).astype(np.int64), kept[low:]]))
    if len(kept) == 1:  # an estimator that cannot tell days apart
        return (float(distinct[0]), float(distinct[0]) + 1.0), (0.0, 0.0)
    return tuple(distinct[kept].tolist()), tuple(np.maximum(shared[kept], 0.0).tolist())


def alone(estimator: Any) -> Any:
    """The estimator, working on one core: several add up in the order in which they are ready, and so in other bits."""
    parallel = [name for name in estimator.get_params() if name.rpartition("__")[2] == "n_jobs"]
    return estimator.set_params(**dict.fromkeys(parallel))
