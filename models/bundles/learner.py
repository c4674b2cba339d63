"""A learner: a fitted estimator and how many nats its answers are worth."""

import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from models.bundles.manifest import LearnerFacts
from models.contract import Floats
from models.errors import BundleError, InputError

STEPS: Final = 64.0
"""A nat is counted in: coarse enough that the order in which a matrix product sums up does not show."""

LARGEST: Final = 1e12
"""Of a feature; far above what needs telling apart, and what every estimator squares without overflow."""


class Learner:
    """What a fitted estimator of scikit-learn says of actor-days, in nats.

    Args:
        facts: its name, features and scale.
        estimator: has `score_samples` or `decision_function` (low = anomalous), or `predict_proba` of two classes.
    """

    def __init__(self, facts: LearnerFacts, estimator: Any) -> None:
        self.facts = facts
        self._estimator = estimator
        # Rounded as raw scores are: where the curve jumps, the two must agree on which side of it a score lies.
        self._scores = np.array(facts.scores, dtype=np.float32).astype(np.float64)
        self._nats = np.array(facts.nats, dtype=np.float64)
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped] # noqa: PLC0415 - as scikit-learn

        self._threads = ThreadpoolController()

    def nats_many(self, X: ArrayLike) -> Floats:  # noqa: N803 - as in river
        """Return what each row of `X` (n, d) is worth in nats, (n,), a multiple of 1/64.

        Of an anomaly learner that is -ln P(score >= the row's score), from 0 to `limit`. Of a ranker it is the level of
        a day that ranks as high among those that it was trained on. NaN counts as 0. Cutting a call in two leaves the
        same bits.

        Raises:
            InputError: `X` has another shape.
            BundleError: the estimator fails.
        """
        values = np.asarray(X, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.facts.features):
            raise InputError(f"X has shape {values.shape}: give (n, {len(self.facts.features)}) for {self.facts.name}")
        if len(values) == 0:
            return np.zeros(0)
        values = np.nan_to_num(values, nan=0.0, posinf=LARGEST, neginf=-LARGEST).clip(-LARGEST, LARGEST)
        # One thread: with more, which neighbour of two equals is taken would be a matter of luck.
        with np.errstate(all="ignore"), warnings.catch_warnings(), self._threads.limit(limits=1):
            warnings.simplefilter("ignore")
            nats = self._ranked(values) if self.facts.kind == "ranker" else self._unusual(values)
        rounded: Floats = np.round(np.nan_to_num(nats, nan=0.0) * STEPS) / STEPS
        return rounded + 0.0  # no minus zero

    def _unusual(self, values: Floats) -> Floats:
        asked = "score_samples" if hasattr(self._estimator, "score_samples") else "decision_function"
        raw = -self._answer(asked, values, (len(values),))
        raw = raw.astype(np.float32).astype(np.float64)
        nats: Floats = np.minimum(np.interp(raw, self._scores, self._nats), self._floor(self.facts.limit))
        return np.where(np.isnan(raw), 0.0, nats)

    def _ranked(self, values: Floats) -> Floats:
        chance = self._answer("predict_proba", values, (len(values), 2))[:, 1]
        level: Floats = np.interp(chance.astype(np.float32).astype(np.float64), self._scores, self._nats)
        return level

    def _answer(self, asked: str, values: Floats, shape: tuple[int, ...]) -> Floats:
        try:
            answer = np.asarray(getattr(self._estimator, asked)(values), dtype=np.float64)
        except Exception as error:  # whatever an estimator meets in what it was made of
            raise BundleError(
                f"learner {self.facts.name} cannot judge ({_short(error)}): roll its bundle back"
            ) from error
        if answer.shape != shape:
            raise BundleError(
                f"learner {self.facts.name} answers {answer.shape} instead of {shape}: roll its bundle back"
            )
        return answer

    @staticmethod
    def _floor(limit: float) -> float:
        """The largest multiple of a step that is not above `limit`, so that rounding never exceeds it."""
        return float(np.floor(limit * STEPS) / STEPS)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
