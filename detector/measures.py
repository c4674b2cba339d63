"""What a detection measures of a working day, and how far from normal it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.daybook import Running
from detector.features import MAX_SUM, Feature, Peak
from models.beta_binomial import BetaBinomial
from models.gamma_poisson import GammaPoisson
from models.log_normal import LogNormal
from models.state import within

NATS = log(10.0)
MOST_NATS = 300.0
MOST_TRIALS = 60.0
"""Acts of one day depend on each other, so that more of them than this say no more about a share."""
MOST_COUNT = 100_000.0
"""Acts a day up to which a threshold is looked for."""
STEADY_PAUSES = 15
"""Pauses between events needed before their regularity says anything."""
FULL_HOURS = 20.0
"""Events from which on a day's mean oddness of hours counts fully."""


@dataclass(frozen=True, slots=True)
class Volume:
    """How many acts a day, against own days and peers' (Gamma-Poisson)."""

    name: str
    of: Feature | Peak
    unit: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much a day, against own days and peers' (log-normal): for amounts whose days differ by factors."""

    name: str
    of: Feature | Peak
    unit: str


@dataclass(frozen=True, slots=True)
class Share:
    """Which share of a day, against own days and peers' (Beta-Binomial)."""

    name: str
    of: Feature
    among: Feature
    unit: str


@dataclass(frozen=True, slots=True)
class Surprise:
    """A sum of surprises that is measured event by event: hours, places, the regularity of pauses."""

    name: str
    of: Feature
    unit: str


Measure = Volume | Size | Share | Surprise


@dataclass(frozen=True, slots=True)
class Normal:
    """What is normal for one actor and measure: in the measure's unit, shares as per cent."""

    expected: float | None
    peer_expected: float | None
    days: int


class Baselines:
    """Scores the measures of running days, and learns closed ones: one model for each kind of measure.

    Args:
        measures: in the order of the columns of scores, C.
        half_life_days: how fast baselines follow, in working days of the actor.
    """

    def __init__(self, measures: Sequence[Measure], half_life_days: float) -> None:
        self.measures = tuple(measures)
        self._volumes = [index for index, m in enumerate(self.measures) if isinstance(m, Volume)]
        self._sizes = [index for index, m in enumerate(self.measures) if isinstance(m, Size)]
        self._shares = [index for index, m in enumerate(self.measures) if isinstance(m, Share)]
        self._surprises = [index for index, m in enumerate(self.measures) if isinstance(m, Surprise)]
        self.growing = np.array([isinstance(m, Volume | Size) for m in self.measures], np.bool_)
        """Which measures never fall within a day, (C,)."""
        shares = [m for m in self.measures if isinstance(m, Share)]
        self._parts_of, self._wholes_of = [int(m.of) for m in shares], [int(m.among) for m in shares]
        self._volume = GammaPoisson(max(len(self._volumes), 1), half_life_days)
        self._size = LogNormal(max(len(self._sizes), 1), half_life_days)
        self._share = BetaBinomial(max(len(self._shares), 1), half_life_days)

    def grow(self, rows: int, groups: int) -> None:
        """Make room for rows and peer groups in all."""
        self._volume.grow(rows, groups)
        self._size.grow(rows, groups)
        self._share.grow(rows, groups)

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        for model in (self._volume, self._size, self._share):
            model.clear(rows)

    def pool(self, groups: NDArray[np.int64], n_groups: int) -> None:
        """Bring the peer groups' figures up to date; ``groups`` (rows,) names the group of each row."""
        self._size.pool(groups, n_groups)

    def score_many(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        sums: NDArray[np.float64],
        peaks: NDArray[np.float64],
        amounts: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """-ln of the upper-tail probability of each measure, (n, C) in [0, 300]; sums of surprises likewise in nats.

        Args:
            rows: (n,).
            groups: the peer group of each row, (n,).
            sums: the days' sums, (n, ``N_FEATURES``).
            peaks: the days' peaks, (n, ``N_PEAKS``).
            amounts: what an event just added to each day, (n, ``N_FEATURES``), if one did: a share that it did not add
                to has not risen and is 0.
        """
        out = np.zeros((len(rows), len(self.measures)))
        out[:, self.growing] = self._amount_scores(rows, groups, sums, peaks)
        out[:, self._shares] = self._share_scores(rows, groups, sums, amounts)
        out[:, self._surprises] = self._surprise_scores(sums)
        return out

    def highest_many(self, running: Running, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """The largest score that each of k actors' days reached in a batch, (k, C): of ``score_many`` event by event.

        Args:
            running: the days after each of n events.
            groups: the peer group of each event's actor, (n,).
        """
        segments, rows, sums, amounts = running.segments, running.rows, running.sums, running.amounts
        last = segments.last
        out = np.zeros((len(last), len(self.measures)))
        out[:, self.growing] = self._amount_scores(rows[last], groups[last], sums[last], running.peaks[last])
        shares = np.zeros((len(rows), len(self._shares)))
        rose = np.flatnonzero((amounts[:, self._parts_of] > 0).any(axis=1))
        shares[rose] = self._share_scores(rows[rose], groups[rose], sums[rose], amounts[rose])
        out[:, self._shares] = segments.highest(shares)
        out[:, self._surprises] = segments.highest(self._surprise_scores(sums))
        return out

    def learn_many(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        sums: NDArray[np.float64],
        peaks: NDArray[np.float64],
    ) -> None:
        """Learn closed days, one a row; what one day can teach is bounded by each model's cap."""
        if self._volumes:
            amounts = self._amounts(self._volumes, sums, peaks)
            self._volume.learn_many(rows, groups, self._volume.cap_many(rows, groups, amounts))
        if self._sizes:
            self._size.learn_many(rows, groups, self._amounts(self._sizes, sums, peaks))
        if self._shares:
            self._share.learn_many(rows, groups, *self._parts(sums))

    def normal_many(
        self, rows: NDArray[np.int64], groups: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What is normal in each measure, own and of the peers, and over how many (decayed) days of one's own.

        Three arrays (n, C), in the measure's unit, shares as per cent; NaN where there is none, as for surprises.
        """
        own, peers = (np.full((len(rows), len(self.measures)), np.nan) for _ in range(2))
        days = np.zeros((len(rows), len(self.measures)))
        for places, model, scale in (
            (self._volumes, self._volume, 1.0),
            (self._sizes, self._size, 1.0),
            (self._shares, self._share, 100.0),
        ):
            if places:
                mine, theirs, weights = model.expected_many(rows, groups)
                own[:, places], peers[:, places], days[:, places] = mine * scale, theirs * scale, weights[:, None]
        return own, peers, days

    def normal(self, index: int, row: int, group: int) -> Normal:
        """What is normal in the measure at ``index`` for a row."""
        if isinstance(self.measures[index], Surprise):
            return Normal(None, None, 0)
        own, peers, days = (float(one[0, index]) for one in self.normal_many(np.array([row]), np.array([group])))
        return Normal(None if np.isnan(own) else own, peers, round(days))

    def threshold(self, index: int, row: int, group: int, sums: NDArray[np.float64], nats: float) -> float | None:
        """The value of the measure at ``index`` that would just have scored ``nats``, in its unit.

        ``None`` for a sum of surprises, where no single number decides. A share keeps the day's sums (``N_FEATURES``,)
        for its whole.
        """
        measure = self.measures[index]
        if isinstance(measure, Surprise):
            return None
        if isinstance(measure, Size):
            tails = np.full((1, len(self._sizes)), nats / NATS)
            return float(
                self._size.quantile_many(np.array([row]), np.array([group]), tails)[0, self._sizes.index(index)]
            )
        most = min(float(sums[measure.among]), MOST_TRIALS) if isinstance(measure, Share) else MOST_COUNT
        tried = np.unique(np.round(np.geomspace(1.0, max(most, 1.0), 200)))
        rows, groups = np.full(len(tried), row), np.full(len(tried), group)
        if isinstance(measure, Volume):
            values = np.repeat(tried[:, None], len(self._volumes), axis=1)
            tails = self._volume.log_tail_many(rows, groups, values)[:, self._volumes.index(index)]
            return float(tried[min(int(np.searchsorted(tails, nats / NATS)), len(tried) - 1)])
        values = np.repeat(tried[:, None], len(self._shares), axis=1)
        tails = self._share.log_tail_many(rows, groups, values, np.full_like(values, max(most, 1.0)))
        place = int(np.searchsorted(tails[:, self._shares.index(index)], nats / NATS))
        return 100.0 * float(tried[min(place, len(tried) - 1)]) / max(most, 1.0)

    def observed(self, index: int, sums: NDArray[np.float64], peaks: NDArray[np.float64]) -> float:
        """The measure at ``index`` of one day, sums (``N_FEATURES``,) and peaks (``N_PEAKS``,), in its unit."""
        return float(self.observed_many(index, sums[None], peaks[None])[0])

    def observed_many(self, index: int, sums: NDArray[np.float64], peaks: NDArray[np.float64]) -> NDArray[np.float64]:
        """The measure at ``index`` of days, sums (n, ``N_FEATURES``) and peaks (n, ``N_PEAKS``), in its unit, (n,)."""
        measure = self.measures[index]
        if isinstance(measure, Share):
            return 100.0 * sums[:, measure.of] / np.maximum(sums[:, measure.among], 1.0)
        if isinstance(measure, Surprise):
            return _surprise(measure.of, sums)
        return _amount(measure.of, sums, peaks)

    def prior(self, groups: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """What was learned of peer groups, for ``seed``; ``groups`` (rows,) names the group of each row."""
        parts = {"volume": self._volume.prior(), "size": self._size.prior(groups), "share": self._share.prior()}
        return {f"{name}.{key}": array for name, part in parts.items() for key, array in part.items()}

    def seed(self, groups: NDArray[np.int64], prior: Mapping[str, NDArray[Any]]) -> None:
        """Begin with a prior: ``groups`` (n,) are those of its n groups here; nothing was learned yet."""
        for name, model in (("volume", self._volume), ("size", self._size), ("share", self._share)):
            model.seed(groups, within(name, prior))

    def inherit(self, groups: NDArray[np.int64], parents: NDArray[np.int64]) -> None:
        """Let ``groups`` (n,), parts of their ``parents`` (n,) of which nothing was learned, begin as those are."""
        self._volume.inherit(groups, parents)  # sizes are derived from the rows themselves
        self._share.inherit(groups, parents)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All models' arrays by name."""
        return {
            f"{name}.{key}": array
            for name, model in (("volume", self._volume), ("size", self._size), ("share", self._share))
            for key, array in model.snapshot().items()
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        for name, model in (("volume", self._volume), ("size", self._size), ("share", self._share)):
            prefix = f"{name}."
            model.restore({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def _amount_scores(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        sums: NDArray[np.float64],
        peaks: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Scores of volumes and sizes, (n, F), in the order of the measures."""
        out = np.zeros((len(rows), len(self.measures)))
        if self._volumes:
            out[:, self._volumes] = self._volume.log_tail_many(rows, groups, self._amounts(self._volumes, sums, peaks))
        if self._sizes:
            out[:, self._sizes] = self._size.score_many(rows, groups, self._amounts(self._sizes, sums, peaks))
        return np.minimum(NATS * out[:, self.growing], MOST_NATS)

    def _share_scores(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int64],
        sums: NDArray[np.float64],
        amounts: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        if not self._shares:
            return np.zeros((len(rows), 0))
        parts, wholes = self._parts(sums)
        if amounts is not None:
            parts = np.where(amounts[:, self._parts_of] > 0, parts, 0.0)
        return np.minimum(NATS * self._share.log_tail_many(rows, groups, parts, wholes), MOST_NATS)

    def _surprise_scores(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((len(sums), len(self._surprises)))
        for place, index in enumerate(self._surprises):
            out[:, place] = _surprise(self.measures[index].of, sums)
        return np.minimum(out, MOST_NATS)

    def _amounts(
        self, indices: list[int], sums: NDArray[np.float64], peaks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.stack([_amount(self.measures[index].of, sums, peaks) for index in indices], axis=1)

    def _parts(self, sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Successes and trials of the shares, (n, F) each, scaled down to at most ``MOST_TRIALS`` trials."""
        parts = sums[:, self._parts_of]
        wholes = np.maximum(sums[:, self._wholes_of], parts)
        scale = np.minimum(MOST_TRIALS / np.maximum(wholes, 1.0), 1.0)
        return np.round(parts * scale), np.round(wholes * scale)


def _amount(of: Feature | Peak, sums: NDArray[np.float64], peaks: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, of] if isinstance(of, Feature) else peaks[:, of]


def _surprise(of: Feature | Peak, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The measure of a sum of surprises, in nats, (n,).

    Hours: the mean oddness of the day's events, in full from ``FULL_HOURS`` events on. Places: the sum. Pauses: how
    far their spread (of log2) lies below a person's, whose working pauses vary by a factor of two and more.
    """
    if of is Feature.ODDNESS:
        events = sums[:, Feature.EVENTS]
        mean = sums[:, Feature.ODDNESS] / np.maximum(events, 1.0) / 100.0
        return NATS * mean * np.minimum(events, FULL_HOURS) / FULL_HOURS
    if of is Feature.NEWNESS:
        return NATS * sums[:, Feature.NEWNESS] / 100.0
    pauses = sums[:, Feature.PAUSES]
    count = np.maximum(pauses, 1.0)
    mean = sums[:, Feature.PAUSE_SUM] / count
    variance = (sums[:, Feature.PAUSE_SQUARES] / count - mean * mean) / 16.0
    counted = (pauses >= STEADY_PAUSES) & (sums[:, Feature.PAUSE_SQUARES] < MAX_SUM)  # a sum that stopped says nothing
    return np.where(counted, np.maximum(-np.log(np.maximum(variance, 1e-3)) + 2.0, 0.0), 0.0)
