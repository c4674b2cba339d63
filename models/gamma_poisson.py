"""How many a day is normal: counts of a row against itself, its peer group and the organisation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from models.contract import Floats, Ints, at_least, counts, indices, keys, positive, unique
from models.state import State, packed, under, unpacked, within
from models.sums import PeerModel, PeerSums, RowSums

PRIOR_MEAN = 1.0  # one a day, before the organisation has shown anything
PRIOR_DISPERSION = 1.0  # a geometric distribution: the widest negative binomial that still falls from zero on
LEAST_DISPERSION = 0.01  # nobody's days are steadier than 10 % beyond Poisson noise
MOST_DISPERSION = 1000.0
CAP_TAIL = 1e-3  # one observation teaches at most what happens about once in four years of working days
UNDERFLOW = 1e-290  # below this the leading term of the series replaces the incomplete beta function


class GammaPoisson(PeerModel):
    """Negative binomial predictive of counts, shrunk from a row to its peer group to the organisation.

    A row's mean is its decayed mean with `prior_strength` pseudo-observations of the group's, which is shrunk
    to the organisation's likewise (Gamma-Poisson conjugacy, Gelman et al., Bayesian Data Analysis 3rd ed.,
    section 2.6). Over-dispersion comes from second moments: within rows from one-step-ahead residuals pooled
    over the group, between rows from what is left of the group's variance. The predictive variance is the sum
    of the day's own variance, the error of the row's mean, and the peers' spread as far as the row still
    leans on them, so a new row is judged as widely as its peers differ.

    Values are whole counts in `columns` columns at once. All rows of a call are scored against the same
    state. `learn_many` takes each row once in a call; cutting a call in two leaves the same bits.

    Args:
        columns: counts kept per row, F.
        half_life: of a row's memory, in its own observations.
        prior_strength: pseudo-observations of the level above.
        max_strength: own observations count for at most this many against `prior_strength`.
        group_half_life: of a peer group's memory, in observations of the group.
        org_half_life: of the organisation's, in its observations.
    """

    SCHEMA = "gamma_poisson/1"

    def __init__(
        self,
        columns: int,
        half_life: float = 30.0,
        prior_strength: float = 5.0,
        max_strength: float = 60.0,
        group_half_life: int = 2_000,
        org_half_life: int = 20_000,
    ) -> None:
        self.columns = at_least("columns", columns, 1)
        self.prior_strength = positive("prior_strength", prior_strength)
        self.max_strength = positive("max_strength", max_strength)
        self._own = RowSums(2 * columns, half_life)
        self._peers = PeerSums(5 * columns, group_half_life, org_half_life)
        self._refresh()

    def grow(self, rows: int, groups: int = 1) -> None:
        """Make room for `rows` rows and `groups` peer groups in all; nothing shrinks."""
        self._own.grow(rows)
        self._peers.grow(groups)
        self._refresh()

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,); what their groups learned from them stays."""
        self._own.clear(indices("rows", rows, self._own.rows))

    def score_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> Floats:
        """Return P(K >= value) under the predictive, (n, F) in [0, 1]; below about 1e-300 it is 0."""
        value, mean, dispersion = self._predict(rows, groups, values)
        odds = mean * dispersion
        tail = special.betainc(np.maximum(value, 1e-9), 1.0 / dispersion, odds / (1.0 + odds))
        return np.where(value > 0, tail, 1.0)

    def log_tail_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> Floats:
        """Return -log10 P(K >= value), (n, F) from 0, also where the probability itself underflows."""
        value, mean, dispersion = self._predict(rows, groups, values)
        result = np.zeros_like(value)
        some = value > 0
        value, shape, odds = value[some], 1.0 / dispersion[some], (mean * dispersion)[some]
        tail = special.betainc(value, shape, odds / (1.0 + odds))
        log = np.log(np.maximum(tail, UNDERFLOW))
        far = tail < UNDERFLOW
        log[far] = _leading_term(value[far], shape[far], odds[far])
        result[some] = np.maximum(log / -np.log(10.0), 0.0)
        return result

    def expected_many(self, rows: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return own means (n, F), peer means (n, F) and decayed numbers of own observations (n,).

        The own mean is the row's alone, unshrunk, and NaN for a row without observations.
        """
        row, group = self._keys(rows, groups)
        weight = self._own.weights[row].astype(np.float64)
        total = self._own.sums[row, : self.columns].astype(np.float64)
        own = np.full(total.shape, np.nan)
        np.divide(total, weight[:, None], out=own, where=weight[:, None] > 0)
        return own, self._mean[group], weight

    def cap_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> Floats:
        """Return `values` winsorised at the predictive's 1 - 1e-3 quantile, (n, F), for learning.

        The quantile is that of a gamma distribution of the predictive's mean and variance, rounded up, at
        least 1. Nothing is capped before row and group together have `max_strength` observations: there is no
        bound yet.
        """
        value, mean, dispersion = self._predict(rows, groups, values)
        row, group = self._keys(rows, groups)
        variance = mean + dispersion * mean * mean
        quantile = special.gammainccinv(mean * mean / variance, CAP_TAIL) * variance / mean
        known = self._own.weights[row] + self._observations[group] >= self.max_strength
        return np.where(known[:, None], np.minimum(value, np.maximum(np.ceil(quantile), 1.0)), value)

    def learn_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> None:
        """Add one observation (n, F) to each of `rows` (n,), all different, to their groups and to all.

        To bound what one observation can teach, pass `cap_many(rows, groups, values)`.
        """
        row, group = self._keys(rows, groups)
        unique("rows", row)
        value = counts("values", values, (row.size, self.columns))
        before = self._own.weights[row].astype(np.float64)[:, None]
        mean = self._own.sums[row, : self.columns] / np.maximum(before, 1.0)
        noise = self._own.squared_weights(before) / np.maximum(before * before, 1.0)  # relative variance of the mean
        known = before > 0
        residual = np.where(known, (value - mean) ** 2 / (1.0 + noise), 0.0)
        shared = [
            value,
            value * value,
            residual,
            np.where(known, value, 0.0),
            np.where(known, mean * value, 0.0),
        ]
        pooled = np.concatenate(shared, axis=1)
        self._own.learn_many(row, pooled[:, : 2 * self.columns])
        self._peers.learn_many(group, pooled)
        self._refresh()

    def score_one(self, row: int, group: int, values: ArrayLike) -> Floats:
        """`score_many` of one row: values (F,) to probabilities (F,)."""
        scores: Floats = self.score_many([row], [group], np.asarray(values)[None])[0]
        return scores

    def learn_one(self, row: int, group: int, values: ArrayLike) -> None:
        """`learn_many` of one row: values (F,)."""
        self.learn_many([row], [group], np.asarray(values)[None])

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many columns; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._own.replace(within("own", arrays))
        self._peers.replace(within("peers", arrays))
        self._refresh()

    def _arrays(self) -> State:
        return under("own", self._own.arrays()) | under("peers", self._peers.arrays())

    def _keys(self, rows: ArrayLike, groups: ArrayLike) -> tuple[Ints, Ints]:
        return keys(rows, groups, self._own.rows, self._peers.groups)

    def _refresh(self) -> None:
        """Derive every group's mean, within and between dispersion, shrunk to the organisation's."""
        prior = np.full((1, self.columns), PRIOR_MEAN), np.full((1, self.columns), PRIOR_DISPERSION)
        org = self._pool(*self._peers.org(), (prior[0], prior[1], prior[1]))
        self._observations, sums = self._peers.group()
        self._mean, self._within, self._between = self._pool(self._observations, sums, org)

    def _pool(
        self, weights: Floats, sums: Floats, above: tuple[Floats, Floats, Floats]
    ) -> tuple[Floats, Floats, Floats]:
        """Return mean, within-row and between-row dispersion (pools, F), shrunk to the level `above`."""
        strength = self.prior_strength
        first, second, residual, value, product = np.split(sums, 5, axis=1)
        weight = weights[:, None]
        mean = (first + strength * above[0]) / (weight + strength)
        scale = strength * mean * mean
        within = (residual - value + scale * above[1]) / (product + scale)
        within = np.clip(within, LEAST_DISPERSION, MOST_DISPERSION)
        raw = first / np.maximum(weight, 1.0)
        total = second / np.maximum(weight, 1.0) - raw * raw - raw
        between = np.maximum(total / (mean * mean) - within, 0.0) / (1.0 + within)
        return mean, within, (weight * between + self.max_strength * above[2]) / (weight + self.max_strength)

    def _predict(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return the checked values, the predictive mean and its over-dispersion 1/r, all (n, F)."""
        row, group = self._keys(rows, groups)
        value = counts("values", values, (row.size, self.columns))
        weight = self._own.weights[row].astype(np.float64)[:, None]
        sums = self._own.sums[row].astype(np.float64)
        first, second = sums[:, : self.columns], sums[:, self.columns :]
        strength = self.prior_strength
        own = np.minimum(weight, self.max_strength)
        share = own / (own + strength)
        raw = first / np.maximum(weight, 1.0)
        peer = self._mean[group]
        mean = share * raw + (1.0 - share) * peer
        noise = self._own.squared_weights(weight) / np.maximum(weight * weight, 1.0)
        freedom = weight * (1.0 - noise)
        excess = second - first * raw - freedom * raw
        capped = np.minimum(1.0, self.max_strength / np.maximum(freedom, 1.0))
        within = (capped * excess / (mean * mean) + strength * self._within[group]) / (capped * freedom + strength)
        within = np.maximum(within, LEAST_DISPERSION)
        day = mean + within * mean * mean
        spread = self._between[group] * peer * peer
        variance = day * (1.0 + share * share * noise) + (1.0 - share) ** 2 * spread
        return value, mean, np.clip((variance - mean) / (mean * mean), LEAST_DISPERSION, MOST_DISPERSION)


def _leading_term(value: Floats, shape: Floats, odds: Floats) -> Floats:
    """Natural log of the tail far beyond the mean: the first term times the geometric sum of its successors.

    I_x(k, r) = x^k (1 - x)^r / (k B(k, r)) * 2F1(k + r, 1; k + 1; x), DLMF 8.17.8, with x = odds / (1 +
    odds).
    """
    first = -value * np.log1p(1.0 / odds) - shape * np.log1p(odds) - np.log(value) - special.betaln(value, shape)
    ratio = np.minimum((value + shape) / (value + 1.0) * odds / (1.0 + odds), 1.0 - 1e-6)
    return np.asarray(first - np.log1p(-ratio), dtype=np.float64)
