"""Learners as people name them: ours, and those of the configuration or of somebody's own program."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any, Final

from detector.config_training import LearnerConfig
from detector.errors import TrainingError
from detector.learned import LEARNABLE
from models.batch import Fitted
from models.bundles import DETECTORS, ESTIMATORS, BundleError, LearnerFacts, Recipe

FOREST, RANKER = "forest", "ranker"
LIBRARY: Final = "sklearn."
RIVER: Final = "river.anomaly"


@dataclass(frozen=True, slots=True)
class Custom:
    """A learner that is not fitted yet.

    Attributes:
        name: of the learner, in findings.
        kind: ``anomaly`` or ``ranker``.
        features: names among ``LEARNABLE``; ``*`` stands for any letters.
        limit: nats that it moves a level by at most, 12 or less.
        estimator: of scikit-learn or river; ``None`` for the one that is usual for its kind.

    Raises:
        TrainingError: a feature is not known.
    """

    name: str
    kind: str
    features: tuple[str, ...]
    limit: float
    estimator: Any = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The features by their full names, in the order of the table."""
        for pattern in self.features:
            if not any(fnmatchcase(name, pattern) for name in LEARNABLE):
                raise TrainingError(
                    f"the learner {self.name!r} asks for {pattern!r}, which is no feature that a day has when it is "
                    "judged; take sum_, peak_, score_, today_ and total_ columns of the dictionary, joint, active_days"
                )
        return tuple(name for name in LEARNABLE if any(fnmatchcase(name, pattern) for pattern in self.features))


OURS: Final = (
    Custom(FOREST, "anomaly", ("total_*",), 2.0),
    Custom(RANKER, "ranker", ("total_*", "today_*", "joint"), 4.0),
)
"""On simulated insurers the forest finds no more insiders than the online joint picture, whatever its limit, so it has
little to say. On four of them a ranker found 38 with 3 or 5 nats, 37 with 8, and the level alone 33."""


def learners_of(configured: dict[str, LearnerConfig], own: Sequence[Custom] = ()) -> tuple[Custom, ...]:
    """Our learners, those of the configuration, and somebody's own; one of a name takes the place of those before.

    Raises:
        TrainingError: an estimator is none that a bundle keeps, or does not take its parameters.
    """
    named = {one.name: one for one in OURS}
    for name, one in configured.items():
        named[name] = Custom(name, one.kind, one.features, one.limit, _estimator(name, one))
    return tuple((named | {one.name: one for one in own}).values())


def facts_of(one: Custom, fitted: Fitted) -> LearnerFacts:
    """What a bundle says of a learner that was fitted."""
    return LearnerFacts(
        name=one.name,
        kind=one.kind,  # type: ignore[arg-type]
        features=one.columns,
        file=member_of(one, fitted),
        scores=fitted.scores,
        nats=fitted.nats,
        limit=one.limit,
    )


def member_of(one: Custom, fitted: Fitted) -> str:
    """The file of a learner in a bundle."""
    return f"{one.name}.npz" if isinstance(fitted.estimator, Recipe) else f"{one.name}.skops"


def _estimator(name: str, config: LearnerConfig) -> Any:
    if config.estimator is None:
        return None
    module, _, kind = config.estimator.rpartition(".")
    try:
        if module == RIVER:
            return Recipe(config.estimator, config.parameters)
        made = getattr(import_module(module), kind, None) if module.startswith(LIBRARY) else None
        if isinstance(made, type) and f"{made.__module__}.{made.__qualname__}" in ESTIMATORS:
            return made(**config.parameters)
    except (ImportError, TypeError, ValueError, BundleError) as error:
        raise TrainingError(f"training.learners.{name}: {config.estimator} cannot be made ({error})") from error
    kept = ", ".join(sorted(one.rpartition(".")[2] for one in (*ESTIMATORS, *DETECTORS)))
    raise TrainingError(
        f"training.learners.{name}: {config.estimator!r} is no estimator that a bundle keeps; name one of {kept}, "
        "with its module: sklearn.mixture.GaussianMixture"
    )
