"""How much a day is normal: heavy-tailed amounts of a row against itself, its peer group and the organisation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from models.contract import Floats, at_least, counts, extended, indices, positive, unique
from models.pooling import pooled
from models.state import State, packed, under, unpacked
from models.sums import RowSums

PRIOR_VARIANCE = 0.3  # of log1p amounts within one row, before anything is known: a factor of 1.7 either way
PRIOR_SPREAD = 0.3  # and between rows
PRIOR_OBSERVATIONS = 20.0
OWN_VARIANCE_PRIOR = 8.0  # observations of the group's variance that a row's own is shrunk with
LEAST_VARIANCE = 0.03  # nobody's days are steadier than 17 %
FREEDOM = 8.0  # of Student's t: the tail that working days have
LONGEST_TAIL = 300.0
MOST_PRIOR_ROWS = 8.0  # rows that a group's prior counts for at most
PRIOR_FREEDOM = 20.0  # observations within each of them


class LogNormal:
    """Student-t predictive of log1p amounts, shrunk from a row to its peer group to the organisation.

    The hierarchical normal model of Gelman et al., Bayesian Data Analysis 3rd ed., section 5.4, with the
    between- and within-row variances of each group estimated by moments: a group whose members differ lends
    little, one whose members are alike lends much. Where Gamma-Poisson suits numbers of acts, this suits
    sizes (records, kilobytes), whose days differ by factors.

    Group figures are derived from the rows' own sums by `pool`, and stand still in between. `learn_many`
    takes each row once in a call; cutting a call in two leaves the same bits.

    Args:
        columns: amounts kept per row, F.
        half_life: of a row's memory, in its own observations.
    """

    SCHEMA = "log_normal/1"

    def __init__(self, columns: int, half_life: float = 30.0) -> None:
        self.columns = at_least("columns", columns, 1)
        self._own = RowSums(2 * columns, positive("half_life", half_life))
        self._mean: Floats
        self._spread: Floats
        self._variance: Floats
        self._org: Floats
        self._prior = {name: np.zeros((1, width)) for name, width in self._prior_widths.items()}
        self.pool(np.zeros(0, np.int64), 1)

    @property
    def _prior_widths(self) -> dict[str, int]:
        return {"rows": 1, "mean": self.columns, "spread": self.columns, "variance": self.columns}

    def grow(self, rows: int, groups: int = 1) -> None:
        """Make room for `rows` rows and `groups` peer groups in all; a new group is as the organisation."""
        self._own.grow(rows)
        self._prior = {name: extended(array, groups) for name, array in self._prior.items()}
        more = groups - len(self._mean)
        if more > 0:
            self._mean, self._spread, self._variance = (
                np.concatenate([own, np.broadcast_to(org, (more, self.columns))])
                for own, org in zip((self._mean, self._spread, self._variance), self._org, strict=True)
            )

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,)."""
        self._own.clear(indices("rows", rows, self._own.rows))

    def pool(self, groups: NDArray[np.int64], n_groups: int) -> None:
        """Derive every group's mean, within- and between-row variance from its rows; `groups` (rows,) names them."""
        weights = self._own.weights[: len(groups)].astype(np.float64)[:, None]
        means, variances = self._moments(np.arange(len(groups)))
        trust = np.minimum(weights, 5.0) / 5.0  # a row counts fully after five observations
        # A prior is as two rows, either side of its mean, that together count for its rows.
        prior = {name: array[:n_groups] for name, array in self._prior.items()}
        half, apart, theirs = prior["rows"] / 2.0, np.sqrt(prior["spread"]), np.arange(len(prior["rows"]))
        self._mean, self._spread, above = pooled(
            np.concatenate([means, prior["mean"] + apart, prior["mean"] - apart]),
            np.concatenate([trust, half, half]),
            np.concatenate([groups, theirs, theirs]),
            n_groups,
            PRIOR_SPREAD,
        )
        freedom = np.zeros((n_groups, 1))
        inner = np.zeros((n_groups, self.columns))
        freedom[: len(theirs)] = PRIOR_FREEDOM * prior["rows"]
        inner[: len(theirs)] = PRIOR_FREEDOM * prior["rows"] * prior["variance"]
        np.add.at(freedom, groups, np.maximum(weights - 1.0, 0.0))
        np.add.at(inner, groups, weights * variances)
        org = (inner.sum(0) + PRIOR_OBSERVATIONS * PRIOR_VARIANCE) / (freedom.sum() + PRIOR_OBSERVATIONS)
        self._variance = (inner + PRIOR_OBSERVATIONS * org) / (freedom + PRIOR_OBSERVATIONS)
        self._org = np.concatenate([above, org[None]])

    def score_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike) -> Floats:
        """Return -log10 P(X >= value) under the predictive, (n, F) in [0, 300]; an amount of 0 scores 0."""
        row = indices("rows", rows, self._own.rows)
        value = counts("values", values, (row.size, self.columns))
        mean, scale = self._predict(row, np.asarray(groups))
        z = (np.log1p(value) - mean) / scale
        return np.where(value > 0, _log_tail(z), 0.0)

    def expected_many(self, rows: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return own medians (n, F), NaN without history, peers' medians (n, F), and numbers of observations (n,)."""
        row = indices("rows", rows, self._own.rows)
        weights = self._own.weights[row].astype(np.float64)
        own = np.expm1(self._moments(row)[0])
        own[weights == 0] = np.nan
        return own, np.expm1(self._mean[np.asarray(groups)]), weights

    def quantile_many(self, rows: ArrayLike, groups: ArrayLike, log_tail: ArrayLike) -> Floats:
        """Return the amounts whose score is `log_tail` (n, F): what would just have scored as much."""
        row = indices("rows", rows, self._own.rows)
        mean, scale = self._predict(row, np.asarray(groups))
        z = -special.stdtrit(FREEDOM, 10.0 ** -np.minimum(np.asarray(log_tail, np.float64), LONGEST_TAIL))
        return np.expm1(np.minimum(mean + z * scale, 50.0))

    def learn_many(self, rows: ArrayLike, groups: ArrayLike, values: ArrayLike, cap: float = 2.5) -> None:
        """Add one observation (n, F) to each of `rows` (n,), all different.

        Amounts above `cap` predictive scales are cut to that, so that one observation teaches a bounded
        amount.
        """
        row = indices("rows", rows, self._own.rows)
        unique("rows", row)
        value = counts("values", values, (row.size, self.columns))
        mean, scale = self._predict(row, np.asarray(groups))
        logs = np.minimum(np.log1p(value), mean + cap * scale)
        self._own.learn_many(row, np.concatenate([logs, logs * logs], axis=1))

    def score_one(self, row: int, group: int, values: ArrayLike) -> Floats:
        """`score_many` of one row: values (F,) to scores (F,)."""
        score: Floats = self.score_many([row], [group], np.asarray(values)[None])[0]
        return score

    def learn_one(self, row: int, group: int, values: ArrayLike) -> None:
        """`learn_many` of one row: values (F,)."""
        self.learn_many([row], [group], np.asarray(values)[None])

    def prior(self, groups: NDArray[np.int64]) -> State:
        """Return what groups have learned, for `seed`; `groups` (rows,) names the group of each row."""
        rows = np.zeros((len(self._mean), 1))
        np.add.at(rows, groups, np.minimum(self._own.weights[: len(groups)], 5.0)[:, None] / 5.0)
        return {"rows": rows, "mean": self._mean, "spread": self._spread, "variance": self._variance}

    def seed(self, groups: NDArray[np.int64], prior: State) -> None:
        """Begin with a prior: `groups` (n,) are those of its n groups here; nothing was learned yet."""
        for name, array in self._prior.items():
            array[groups] = prior[name]
        self._prior["rows"][groups] = np.minimum(self._prior["rows"][groups], MOST_PRIOR_ROWS)
        self.pool(np.zeros(0, np.int64), len(self._mean))

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many columns; SnapshotError says why not."""
        if "prior.rows[]" not in state:  # from before there were priors
            none = under("prior", {f"{name}[]": np.zeros((1, width)) for name, width in self._prior_widths.items()})
            state = {**state, **none}
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._prior = {name: arrays.pop(f"prior.{name}[]") for name in self._prior}
        self._mean, self._spread, self._variance = (
            arrays.pop(f"group.{name}[]") for name in ("mean", "spread", "variance")
        )
        self._org = arrays.pop("org")
        self._own.replace(arrays)

    def _arrays(self) -> State:
        shared = {
            "group.mean[]": self._mean,
            "group.spread[]": self._spread,
            "group.variance[]": self._variance,
            "org": self._org,
        }
        prior = under("prior", {f"{name}[]": array for name, array in self._prior.items()})
        return self._own.arrays() | shared | prior

    def _moments(self, row: NDArray[np.int64]) -> tuple[Floats, Floats]:
        weights = np.maximum(self._own.weights[row].astype(np.float64), 1e-9)[:, None]
        sums = self._own.sums[row].astype(np.float64)
        means = sums[:, : self.columns] / weights
        return means, np.maximum(sums[:, self.columns :] / weights - means * means, 0.0)

    def _predict(self, row: NDArray[np.int64], group: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """The predictive's centre and scale in log1p units, both (n, F)."""
        weights = self._own.weights[row].astype(np.float64)[:, None]
        means, variances = self._moments(row)
        within, spread = self._variance[group], self._spread[group]
        lent = np.clip(within / np.maximum(spread, 1e-3), 0.5, 20.0)
        mean = (weights * means + lent * self._mean[group]) / (weights + lent)
        variance = (weights * variances + OWN_VARIANCE_PRIOR * within) / (weights + OWN_VARIANCE_PRIOR)
        return mean, np.sqrt(np.maximum(variance, LEAST_VARIANCE) + within / (weights + lent))


def _log_tail(z: Floats) -> Floats:
    """-log10 of Student's upper tail by interpolation: in z up to 1, in log z beyond, where the tail is a power law."""
    far = np.interp(np.log(np.maximum(z, _Z[0])), _LOG_Z, _TAILS)
    return np.where(z <= _Z[0], np.interp(z, _LOW, _LOW_TAILS), far)


_LOW = np.linspace(-8.0, 1.0, 361)
_LOW_TAILS = -np.log10(special.stdtr(FREEDOM, -_LOW))
_Z = np.geomspace(1.0, 1e30, 4_001)
_LOG_Z = np.log(_Z)
_TAILS = np.minimum(-np.log10(np.maximum(special.stdtr(FREEDOM, -_Z), 1e-300)), LONGEST_TAIL)
