"""Where data scientists work: exported days and verdicts as frames, and a model of their own from there to a bundle."""

# ruff: noqa: PLC0415 - pandas and scikit-learn take seconds to load, which `innerwatch train` alone would pay twice

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detector.config import load_config
from detector.errors import TrainingError
from detector.export.tables import TABLES
from detector.learned import LEARNABLE
from detector.training.bundle import draft_of
from detector.training.custom import Custom
from detector.training.fairness import levels_with
from detector.training.job import YOUNG_DAYS, Training, fitted
from detector.training.reading import FEATURES, LABELS, Exported
from detector.training.verdicts import Verdicts
from models.batch import Examples, halves
from models.bundles import Bundle, BundleError, dumped, open_bundle

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Place = str | Path


class Workbench:
    """An export of features, and one of labels where there is one, to be looked at and learned from.

    Args:
        features: the folder that ``innerwatch export features`` wrote.
        labels: the folder that ``innerwatch export labels`` wrote; ``None`` for none.
        config: the configuration by which the log was judged; ``None`` for the defaults.

    Raises:
        ExportError, ConfigError: a folder is no such export, or the configuration cannot be used.
    """

    def __init__(self, features: Place, labels: Place | None = None, config: Place | None = None) -> None:
        self.config = load_config(Path(config) if config is not None else None)
        self._features = Exported(Path(features), FEATURES)
        self._labels = Exported(Path(labels), LABELS) if labels is not None else None

    def days(self, columns: Sequence[str] = (), known_by: date | None = None) -> "pd.DataFrame":
        """The exported days, a row for each person's working day, in the order of time.

        Beside the columns of the export there are ``day``, a date, ``confirmed``, whether an analyst called the day
        misuse, and ``weight``: 3 for a day that an analyst judged, 1 for one at which nobody has looked, 0 for an
        ordinary day of somebody who was confirmed.

        Args:
            columns: of the export; without any, all.
            known_by: verdicts that were given or taken back on this day or later are left out, as whoever trained then
                could not know them.

        Raises:
            ExportError: a file cannot be read, or lacks a column.
        """
        pd = _pandas()
        verdicts = self._verdicts(known_by)
        wanted = list(columns) or [column.name for column in TABLES[FEATURES].columns]
        parts = []
        for part in self._features.partitions(list(dict.fromkeys((*wanted, "actor", "level", "learned")))):
            level = part.columns["level"] - part.columns["learned"]
            odd = level >= self.config.learning.gate_level
            confirmed, weight = verdicts.of_day(part.day, part.columns["actor"], odd)
            frame = pd.DataFrame({name: part.columns[name] for name in wanted})
            parts.append(frame.assign(day=np.datetime64(part.day, "D"), confirmed=confirmed, weight=weight))
        return pd.concat(parts, ignore_index=True)

    def dictionary(self) -> "pd.DataFrame":
        """What each column of the exported days is, by its name: type, unit, window, nulls, when known, meaning."""
        pd = _pandas()
        columns = [
            {"name": one.name, "dtype": one.dtype, "unit": one.unit, "window": one.window, "nulls": one.nulls}
            | {"known": one.known, "meaning": one.meaning, "learnable": one.name in LEARNABLE}
            for one in TABLES[FEATURES].columns
        ]
        return pd.DataFrame(columns).set_index("name")

    def compare(self, learner: Custom) -> "pd.DataFrame":
        """How well confirmed days are found by the online models alone, and with a learner: a row for each.

        The learner is fitted to the earlier days of half of the people, by verdicts that were given then, and both
        judge the later days of the others, as a shard would. ``average_precision`` is over the days that analysts
        judged (of the others nobody knows what they are), ``recall_at_budget`` the share of the confirmed days among
        the highest levels, as many as the budget lets be told. Analysts have looked at what the online models told, so
        that both flatter those.

        Raises:
            TrainingError: there are too few days or verdicts, or the estimator cannot be fitted or kept in a bundle.
        """
        pd = _pandas()
        train, test = self._halves(learner)
        with_it = self._levels(learner, train, test)
        if not test.confirmed.any() or not (test.weights > 1.0)[~test.confirmed].any():
            raise TrainingError(
                "of the later days by which a learner is compared, analysts have confirmed none, or denied none; "
                "export more days with their labels"
            )
        budget = int(np.ceil(self.config.risk.budget / 1000.0 * len(test.days)))
        rows = [_quality(test, levels, budget) for levels in (test.levels, with_it)]
        return pd.DataFrame(rows, index=["online", learner.name])

    def train(self, out: Place, learners: Sequence[Custom], *, owner: str = "", key: Place | None = None) -> Bundle:
        """Fit learners to all days and write them as a bundle, which has the file's name without its ending.

        Args:
            out: the file; it must not exist yet.
            learners: what to fit; ``OURS`` are those of ``innerwatch train``.
            owner: who answers for it; ``training.owner`` if not given.
            key: the file of the key that signs it; ``training.key_file`` if not given.

        Raises:
            TrainingError: there are too few days or verdicts, or an estimator cannot be fitted or kept in a bundle.
        """
        seed = self.config.training.seed
        draft = draft_of(Path(out), self.config.training, owner, Path(key) if key is not None else None)
        work = Training(self.config, self._features, self._labels, seed, tuple(learners))
        trained = work.run(lambda _done, _total: None)
        missing = {one.name for one in learners} - {one.name for one, _ in trained.learners}
        if missing:
            raise TrainingError(f"not all learners could be trained: {'; '.join(trained.remarks)}")
        return open_bundle(draft.write(trained, draft.path.stem, seed), [draft.key.public_key()])

    def _verdicts(self, known_by: date | None) -> Verdicts:
        return Verdicts(self._labels, self.config.time, self.config.risk.episode_days, known_by)

    def _halves(self, learner: Custom) -> tuple[Examples, Examples]:
        """The days to learn from, as they were known at their end, and the later ones of other people."""
        wanted = [*learner.columns, "actor", "settled", "active_days", "level", "learned"]
        last = self.days(list(dict.fromkeys(wanted)))
        settled = last["settled"].to_numpy(bool) & (last["active_days"].to_numpy() >= YOUNG_DAYS)
        if not settled.any():
            raise TrainingError("no day is settled; export the days after the first weeks of a log")
        last = last[settled]
        days = last["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
        people = np.unique(last["actor"].to_numpy(str), return_inverse=True)[1].astype(np.int64)
        early, late = halves(days, people, self.config.training.seed)
        until = np.datetime64(int(days[early].max(initial=days.min())) + 1, "D")
        then = self.days(["actor"], date.fromisoformat(str(until)))[settled]

        def examples(frame: "pd.DataFrame", chosen: NDArray[np.bool_]) -> Examples:
            every = Examples(
                X=last[list(learner.columns)].to_numpy(np.float64),
                confirmed=frame["confirmed"].to_numpy(bool),
                weights=frame["weight"].to_numpy(np.float64),
                levels=(last["level"] - last["learned"]).to_numpy(np.float64),
                people=people,
                days=days,
            )
            return every.those(chosen & (every.weights > 0.0))

        return examples(then, early), examples(last, late)

    def _levels(self, learner: Custom, train: Examples, test: Examples) -> NDArray[np.float64]:
        """The levels of days with what the learner, fitted to others, adds to them, (n,)."""
        if not len(train.days):
            raise TrainingError("there are no earlier days to learn from; export more days")
        if learner.kind == "ranker" and train.lack:
            raise TrainingError(f"{learner.name} cannot be compared: {train.lack}")
        fit = fitted(learner, train, self.config.training.seed)
        try:
            dumped(fit.estimator)
            return levels_with([(learner, fit)], test, learner.columns)
        except BundleError as error:
            raise TrainingError(f"the learner {learner.name!r} cannot be kept in a bundle: {error}") from error


def _quality(days: Examples, levels: NDArray[np.float64], budget: int) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score  # type: ignore[import-untyped]

    judged = days.weights > 1.0
    highest = np.argsort(-levels, kind="stable")[:budget]
    return {
        "average_precision": float(average_precision_score(days.confirmed[judged], levels[judged])),
        "recall_at_budget": float(days.confirmed[highest].sum() / days.confirmed.sum()),
        "confirmed": int(days.confirmed.sum()),
        "judged": int(judged.sum()),
        "days": len(days.days),
    }


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise TrainingError("frames are pandas', which is not here; pip install 'innerwatch[notebooks]'") from error
    return pd
