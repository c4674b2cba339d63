"""Several p-values of one thing made into one: pure functions from (n, C) to (n,).

`p` holds p-values in (0, 1]; `ready` (n, C) says which count, by default those that are not NaN. A row with
none ready is unremarkable: p-value 1, score 0. Each row's result depends on that row alone, to the bit.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from models.contract import Bools, Floats
from models.errors import InputError

LEAST_P = 1e-300  # the smallest p-value told apart; smaller ones count as this


def fisher(p: ArrayLike, ready: ArrayLike | None = None) -> Floats:
    """Return the p-value of -2 sum ln p under chi-squared of 2 C degrees (Fisher 1932), (n,) in (0, 1].

    Sensitive to many mild ones; it assumes independence and is too small when the p-values depend on each
    other.

    >>> fisher([[0.5, 0.5], [0.01, 0.02]]).round(4).tolist()
    [0.5966, 0.0019]
    """
    log, mask = _logs(p, ready)
    number = mask.sum(axis=1)
    tail = special.gammaincc(np.maximum(number, 1), _row_sums(log))
    return np.where(number > 0, np.maximum(tail, LEAST_P), 1.0)


def strongest(p: ArrayLike, ready: ArrayLike | None = None) -> Floats:
    """Return 1 - (1 - min p)^C, the p-value of the least of C independent ones (Sidak 1967), (n,).

    Sensitive to one strong one; conservative when the p-values depend on each other positively.

    >>> strongest([[0.01, 0.5], [0.01, float("nan")]]).round(4).tolist()
    [0.0199, 0.01]
    """
    log, mask = _logs(p, ready)
    least = np.exp(-log.max(axis=1, initial=0.0))
    number = mask.sum(axis=1)
    with np.errstate(divide="ignore"):
        both = -np.expm1(np.maximum(number, 1) * np.log1p(-least))
    return np.where(number > 0, np.maximum(both, LEAST_P), 1.0)


def top_k(p: ArrayLike, k: int, ready: ArrayLike | None = None) -> Floats:
    """Return the sum of the k largest -ln p, a score (n,) from 0, high = anomalous; calibrate it before use.

    Between `strongest` (k = 1) and Fisher's sum (k = C): the truncated product of rank (Dudbridge and
    Koeleman 2003).

    >>> top_k([[0.5, 0.1, 0.1]], 2).round(4).tolist()
    [4.6052]
    """
    if k < 1:
        raise InputError(f"k is {k}: give at least 1")
    log, _ = _logs(p, ready)
    ordered = np.sort(log, axis=1)[:, ::-1]
    return _row_sums(ordered[:, :k])


def cauchy(p: ArrayLike, ready: ArrayLike | None = None) -> Floats:
    """Return the Cauchy combination of the p-values, equally weighted (Liu and Xie 2020, equation 1), (n,).

    In the tail it needs no independence: it holds under arbitrary correlation of the underlying scores.

    >>> cauchy([[0.01, 0.01, 0.01], [1e-200, 0.5, 0.9]])[:1].round(4).tolist()
    [0.01]
    """
    log, mask = _logs(p, ready)
    value = np.exp(-log)
    # Near 0 the cotangent is 1 / (pi p); a p-value of 1 would be minus infinity and silence all others.
    inner = np.clip(value, 1e-12, 1.0 - 1e-4)
    term = np.where(value < 1e-12, np.exp(log) / np.pi, 1.0 / np.tan(np.pi * inner))
    number = mask.sum(axis=1)
    mean = _row_sums(np.where(mask, term, 0.0)) / np.maximum(number, 1)
    # 1/2 - arctan(t) / pi, written so that it does not cancel for large t.
    both = np.arctan2(1.0, mean) / np.pi
    return np.where(number > 0, np.clip(both, LEAST_P, 1.0), 1.0)


def _logs(p: ArrayLike, ready: ArrayLike | None) -> tuple[Floats, Bools]:
    """Return -ln p, 0 where not ready, and which are ready."""
    value = np.ascontiguousarray(p, dtype=np.float64)
    mask = ~np.isnan(value)
    if ready is not None:
        mask &= np.asarray(ready, dtype=np.bool_)
    if value.ndim != 2 or (value[mask] < 0.0).any() or (value[mask] > 1.0).any():
        raise InputError(f"p has shape {value.shape}: give p-values in [0, 1] of shape (n, columns)")
    return -np.log(np.where(mask, np.maximum(value, LEAST_P), 1.0)), mask


def _row_sums(values: Floats) -> Floats:
    """Sum columns one after the other, so that a row's bits do not depend on how many rows there are."""
    total = np.zeros(values.shape[0])
    for column in range(values.shape[1]):
        total = total + values[:, column]
    return total
