"""One pass over exported days: the online models learn them anew, and what learners are fitted to is set aside."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.budget import Budget
from detector.config import Config
from detector.detections import MEASURES
from detector.features import Feature, Peak
from detector.measures import Baselines, Surprise
from detector.people import capacity, role_of
from detector.priors import Shared, priors_of
from detector.risk import Risk
from detector.training.reading import Partition
from models.hour_of_week import HourOfWeek

SUMS: Final = tuple(f"sum_{one.name.lower()}" for one in Feature)
PEAKS: Final = tuple(f"peak_{one.name.lower()}" for one in Peak)
SCORES: Final = tuple(f"score_{measure.name}" for measure in MEASURES)
NORMALS: Final = tuple(f"normal_{one.name}" for one in MEASURES if not isinstance(one, Surprise))
STATED: Final = (
    "actor", "peer_group", "department", "service", "active_days", "settled", "level", "learned", "hours", "episode",
    "late", "gate_open",
)  # fmt: skip
COLUMNS: Final = tuple(dict.fromkeys((*STATED, *SUMS, *PEAKS, *SCORES, *NORMALS)))
"""Of the exported features, what the pass needs."""
HOURS: Final = np.arange(48, dtype=np.uint64)


class Learning:
    """The shared models of an engine, taught by exported days, and what was normal for everybody at the end.

    Args:
        config: as the log was judged by.
    """

    def __init__(self, config: Config) -> None:
        half_life = config.learning.half_life_days
        self.shared = Shared(
            Baselines(MEASURES, half_life),
            HourOfWeek(half_life=half_life),
            Risk(len(MEASURES)),
            Budget(config.risk.budget, config.risk.episode_days),
        )
        self.people: dict[str, int] = {}
        """Rows by pseudonym."""
        self.names: dict[str, int] = {}
        """Peer groups by name."""
        self.groups = np.zeros(0, np.int64)
        """The group of each row as it last was."""
        self.normals = np.zeros((0, len(NORMALS)), np.float32)
        """What was last normal for each row, in the order of ``NORMALS``; NaN without a past."""
        self.days = np.zeros(0, np.int32)
        """Active days of each row."""

    def take(self, part: Partition) -> NDArray[np.int64]:
        """Learn a day; the rows of its people, (n,)."""
        columns = part.columns
        rows, groups = self._numbers(columns["actor"], columns["peer_group"])
        self.groups[rows] = groups
        self.normals[rows] = part.matrix(NORMALS)
        self.days[rows] = columns["active_days"] + 1
        # A person is in a day once for each shard; one is enough to learn from.
        first = np.unique(rows, return_index=True)[1]
        learned = first[(columns["gate_open"] & ~columns["late"])[first]]
        sums, peaks = part.matrix(SUMS), part.matrix(PEAKS)
        mine, theirs = rows[learned], groups[learned]
        if len(learned):
            self.shared.baselines.learn_many(mine, theirs, sums[learned], peaks[learned])
            present = (columns["hours"][learned].astype(np.uint64)[:, None] >> HOURS) & np.uint64(1)
            who, bins = np.nonzero(present)
            self.shared.hours.learn_many(mine[who], theirs[who], bins)
        self._judge(part, rows, first)
        return rows

    def priors(self) -> dict[str, NDArray[Any]]:
        """What a shard may begin with."""
        groups = self.groups[: len(self.people)]
        self.shared.baselines.pool(groups, len(self.names))
        return priors_of(self.shared, list(self.names), groups)

    def _judge(self, part: Partition, rows: NDArray[np.int64], first: NDArray[np.int64]) -> None:
        settled = first[part.columns["settled"][first].astype(np.bool_)]
        if not len(settled):
            return
        scores, kept = part.matrix(SCORES)[settled], ~part.columns["episode"][settled].astype(np.bool_)
        risk = self.shared.risk
        risk.learn_many(rows[settled], scores, risk.score_many(rows[settled], scores), kept)
        persons = settled[~part.columns["service"][settled].astype(np.bool_)]
        levels = part.columns["level"][persons] - part.columns["learned"][persons]
        self.shared.budget.close(part.day, rows[persons], levels, settled=True, telling=False)

    def _numbers(
        self, actors: NDArray[np.object_], roles: NDArray[np.object_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows = np.array([self.people.setdefault(actor, len(self.people)) for actor in actors], np.int64)
        names = [role_of(role) for role in roles]
        groups = np.array([self.names.setdefault(name, len(self.names)) for name in names], np.int64)
        size = capacity(len(self.people))
        if size > len(self.groups):
            more = size - len(self.groups)
            self.groups = np.concatenate([self.groups, np.zeros(more, np.int64)])
            self.normals = np.concatenate([self.normals, np.full((more, len(NORMALS)), np.nan, np.float32)])
            self.days = np.concatenate([self.days, np.zeros(more, np.int32)])
            self.shared.risk.grow(size)
        self.shared.baselines.grow(size, len(self.names))
        self.shared.hours.grow(size, len(self.names))
        return rows, groups
