"""The upper tail of the beta-binomial distribution, vectorised, accurate where the probability underflows."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.contract import Floats, Ints

TERMS = 200  # the sum is exact up to this many terms; longer tails are integrated
NEGLIGIBLE = 1e-17  # a term below half an epsilon of its sum changes no bit of it
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(12)


def log_tail(successes: Floats, trials: Floats, a: Floats, b: Floats) -> Floats:
    """Return ln P(K >= successes) for K ~ BetaBinomial(trials, a, b), elementwise over arrays of shape (n,).

    The shorter of the two tails is summed by the recurrence of its terms (Johnson, Kemp and Kotz, Univariate
    Discrete Distributions 3rd ed., section 6.2.2): exact up to 200 trials. A tail of more terms is integrated
    over the log-odds, with continuity correction, by twelve-point Gauss-Legendre quadrature: within 0.2 % of
    ln P. Where a or b is below 1 and the trials are many, P is within 0.05. Successes are whole, in [0,
    trials]; a and b are above 0.
    """
    upper = successes > trials * a / (a + b)
    start = np.where(upper, successes, trials - successes + 1.0)
    first, second = np.where(upper, a, b), np.where(upper, b, a)
    result = np.full(successes.shape, -np.inf)
    some = start <= trials
    result[some] = _upper(start[some], trials[some], first[some], second[some])
    with np.errstate(divide="ignore"):
        complement = np.log1p(-np.exp(np.minimum(result, 0.0)))
    return np.minimum(np.where(upper, result, complement), 0.0)


def _log_term(at: Floats, trials: Floats, a: Floats, b: Floats) -> Floats:
    """Natural log of P(K = at), continued to real `at`."""
    left = trials - at
    ways = special.gammaln(trials + 1.0) - special.gammaln(at + 1.0) - special.gammaln(left + 1.0)
    drawn = special.gammaln(at + a) + special.gammaln(np.maximum(left + b, b / 2)) - special.gammaln(trials + a + b)
    whole = special.gammaln(a) + special.gammaln(b) - special.gammaln(a + b)
    return np.asarray(ways + drawn - whole, dtype=np.float64)


def _upper(start: Floats, trials: Floats, a: Floats, b: Floats) -> Floats:
    """Natural log of the sum of terms from `start`, which is beyond the mean, to `trials`."""
    ratio = (trials - start) * (start + a) / ((start + 1.0) * np.maximum(trials - start - 1.0 + b, b))
    steep = np.log(NEGLIGIBLE) / np.log(np.clip(ratio, 1e-300, 1.0 - 1e-12))
    summed = np.minimum(trials - start, steep) <= TERMS
    log_first = _log_term(start, trials, a, b)
    result = np.empty_like(start)
    result[summed] = log_first[summed] + np.log(_series(start[summed], trials[summed], a[summed], b[summed]))
    wide: NDArray[np.bool_] = ~summed
    if wide.any():
        slope = np.log(ratio[wide])
        result[wide] = _integral(start[wide], trials[wide], a[wide], b[wide], slope)
    return result


def _series(start: Floats, trials: Floats, a: Floats, b: Floats) -> Floats:
    """Sum of the terms from `start` on in units of the first.

    Terms are added until they change no bit, so an element's sum does not depend on its neighbours in the
    batch.
    """
    totals = np.ones_like(start)
    where: Ints = np.flatnonzero(start < trials).astype(np.int64)
    at, n, a, b = start[where], trials[where], a[where], b[where]
    term, total = np.ones_like(at), np.ones_like(at)
    for step in range(2 * TERMS):
        if not where.size:
            break
        term = term * ((n - at) * (at + a) / ((at + 1.0) * (n - at - 1.0 + b)))
        total = total + term
        at = at + 1.0
        if step % 8 == 7 or at.size < 64:
            on = (at < n) & (term > NEGLIGIBLE * total)
            totals[where[~on]] = total[~on]
            where, at, n, a, b = where[on], at[on], n[on], a[on], b[on]
            term, total = term[on], total[on]
        else:
            term = np.where(at < n, term, 0.0)
            at = np.minimum(at, n - 1.0)
    totals[where] = total
    return totals


def _integral(start: Floats, trials: Floats, a: Floats, b: Floats, slope: Floats) -> Floats:
    """Natural log of the integral of the continued terms over log-odds v, from `start` - 1/2 to the end.

    With v = v0 - ln(1 - u) / rate the integrand times exp(rate (v - v0)) is smooth over u in (0, 1).
    """
    x0 = start / (trials + 1.0)
    v0 = np.log(x0) - np.log1p(-x0)
    spread = x0 * (1.0 - x0)
    curvature = spread * (a + b) * trials / (a + b + trials)
    rate = np.maximum(-slope * (trials + 1.0) * spread - (1.0 - 2.0 * x0), 0.0) + np.sqrt(curvature)
    logs = []
    for node in (NODES + 1.0) / 2.0:
        away = -np.log1p(-node)
        x = np.minimum(1.0 / (1.0 + np.exp(-(v0 + away / rate))), 1.0 - 1e-12)
        height = _log_term((trials + 1.0) * x - 0.5, trials, a, b)
        logs.append(height + np.log((trials + 1.0) * x * (1.0 - x)) + away)
    peak = logs[0]
    for log in logs[1:]:
        peak = np.maximum(peak, log)
    total = np.zeros_like(start)
    for weight, log in zip(NODE_WEIGHTS / 2.0, logs, strict=True):
        total = total + weight * np.exp(log - peak)
    return np.asarray(peak + np.log(total) - np.log(rate), dtype=np.float64)
