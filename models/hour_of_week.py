"""Which hours are normal: an hour of the week against a row's habit, its peer group's, the organisation's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contract import Floats, Ints, indices, keys, positive
from models.errors import InputError
from models.state import State, packed, under, unpacked, within
from models.sums import PeerModel, PeerSums, RowSums

CYCLES = {48: 24, 168: 168}  # 48: hour, then 24 + hour on days off, two circles; 168: one circle of the week
CONCENTRATION = 12.0  # of the von Mises kernel: a standard deviation of 1.1 hours, so five bins hold 99 % of it
REACH = 2
TIE = 1.0 + 1e-9  # bins whose probabilities differ by rounding alone are equally likely


class HourOfWeek(PeerModel):
    """Circular histogram of the hours a row is present, smoothed, shrunk from row to group to organisation.

    A row's distribution over bins is c own + (1 - c) group's, c = N / (N + s) after N decayed days; the
    group's leans on the organisation's likewise, and that on the uniform. Smoothing is a five-bin von Mises
    kernel (Mardia and Jupp, Directional Statistics, 2000, section 12.4). Learn a row's closed day in one
    call; cutting calls between days leaves the same bits.

    Args:
        bins: 48 (hour of a working day, then 24 + hour of a day off) or 168 (24 x weekday + hour).
        half_life: of a row's memory, in its own days.
        prior_strength: pseudo-days of the level above.
        group_half_life: of a peer group's memory, in row-days of the group.
        org_half_life: of the organisation's, in its row-days.
    """

    SCHEMA = "hour_of_week/1"

    def __init__(
        self,
        bins: int = 48,
        half_life: float = 30.0,
        prior_strength: float = 5.0,
        group_half_life: int = 2_000,
        org_half_life: int = 20_000,
    ) -> None:
        if bins not in CYCLES:
            raise InputError(f"bins is {bins}: give 48 (working day or not) or 168 (hour of the week)")
        self.bins = bins
        self.prior_strength = positive("prior_strength", prior_strength)
        self._own = RowSums(bins, half_life, np.float16)
        self._peers = PeerSums(bins, group_half_life, org_half_life)
        self._spread = _kernel_matrix(bins)
        self._refresh()

    def grow(self, rows: int, groups: int = 1) -> None:
        """Make room for `rows` rows and `groups` peer groups in all; nothing shrinks."""
        self._own.grow(rows)
        self._peers.grow(groups)
        self._refresh()

    def clear(self, rows: ArrayLike) -> None:
        """Forget `rows` (n,); what their groups learned from them stays."""
        self._own.clear(indices("rows", rows, self._own.rows))

    def score_many(self, rows: ArrayLike, groups: ArrayLike, bins: ArrayLike) -> Floats:
        """Return the probability of all hours at most as likely as `bins` (n,), (n,) in (0, 1]: small is odd.

        The probabilities of the bins are `distribution_many`'s, so this is the exact p-value of the hour.
        """
        row, group, bin_ = self._checked(rows, groups, bins)
        chances = self.distribution_many(row, group)
        here = chances[np.arange(bin_.size), bin_][:, None] * TIE
        rare = np.where(chances <= here, chances, 0.0)
        p: Floats = np.minimum(rare.sum(axis=1), 1.0)
        return p

    def distribution_many(self, rows: ArrayLike, groups: ArrayLike) -> Floats:
        """Return the predictive probabilities of all bins, (n, bins), each row adding up to one."""
        row, group = keys(rows, groups, self._own.rows, self._peers.groups)
        own = self._own.sums[row].astype(np.float64)
        share, own = _share(self._own.weights[row].astype(np.float64), own, self.prior_strength)
        mixture: Floats = share * own + (1.0 - share) * self._chances[group]
        return mixture

    def days_many(self, rows: ArrayLike) -> Floats:
        """Return the decayed numbers of days of `rows` (n,)."""
        return self._own.weights[indices("rows", rows, self._own.rows)].astype(np.float64)

    def learn_many(self, rows: ArrayLike, groups: ArrayLike, bins: ArrayLike) -> None:
        """Add one day to each row among `rows` (n,), present in all the bins that `bins` (n,) names for it.

        A bin named twice counts once. A row's days go to the group it is first named with in this call.
        """
        row, group, bin_ = self._checked(rows, groups, bins)
        days, first, which = np.unique(row, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        present = np.zeros((days.size, self.bins))
        present[which, bin_] = 1.0
        smoothed = np.zeros_like(present)
        for target, source, weight in self._spread:
            smoothed[:, target] += weight * present[:, source]
        self._own.learn_many(days[order], smoothed[order])
        self._peers.learn_many(group[first][order], smoothed[order])
        self._refresh()

    def score_one(self, row: int, group: int, bin_: int) -> float:
        """`score_many` of one hour."""
        return float(self.score_many([row], [group], [bin_])[0])

    def learn_one(self, row: int, group: int, bin_: int) -> None:
        """`learn_many` of one hour, the row's only one of that day."""
        self.learn_many([row], [group], [bin_])

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a model with as many bins; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._own.replace(within("own", arrays))
        self._peers.replace(within("peers", arrays))
        self._refresh()

    def _arrays(self) -> State:
        return under("own", self._own.arrays()) | under("peers", self._peers.arrays())

    def _checked(self, rows: ArrayLike, groups: ArrayLike, bins: ArrayLike) -> tuple[Ints, Ints, Ints]:
        row, group = keys(rows, groups, self._own.rows, self._peers.groups)
        bin_ = indices("bins", bins, self.bins)
        if bin_.size != row.size:
            raise InputError(f"{row.size} rows but {bin_.size} bins: give one bin to each row")
        return row, group, bin_

    def _refresh(self) -> None:
        """Derive every group's distribution over the bins, shrunk to the organisation's."""
        share, org = _share(*self._peers.org(), self.prior_strength)
        org = share * org + (1.0 - share) / self.bins
        share, groups = _share(*self._peers.group(), self.prior_strength)
        self._chances: Floats = share * groups + (1.0 - share) * org


def _share(days: Floats, sums: Floats, strength: float) -> tuple[Floats, Floats]:
    """Return the weight of own evidence (n, 1) and the own distribution (n, bins), zeros without evidence."""
    total = sums.sum(axis=1, keepdims=True)
    return (days / (days + strength))[:, None], sums / np.where(total > 0.0, total, 1.0)


def _kernel_matrix(bins: int) -> list[tuple[Ints, Ints, float]]:
    """The smoothing as a few (targets, sources, weight) moves of whole columns, weights adding up to one."""
    cycle = CYCLES[bins]
    steps = range(-REACH, REACH + 1)
    heights = [float(np.exp(CONCENTRATION * (np.cos(2.0 * np.pi * step / 24.0) - 1.0))) for step in steps]
    source = np.arange(bins, dtype=np.int64)
    circle, place = source - source % cycle, source % cycle
    return [
        (circle + (place + step) % cycle, source, height / sum(heights))
        for step, height in zip(steps, heights, strict=True)
    ]
