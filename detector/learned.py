"""What the learners of a bundle add to the level of an actor-day: they see what was judged of it, and no more.

A learner's features are columns of the exported table of features that are known when the day is judged, so that what
was fitted on an export is applied to the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from detector.detections import MEASURES
from detector.features import Feature, Peak
from detector.risk import Judgement
from models.errors import ModelError

if TYPE_CHECKING:
    from models.bundles import Bundle, Learner


@dataclass(frozen=True, slots=True)
class Days:
    """Actor-days as learners see them.

    Attributes:
        sums: (n, ``N_FEATURES``).
        peaks: (n, ``N_PEAKS``).
        scores: of the measures, (n, C).
        active_days: of the actor before this one, (n,).
        judged: the judgement by the online models alone.
    """

    sums: NDArray[np.floating]
    peaks: NDArray[np.floating]
    scores: NDArray[np.float64]
    active_days: NDArray[np.int32]
    judged: Judgement

    def columns(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The columns of these names, (n, d)."""
        tables = {
            "sum": self.sums,
            "peak": self.peaks,
            "score": self.scores,
            "today": self.judged.today,
            "total": self.judged.accumulated,
            "joint": self.judged.joint[:, None],
            "active": self.active_days[:, None],
        }
        places = [LEARNABLE[name] for name in names]
        return np.stack([tables[table][:, column].astype(np.float64) for table, column in places], axis=1)


def _learnable() -> dict[str, tuple[str, int]]:
    found = {"joint": ("joint", 0), "active_days": ("active", 0)}
    found |= {f"sum_{one.name.lower()}": ("sum", int(one)) for one in Feature}
    found |= {f"peak_{one.name.lower()}": ("peak", int(one)) for one in Peak}
    for table in ("score", "today", "total"):
        found |= {f"{table}_{measure.name}": (table, column) for column, measure in enumerate(MEASURES)}
    return found


LEARNABLE: Final = _learnable()
"""The columns that a learner may ask for, and where ``Days`` has them."""


class Learned:
    """The learners of a bundle.

    Args:
        learners: may ask for ``LEARNABLE`` columns only; none changes nothing.
        bundle: its name.
    """

    def __init__(self, learners: "Sequence[Learner]" = (), bundle: str = "") -> None:
        self.bundle = bundle
        self.names = [learner.facts.name for learner in learners]
        self.most = float(sum(learner.facts.limit for learner in learners))
        """How many nats they add at most, together."""
        self._learners = tuple(learners)

    def reconsider(self, days: Days) -> Judgement:
        """The judgement of the days with what the learners add to it."""
        judged = days.judged
        if not self._learners or not len(judged.level):
            return judged
        learned = np.stack([self._moved(learner, days) for learner in self._learners], axis=1)
        return replace(judged, learned=learned, level=np.maximum(judged.level + learned.sum(axis=1), 0.0))

    def _moved(self, learner: "Learner", days: Days) -> NDArray[np.float64]:
        """How far a learner moves the level of each day, (n,); not at all where it fails, whoever else is there."""
        facts, seen = learner.facts, days.columns(learner.facts.features)
        try:
            worth = learner.nats_many(seen)
        except ModelError:
            worth = np.array([_worth(learner, day) for day in seen])
        return np.nan_to_num(moved(facts.kind, worth, days.judged.level, facts.limit), nan=0.0)


def moved(kind: str, worth: NDArray[np.float64], levels: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """By how many nats a learner moves levels (n,) of days that are worth so much to it, (n,)."""
    return np.clip(worth - levels, -limit, limit) if kind == "ranker" else worth


def _worth(learner: "Learner", day: NDArray[np.float64]) -> float:
    """What one day (d,) is worth to a learner; NaN if it cannot say."""
    try:
        return float(learner.nats_many(day[None])[0])
    except ModelError:
        return np.nan


def learned_of(bundle: "Bundle | None") -> Learned:
    """The learners of a bundle; none change nothing."""
    return Learned(bundle.learners, bundle.manifest.name) if bundle is not None else Learned()
