"""From exported days and verdicts to the members of a bundle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.calendar import Calendar
from detector.config import Config
from detector.errors import TrainingError
from detector.people import PART, role_of
from detector.priors import REFINED, REFINED_GROUPS
from detector.training.custom import Custom
from detector.training.fairness import Share, levels_with, remarks_of, shares_of
from detector.training.learning import COLUMNS, Learning
from detector.training.reading import Exported, Partition
from detector.training.verdicts import Verdicts
from models.batch import Examples, Fitted, Validation, fit_forest, fit_ranker, split_groups, validated
from models.bundles import BundleError, Recipe

MOST_SAMPLES: Final = 200_000
"""Days that learners are fitted to at most, beside those that were judged: chosen by the seed."""
LEAST_DAYS: Final = 500
YOUNG_DAYS: Final = 5
"""Active days before which a person's days teach no learner: there is little yet to be unusual against."""
SETTLED_PEOPLE: Final = 10
"""Active days from which on a person's normal says what kind of work they do."""


@dataclass(slots=True)
class Trained:
    """What training gives.

    Attributes:
        learners: with what they are.
        priors: what a shard may begin with.
        validation: of the ranker; ``None`` without one that could be judged.
        data: facts about what it was trained on.
        remarks: what people should know, in words.
        groups: of each peer group, its people and their active days.
        departments: what the learners do to each.
    """

    learners: list[tuple[Custom, Fitted]] = field(default_factory=list)
    priors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    validation: Validation | None = None
    data: dict[str, str | int | float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    groups: dict[str, tuple[int, int]] = field(default_factory=dict)
    departments: dict[str, Share] = field(default_factory=dict)


class Training:
    """Reads an export once and fits what a bundle holds.

    Args:
        config: as the log was judged by.
        features: the exported days.
        labels: the exported verdicts; ``None`` for none.
        seed: of everything that draws.
        learners: what to fit.

    Raises:
        TrainingError: there are too few days, or a learner asks for what there is not.
    """

    def __init__(
        self, config: Config, features: Exported, labels: Exported | None, seed: int, learners: tuple[Custom, ...]
    ) -> None:
        if features.rows < LEAST_DAYS:
            raise TrainingError(
                f"{features.folder}: {features.rows} working days are too few; export at least {LEAST_DAYS}"
            )
        self._config, self._features, self._labels, self._seed = config, features, labels, seed
        self._learners = learners
        self._sees = tuple(dict.fromkeys(name for one in learners for name in one.columns))
        self._learning = Learning(config)
        self._verdicts = Verdicts(labels, config.time, config.risk.episode_days)
        self._taken: list[dict[str, NDArray[Any]]] = []
        self._departments: list[NDArray[np.object_]] = []

    def run(self, report: Callable[[int, int], None]) -> Trained:
        """Train; ``report`` is told how many of how many days were read.

        Raises:
            ExportError, TrainingError: a file cannot be read, or an estimator fails.
        """
        names = tuple(dict.fromkeys((*COLUMNS, *self._sees)))
        rows = 0
        for part in self._features.partitions(names):
            self._set_aside(part, self._learning.take(part))
            rows += len(part)
            report(rows, self._features.rows)
        examples = self._examples()
        found = Trained(data=self._facts(examples))
        self._fit(found, examples)
        self._compare(found, examples)
        found.priors = self._learning.priors() | self._refined(found)
        found.groups = self._counted()
        return found

    def _set_aside(self, part: Partition, rows: NDArray[np.int64]) -> None:
        """Keep what learners are fitted to: a share of all days by chance, and every day that was judged."""
        columns = part.columns
        levels = columns["level"] - columns["learned"]
        confirmed, weights = self._verdicts.of_day(
            part.day, columns["actor"], levels >= self._config.learning.gate_level
        )
        drawn = np.random.default_rng([self._seed, part.day]).random(len(part)) < MOST_SAMPLES / self._features.rows
        known = columns["settled"].astype(np.bool_) & (columns["active_days"] >= YOUNG_DAYS) & (weights > 0)
        kept = np.flatnonzero(known & (drawn | (weights > 1.0)))
        self._departments.append(columns["department"][kept])
        self._taken.append(
            {
                "X": part.matrix(self._sees)[kept],
                "confirmed": confirmed[kept],
                "weights": weights[kept],
                "levels": levels[kept],
                "people": rows[kept],
                "days": np.full(len(kept), part.day),
            }
        )

    def _examples(self) -> Examples:
        found = Examples(**{name: np.concatenate([one[name] for one in self._taken]) for name in self._taken[0]})
        self._taken.clear()
        if len(found.days) < LEAST_DAYS:
            raise TrainingError(
                f"{self._features.folder}: {len(found.days)} settled days are too few to learn from; export the days "
                f"after the first weeks of a log, at least {LEAST_DAYS}"
            )
        return found

    def _fit(self, found: Trained, examples: Examples) -> None:
        for one in self._learners:
            mine = _seen(examples, self._sees, one.columns)
            if one.kind == "ranker":
                self._rank(found, one, mine)
            else:
                found.learners.append((one, fitted(one, mine, self._seed)))

    def _rank(self, found: Trained, one: Custom, examples: Examples) -> None:
        if lack := examples.lack:
            found.remarks.append(f"no {one.name}: {lack}")
            return
        judged = _called(one, validated, examples, self._seed)
        if judged is None:
            found.remarks.append(f"the {one.name} could not be judged on later days of others; look at a backtest")
        elif judged.precision < judged.before:
            found.remarks.append(
                f"on {judged.days} judged days of other people, {judged.positives} of them confirmed, the order by the "
                f"{one.name} is no better than by level alone; a backtest decides whether it helps"
            )
        found.validation = judged
        found.learners.append((one, fitted(one, examples, self._seed)))

    def _compare(self, found: Trained, examples: Examples) -> None:
        """Departments without the learners and with them."""
        try:
            after = levels_with(found.learners, examples, self._sees)
        except BundleError as error:
            raise TrainingError(f"what was trained cannot judge: {error}") from error
        departments = np.concatenate(self._departments)
        found.departments = shares_of(departments, examples, after, self._config.risk.budget)
        found.remarks.extend(remarks_of(found.departments))

    def _refined(self, found: Trained) -> dict[str, NDArray[Any]]:
        """People whose role is two kinds of work, by pseudonym, and the group of each."""
        learning, count = self._learning, len(self._learning.people)
        known = np.flatnonzero(learning.days[:count] >= SETTLED_PEOPLE)
        profiles = np.log1p(np.nan_to_num(learning.normals[known].astype(np.float64)))
        groups = learning.groups[known]
        parts = split_groups(profiles, groups, self._seed) if len(known) else np.zeros(0, np.int64)
        actors, names = list(learning.people), list(learning.names)
        moved = np.flatnonzero(parts > 0).tolist()
        for group in np.unique(groups[parts > 0]).tolist():
            number = int(parts[groups == group].max()) + 1
            found.remarks.append(
                f"the role {names[group]!r} does {number} kinds of work; each is compared with its own"
            )
        return {
            REFINED: np.array([actors[known[place]] for place in moved], np.str_),
            REFINED_GROUPS: np.array(
                [f"{role_of(names[groups[place]])}{PART}{parts[place] + 1}" for place in moved], np.str_
            ),
        }

    def _facts(self, examples: Examples) -> dict[str, str | int | float]:
        manifest, days = self._features.manifest, self._features.days
        return {
            "first": Calendar.date_of(days[0]).isoformat(),
            "last": Calendar.date_of(days[-1]).isoformat(),
            "days": self._features.rows,
            "people": len(self._learning.people),
            "shards": len(manifest.shards),
            "fitted_days": len(examples.days),
            "confirmed_alerts": self._verdicts.confirmed,
            "denied_alerts": self._verdicts.denied,
            "configuration": manifest.configuration,
            "digest": self._features.digest,
            "labels_digest": self._labels.digest if self._labels is not None else "",
        }

    def _counted(self) -> dict[str, tuple[int, int]]:
        people = self._learning.groups[: len(self._learning.people)]
        numbers = np.bincount(people, minlength=len(self._learning.names))
        days = np.bincount(people, self._learning.days[: len(people)], minlength=len(self._learning.names))
        return {name: (int(numbers[one]), int(days[one])) for name, one in self._learning.names.items()}


def fitted(one: Custom, examples: Examples, seed: int) -> Fitted:
    """The learner fitted to days of which it sees what it wants.

    Raises:
        TrainingError: its estimator cannot be.
    """
    found: Fitted = (
        _called(one, fit_ranker, examples, seed) if one.kind == "ranker" else _called(one, fit_forest, examples.X, seed)
    )
    return found


def _called(one: Custom, fit: Callable[..., Any], examples: Any, seed: int) -> Any:
    try:
        return fit(examples, seed, _afresh(one.estimator, seed))
    except (ValueError, TypeError, AttributeError, BundleError) as error:
        raise TrainingError(f"the learner {one.name!r} cannot be fitted: {str(error).splitlines()[0]}") from error


def _afresh(estimator: Any, seed: int) -> Any:
    """The estimator, not fitted, and drawing by the seed wherever it was given none of its own."""
    from sklearn.base import clone  # type: ignore[import-untyped] # noqa: PLC0415

    if estimator is None:
        return None
    mine = clone(Recipe.of(estimator) if type(estimator).__module__.startswith("river.") else estimator)
    draws = [name for name, own in mine.get_params().items() if name.endswith("random_state") and own is None]
    return mine.set_params(**dict.fromkeys(draws, seed))


def _seen(examples: Examples, names: tuple[str, ...], wanted: tuple[str, ...]) -> Examples:
    places = [names.index(name) for name in wanted]
    whole = {one: getattr(examples, one) for one in ("confirmed", "weights", "levels", "people", "days")}
    return Examples(X=examples.X[:, places], **whole)
