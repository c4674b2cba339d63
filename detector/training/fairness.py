"""What a bundle's learners do to departments: how often each would be told of, without them and with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.learned import moved
from detector.training.custom import Custom, facts_of
from models.batch import Examples, Fitted
from models.bundles import Learner

UNKNOWN: Final = "unknown"
WORSE: Final = 2.0
"""Times as often told of as without the learners, from which on a department is worse off."""
LEAST_TOLD: Final = 5
"""Days told of with the learners, from which on that says something."""


@dataclass(frozen=True, slots=True)
class Share:
    """A department's part of the days that learners were fitted to.

    Attributes:
        people: of whom there are days.
        days: theirs.
        before: those among the highest levels, as many as the budget lets be told.
        after: the same with what the learners add.
        judged: those that analysts judged.
        denied: and found to be nothing.
    """

    people: int
    days: int
    before: int
    after: int
    judged: int
    denied: int

    @property
    def worse(self) -> bool:
        """Whether the learners make it far more suspicious."""
        return self.after >= LEAST_TOLD and self.after > WORSE * self.before


def shares_of(
    departments: NDArray[np.object_], examples: Examples, after: NDArray[np.float64], per_thousand: float
) -> dict[str, Share]:
    """The share of each department, by name.

    Args:
        departments: of the days, ``None`` where none is known, (n,).
        examples: n days.
        after: their levels with what the learners add, nats, (n,).
        per_thousand: the budget, alerts in 1,000 employee-days.
    """
    names, place = np.unique([name or UNKNOWN for name in departments], return_inverse=True)
    told = int(np.ceil(per_thousand / 1_000.0 * len(place)))
    judged = examples.weights > 1.0

    def counted(chosen: NDArray[np.bool_]) -> list[int]:
        counts: list[int] = np.bincount(place[chosen], minlength=len(names)).tolist()
        return counts

    people = np.bincount(np.unique(np.stack([place, examples.people]), axis=1)[0], minlength=len(names)).tolist()
    columns = (
        people,
        counted(np.ones(len(place), np.bool_)),
        counted(_highest(examples.levels, told)),
        counted(_highest(after, told)),
        counted(judged),
        counted(judged & ~examples.confirmed),
    )
    return {str(name): Share(*numbers) for name, *numbers in zip(names, *columns, strict=True)}


def levels_with(
    learners: Sequence[tuple[Custom, Fitted]], examples: Examples, sees: Sequence[str]
) -> NDArray[np.float64]:
    """The levels of days with what learners add to them, as a champion's are, (n,).

    Raises:
        BundleError: a learner cannot judge.
    """
    levels = examples.levels.astype(np.float64)
    added = np.zeros(len(levels))
    for one, fitted in learners:
        seen = examples.X[:, [sees.index(name) for name in one.columns]]
        worth = Learner(facts_of(one, fitted), fitted.estimator).nats_many(seen)
        added += moved(one.kind, worth, levels, one.limit)
    return np.maximum(levels + added, 0.0)


def remarks_of(shares: Mapping[str, Share]) -> Iterator[str]:
    """What people should know of departments that are worse off, in words."""
    for name, one in shares.items():
        if one.worse:
            yield (
                f"with the learners {one.after} of the {one.days:,} days of department {name!r} would be told of, "
                f"without them {one.before}; see whether a backtest shows that they are true"
            )


def _highest(levels: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    chosen = np.zeros(len(levels), np.bool_)
    chosen[np.argsort(-levels, kind="stable")[:count]] = True
    return chosen
