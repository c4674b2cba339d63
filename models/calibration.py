"""What a score is worth: calibrated p-values from the score's own recent history, extrapolated beyond it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.contract import Bools, Floats, Ints, at_least, positive
from models.errors import InputError
from models.state import State, packed, unpacked
from models.sums import forward_weights

LARGEST = 1_000.0  # a natural log score beyond any double's own probability; larger ones are learned as this
PRIOR_SCORES = 50.0  # pseudo-observations of a unit exponential, fading as real ones come in
PRIOR_EXCESSES = 10.0  # pseudo-exceedances of an exponential tail through the threshold
MOST_EXCESS = 12.0  # in units of the prior's mean excess; e^-12 of an exponential lies beyond
MOST_SHAPE = 0.4  # of the generalised Pareto tail; its second moment, which we use, ends at 0.5
READY_EXCESSES = 10.0
LEAST_P = 1e-300
MOST_NATS = 690.7755278982137  # -ln of that
LEAST_SCALE = 1.0  # no tail falls faster than that of an honest -ln p, whatever few excesses say


class TailCalibrator:
    """Turns scores from 0 up, high = anomalous, into p-values P(score >= value), column by column.

    A decayed histogram gives the body, log-linear between bin edges. Ranks saturate at 1/n, so above the
    `tail_fraction` quantile a generalised Pareto distribution takes over (Pickands 1975; shape and scale by
    moments, Hosking and Wallis 1987, section 3, shape in [0, 0.4]). A young column leans on
    pseudo-observations of a unit exponential, the law of -ln p of an honest p-value, and no extrapolated
    tail falls faster: give scores of that scale or a wider one, narrower ones alarm too seldom.

    Scores are frozen between calls of `learn_many`; cutting a call in two leaves the same bits. NaN means not
    ready: it is not learned and its p-value is NaN.

    Args:
        columns: scores calibrated side by side, C.
        bins: of each histogram, logarithmic in 1 + score up to 1,000.
        half_life: in scores of that column; a whole number.
        tail_fraction: share of scores above the threshold from which on the tail is extrapolated.
    """

    SCHEMA = "tail_calibrator/1"

    def __init__(self, columns: int, bins: int = 512, half_life: int = 50_000, tail_fraction: float = 0.02) -> None:
        self.columns = at_least("columns", columns, 1)
        self.bins = at_least("bins", bins, 16)
        self.half_life = at_least("half_life", half_life, 1)
        self.tail_fraction = positive("tail_fraction", tail_fraction)
        if tail_fraction >= 0.5:
            raise InputError(f"tail_fraction is {tail_fraction}: a tail is less than half, 0.02 say")
        self._step = np.log1p(LARGEST) / bins
        self._edges = np.expm1(self._step * np.arange(bins + 1))
        self._counts: Floats = np.zeros((columns, bins))
        self._ticks: Ints = np.zeros(columns, dtype=np.int64)
        self._refresh()

    @property
    def n(self) -> Floats:
        """Decayed numbers of scores learned, (C,)."""
        numbers: Floats = self._decayed().sum(axis=1)
        return numbers

    @property
    def ready(self) -> Bools:
        """Whether a column has about ten scores above its threshold, (C,)."""
        enough: Bools = self.n >= READY_EXCESSES / self.tail_fraction
        return enough

    def score_many(self, values: ArrayLike) -> Floats:
        """Return P(score >= value) of `values` (n, C), (n, C) in (0, 1], never rising with the value."""
        p: Floats = np.exp(-self.nats_many(values))
        return p

    def nats_many(self, values: ArrayLike) -> Floats:
        """Return -ln P(score >= value) of `values` (n, C), (n, C) from 0."""
        value = self._checked(values)
        at = self._cells(value)
        cell = at + np.arange(self.columns) * (self.bins + 1)
        log = self._start.take(cell) + self._slope.take(cell) * (value - self._edges.take(at))
        far = at >= self._threshold
        if far.any():
            column = np.broadcast_to(np.arange(self.columns), far.shape)[far]
            log[far] = self._tail(value[far], column)
        nats: Floats = np.minimum(np.maximum(-log, 0.0), MOST_NATS)
        return nats

    def learn_many(self, values: ArrayLike) -> None:
        """Add scores (n, C) in order; one NaN skips one column's score."""
        value = self._checked(values)
        known = ~np.isnan(value)
        ticks = self._ticks + np.add.accumulate(known, axis=0) - 1
        ends = self._ticks + known.sum(axis=0)
        passed = np.minimum(ends // self.half_life, 2_000).astype(np.int32)
        self._counts = np.ldexp(self._counts, -passed[:, None])
        weights = forward_weights(ticks[known], np.broadcast_to(ends, value.shape)[known], self.half_life)
        cell = np.minimum(self._cells(value), self.bins - 1) + np.arange(self.columns) * self.bins
        np.add.at(self._counts.reshape(-1), cell[known], weights)
        self._ticks = np.remainder(ends, self.half_life)
        self._refresh()

    def score_one(self, values: ArrayLike) -> Floats:
        """`score_many` of one row: values (C,) to p-values (C,)."""
        p: Floats = self.score_many(np.asarray(values)[None])[0]
        return p

    def learn_one(self, values: ArrayLike) -> None:
        """`learn_many` of one row: values (C,)."""
        self.learn_many(np.asarray(values)[None])

    def snapshot(self) -> State:
        """Return the state as named arrays, restored exactly by `restore`."""
        return packed(self.SCHEMA, self._arrays())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a snapshot of a calibrator with as many columns and bins; SnapshotError says why not."""
        arrays = unpacked(self.SCHEMA, state, self._arrays())
        self._counts, self._ticks = arrays["counts"], arrays["ticks"]
        self._refresh()

    def _arrays(self) -> State:
        return {"counts": self._counts, "ticks": self._ticks}

    def _checked(self, values: ArrayLike) -> Floats:
        value = np.ascontiguousarray(values, dtype=np.float64)
        if value.ndim != 2 or value.shape[1] != self.columns:
            raise InputError(f"values have shape {value.shape}: give (n, {self.columns})")
        return np.maximum(value, 0.0)

    def _cells(self, value: Floats) -> Ints:
        """The bin each value falls into; `bins` for what lies beyond the last edge, and 0 for NaN."""
        place = np.log1p(np.minimum(value, LARGEST)) / self._step
        cells: Ints = np.nan_to_num(place, copy=False).astype(np.int64)
        return cells

    def _decayed(self) -> Floats:
        scaled: Floats = self._counts * np.exp2((1 - self._ticks) / self.half_life)[:, None]
        return scaled

    def _refresh(self) -> None:
        """Derive from the histogram the survival function at the edges and the tail beyond the threshold."""
        counts = self._decayed()
        above = np.zeros((self.columns, self.bins + 1))
        above[:, :-1] = np.add.accumulate(counts[:, ::-1], axis=1)[:, ::-1]
        number = above[:, :1]
        prior = PRIOR_SCORES * PRIOR_SCORES / (PRIOR_SCORES + number)
        survival = np.maximum((above + prior * np.exp(-self._edges)) / (number + prior), LEAST_P)
        log = np.log(survival)
        self._start = log
        self._slope = np.zeros_like(log)
        self._slope[:, :-1] = (log[:, 1:] - log[:, :-1]) / (self._edges[1:] - self._edges[:-1])
        beyond = survival <= self.tail_fraction
        self._threshold: Ints = np.where(beyond.any(axis=1), beyond.argmax(axis=1), self.bins).astype(np.int64)
        self._fit(counts)

    def _fit(self, counts: Floats) -> None:
        """Fit each column's generalised Pareto tail to the exceedances of its threshold."""
        column = np.arange(self.columns)
        start = self._edges[self._threshold][:, None]
        self._log_share: Floats = self._start[column, self._threshold]
        expected = start / np.maximum(-self._log_share[:, None], 1e-9)
        middle = 0.5 * (self._edges[:-1] + self._edges[1:])
        excess = np.minimum(np.maximum(middle - start, 0.0), MOST_EXCESS * expected)
        tail = np.where(np.arange(self.bins) >= self._threshold[:, None], counts, 0.0)
        number = tail.sum(axis=1) + PRIOR_EXCESSES
        prior = PRIOR_EXCESSES * expected[:, 0]
        mean = ((tail * excess).sum(axis=1) + prior) / number
        second = ((tail * excess * excess).sum(axis=1) + 2.0 * prior * expected[:, 0]) / number
        shape = 0.5 * (1.0 - mean * mean / np.maximum(second - mean * mean, 1e-300))
        self._shape: Floats = np.clip(shape, 0.0, MOST_SHAPE)
        self._scale: Floats = np.maximum(mean * (1.0 - self._shape), LEAST_SCALE)

    def _tail(self, value: Floats, column: Ints) -> Floats:
        """Natural log of P(score >= value) beyond the threshold."""
        excess = (value - self._edges[self._threshold[column]]) / self._scale[column]
        shape = np.maximum(self._shape[column], 1e-9)  # 1e-9 differs from an exponential by no visible digit
        return np.asarray(self._log_share[column] - np.log1p(shape * excess) / shape, dtype=np.float64)
