"""The ranker: which days resemble those that analysts confirmed, and not those that they called false."""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from models.batch.fitted import Fitted, alone, curve_of
from models.contract import Bools, Floats, Ints

TREES: Final = 64
LEAST_LEAF: Final = 5
MOST_LEAVES: Final = 1_024
"""Of a tree: a forest then has a few megabytes, whatever it was fitted to."""
LEAST_POSITIVE: Final = 10
"""Confirmed days, of at least three people, below which there is nothing to learn from."""
LEAST_PEOPLE: Final = 3
HELD_OUT: Final = 0.3
"""The share of the newest days, by which is judged."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Days to learn from.

    Attributes:
        X: what estimators see of n days, (n, d).
        confirmed: whether an analyst confirmed each, (n,).
        weights: what each says, (n,), above 1 for those that were judged; classes are balanced beside that.
        levels: of the days, nats, (n,).
        people: whose each is, from 0, (n,).
        days: since 1970, (n,).
    """

    X: Floats
    confirmed: Bools
    weights: Floats
    levels: Floats
    people: Ints
    days: Ints

    @property
    def lack(self) -> str:
        """Why nothing can be learned from them; "" if it can."""
        persons = len(np.unique(self.people[self.confirmed]))
        if self.confirmed.sum() >= LEAST_POSITIVE and persons >= LEAST_PEOPLE:
            return ""
        return (
            f"{int(self.confirmed.sum())} confirmed days of {persons} people are too few for a ranker; "
            f"it takes {LEAST_POSITIVE} of {LEAST_PEOPLE}"
        )

    def those(self, chosen: Bools) -> "Examples":
        """The chosen (n,) of them."""
        return Examples(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Validation:
    """How a ranker orders judged days: later ones, of other people than it was fitted on.

    Days that nobody has looked at are left out. Nearly all of them are ordinary, and those that were looked at had the
    highest levels, so that beside them the order by level would look better than it is.

    Attributes:
        positives: confirmed days among them.
        days: all of them.
        precision: the average precision of the ranker's order.
        before: the average precision of the order by level alone.
    """

    positives: int
    days: int
    precision: float
    before: float


def fit_ranker(examples: Examples, seed: int, estimator: Any = None) -> Fitted:
    """Fit a random forest (Breiman 2001) that tells confirmed days from others.

    What it ranks first is worth as much as the highest level, and so on down.

    Args:
        examples: the days.
        seed: of the forest.
        estimator: to be fitted instead: has ``fit``, with or without ``sample_weight``, and ``predict_proba``.
    """
    estimator = estimator if estimator is not None else _forest(seed)
    _fit(estimator, examples)
    chances = np.asarray(estimator.predict_proba(examples.X)[:, 1], np.float64)
    return Fitted(estimator, *curve_of(chances, examples.levels))


def halves(days: Ints, people: Ints, seed: int) -> tuple[Bools, Bools]:
    """The earlier days of a half of the people to learn from, and the later days of the others to judge by, both (n,).

    Grouped and in the order of time: who is judged is known to nobody, nor is the future.

    Args:
        days: since 1970, (n,).
        people: whose each is, from 0, (n,).
        seed: of the draw of people.
    """
    late = days > np.quantile(days, 1.0 - HELD_OUT)
    others = np.random.default_rng(seed).permutation(int(people.max()) + 1)[people] % 2 == 1
    return ~late & ~others, late & others


def validated(examples: Examples, seed: int, estimator: Any = None) -> Validation | None:
    """Fit to one of the ``halves`` and judge by the other; ``None`` without anything to judge by."""
    # It takes longer to load than the rest of the program, and most of that never trains.
    from sklearn.base import clone  # type: ignore[import-untyped] # noqa: PLC0415
    from sklearn.metrics import average_precision_score  # type: ignore[import-untyped] # noqa: PLC0415

    early, late = halves(examples.days, examples.people, seed)
    train, test = examples.those(early), examples.those(late & (examples.weights > 1.0))
    if train.lack or not test.confirmed.any() or test.confirmed.all():
        return None
    estimator = clone(estimator) if estimator is not None else _forest(seed)
    _fit(estimator, train)
    return Validation(
        int(test.confirmed.sum()),
        len(test.days),
        float(average_precision_score(test.confirmed, estimator.predict_proba(test.X)[:, 1])),
        float(average_precision_score(test.confirmed, test.levels)),
    )


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped] # noqa: PLC0415

    return RandomForestClassifier(
        n_estimators=TREES,
        min_samples_leaf=LEAST_LEAF,
        max_leaf_nodes=MOST_LEAVES,
        max_samples=0.5,
        class_weight="balanced",
        random_state=seed,
    )


def _fit(estimator: Any, examples: Examples) -> None:
    from sklearn.utils.validation import has_fit_parameter  # type: ignore[import-untyped] # noqa: PLC0415

    weighted = {"sample_weight": examples.weights} if has_fit_parameter(estimator, "sample_weight") else {}
    alone(estimator).fit(examples.X, examples.confirmed.astype(np.int64), **weighted)
