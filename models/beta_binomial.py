"""Which share is normal: k of n of a row against itself, its peer group and the organisation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.beta_binomial_tail import log_tail
from models.contract import Floats, Ints, at_least, counts, indices, keys, positive, unique
from models.errors import InputError
from models.state import State, packed, under, unpacked, within
from models.sums import PeerModel, PeerSums, RowSums

PRIOR_SHARE = 0.5  # with one pseudo-trial this is Jeffreys' prior Beta(1/2, 1/2)
PRIOR_TRIALS = 1.0


class BetaBinomial(PeerModel):
    """Beta-binomial predictive of shares, shrunk from a row to its peer group to the organisation.

    The posterior of a row's share is Beta(a, b) with mean (k + s m) / (n + s), m the group's mean and s the
    prior strength (Gelman et al., Bayesian Data Analysis 3rd ed., section 5.3), and a + b capped at
    `max_strength`: trials of one day depend on one another, so more history than that must not make the
    predictive narrower.

    Values are whole successes and trials in `columns` columns at once. `learn_many` takes each row once in a
    call; cutting a call in two leaves the same bits.

    Args:
        columns: shares kept per row, F.
        half_life: of a row's memory, in its own observations (days, say, not trials).
        prior_strength: pseudo-trials of the level above.
        max_strength: most trials the posterior counts for, and most trials one observation teaches.
        group_half_life: of a peer group's memory, in observations of the group.
        org_half_life: of the organisation's, in its observations.
    """

    SCHEMA = "beta_binomial/1"

    def __init__(
        self,
        columns: int,
        half_life: float = 30.0,
        prior_strength: float = 20.0,
        max_strength: float = 100.0,
        group_half_life: int = 2_000,
        org_half_life: int = 20_000,
    ) -> None:
        self.columns = at_least("columns", columns, 1)
        self.prior_strength = positive("prior_strength", prior_strength)
        self.max_strength = positive("max_strength", max_strength)
        self._own = RowSums(2 * columns, half_life)
        self._peers = PeerSums(2 * columns, group_half_life, org_half_life)
        self._refresh()

    def grow(self, rows: int, groups: int = 1) -> None:
        """Make room for `rows` rows and `groups` peer groups in all; nothing shrinks."""
        self._own.grow(rows)
        self._peers.grow(groups)
        self._refresh()

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,); what their groups learned from them stays."""
        self._own.clear(indices("rows", rows, self._own.rows))

    def score_many(self, rows: ArrayLike, groups: ArrayLike, successes: ArrayLike, trials: ArrayLike) -> Floats:
        """Return P(K >= successes | trials), (n, F) in [0, 1]; without trials it is 1."""
        tail: Floats = np.exp(self._log_tail(rows, groups, successes, trials))
        return tail

    def log_tail_many(self, rows: ArrayLike, groups: ArrayLike, successes: ArrayLike, trials: ArrayLike) -> Floats:
        """Return -log10 P(K >= successes | trials), (n, F) from 0, without underflow."""
        log: Floats = np.maximum(self._log_tail(rows, groups, successes, trials) / -np.log(10.0), 0.0)
        return log

    def expected_many(self, rows: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return own shares (n, F), peer shares (n, F) and decayed numbers of own observations (n,).

        The own share is the row's alone, unshrunk, and NaN where the row has no trials.
        """
        row, group = self._keys(rows, groups)
        hits, trials = self._own_sums(row)
        own = np.full(hits.shape, np.nan)
        np.divide(hits, trials, out=own, where=trials > 0)
        return own, self._share[group], self._own.weights[row].astype(np.float64)

    def learn_many(self, rows: ArrayLike, groups: ArrayLike, successes: ArrayLike, trials: ArrayLike) -> None:
        """Add one observation (n, F) to each of `rows` (n,), all different, to their groups and to all.

        An observation of more than `max_strength` trials counts as that many with the same share.
        """
        row, group = self._keys(rows, groups)
        unique("rows", row)
        hits, total = self._pairs(row.size, successes, trials)
        scale = np.minimum(1.0, self.max_strength / np.maximum(total, 1.0))
        pair = np.concatenate([hits * scale, total * scale], axis=1)
        self._own.learn_many(row, pair)
        self._peers.learn_many(group, pair)
        self._refresh()

    def score_one(self, row: int, group: int, successes: ArrayLike, trials: ArrayLike) -> Floats:
        """`score_many` of one row: successes and trials (F,) to probabilities (F,)."""
        scores: Floats = self.score_many([row], [group], np.asarray(successes)[None], np.asarray(trials)[None])[0]
        return scores

    def learn_one(self, row: int, group: int, successes: ArrayLike, trials: ArrayLike) -> None:
        """`learn_many` of one row: successes and trials (F,)."""
        self.learn_many([row], [group], np.asarray(successes)[None], np.asarray(trials)[None])

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

    def _pairs(self, rows: int, successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
        hits = counts("successes", successes, (rows, self.columns))
        total = counts("trials", trials, (rows, self.columns))
        if (hits > total).any():
            raise InputError("there are more successes than trials: count a success as a trial as well")
        return hits, total

    def _own_sums(self, row: Ints) -> tuple[Floats, Floats]:
        sums = self._own.sums[row].astype(np.float64)
        return sums[:, : self.columns], sums[:, self.columns :]

    def _refresh(self) -> None:
        """Derive every group's share, shrunk to the organisation's."""
        hits, trials = np.split(self._peers.org()[1], 2, axis=1)
        org = (hits + PRIOR_TRIALS * PRIOR_SHARE) / (trials + PRIOR_TRIALS)
        hits, trials = np.split(self._peers.group()[1], 2, axis=1)
        self._share = (hits + self.prior_strength * org) / (trials + self.prior_strength)

    def _log_tail(self, rows: ArrayLike, groups: ArrayLike, successes: ArrayLike, trials: ArrayLike) -> Floats:
        row, group = self._keys(rows, groups)
        hits, total = self._pairs(row.size, successes, trials)
        result = np.zeros_like(hits)
        some = hits > 0
        own_hits, own_trials = (sums[some] for sums in self._own_sums(row))
        strength = self.prior_strength
        mean = (own_hits + strength * self._share[group][some]) / (own_trials + strength)
        weight = np.minimum(own_trials + strength, self.max_strength)
        result[some] = log_tail(hits[some], total[some], mean * weight, (1.0 - mean) * weight)
        return result
