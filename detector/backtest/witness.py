"""What a contestant's shard shows of its days: how many people were at work where, and who stood out most."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from alerts.alert import Alert
from detector.backtest.planting import Planted
from detector.budget import KEPT_RATIO, LEAST_KEPT
from detector.columns import Columns
from detector.shard import Shard
from detector.tap import Closing
from streams import Admitted

BUDGETS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the budget at which recall is looked at."""
NOWHERE: Final = ""
"""The department of those of whom none is known."""


@dataclass(frozen=True, slots=True)
class Worked:
    """A closed day of a shard.

    Attributes:
        day: days since 1970.
        active: people at work, by department.
        telling: whether the shard's warm-up was over.
        top: who stood out most, with their levels in nats, the highest first.
    """

    day: int
    active: Counter[str]
    telling: bool
    top: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class Levels:
    """The levels of a closed day: of the actors with these ids, ascending, (n,)."""

    actors: list[str] = field(default_factory=list)
    nats: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


class Witness:
    """A tap of one contestant's shard, up to the end of a day; services are left out, as they are of the budget.

    However the log is cut, and wherever after that day it ends, it sees the same.

    Args:
        shard: is watched from now on.
        last: the last accounting day that counts.
    """

    def __init__(self, shard: Shard, last: int) -> None:
        self.days: list[Worked] = []
        """The days that have closed, in order."""
        self.alerts: dict[str, Alert] = {}
        """The alerts by id, as they stood at the end of the last day."""
        self.fresh: dict[int, Levels] = {}
        """The levels of days that nobody has compared yet."""
        self.events = self.planted = 0
        """The events of the log, and those that were put into it."""
        self.digest = sha256()
        """Of the log's events by their ids, in order."""
        self._engine, self._shard, self._last = shard.engine, shard, last
        self._kept = KEPT_RATIO * BUDGETS[-1] * shard.engine.config.risk.budget / 1_000.0
        shard.engine.tap = self

    def scored(self, admitted: Sequence[Admitted], columns: Columns, days: NDArray[np.int64]) -> None:  # noqa: ARG002
        """See `Tap`."""
        for item, day in zip(admitted, days.tolist(), strict=True):
            if day > self._last:
                continue
            if isinstance(item.record, Planted):
                self.planted += 1
            else:
                self.events += 1
                self.digest.update(item.event.event_id.encode("utf-8", "surrogatepass") + b"\0")

    def changed(self, alert: Alert) -> None:
        """See `Tap`."""
        if self._engine.context.calendar.days(np.array([alert.updated_at.timestamp()]))[0] <= self._last:
            self.alerts[alert.alert_id] = alert

    def closed(self, closing: Closing) -> None:
        """See `Tap`."""
        if closing.day > self._last:
            return
        people = self._engine.people
        here = ~people.services[closing.rows]
        rows, levels = closing.rows[here], closing.levels[here]
        persons = [people.persons[row] for row in rows.tolist()]
        active = Counter((person.department if person is not None else None) or NOWHERE for person in persons)
        kept = max(LEAST_KEPT, int(self._kept * len(rows)))
        actors = [people.ids[row] for row in rows.tolist()]
        order = np.lexsort((rows, -levels))[:kept].tolist() if self._engine.settled else []
        top = tuple((self._shard.pseudonym(actors[place]), float(levels[place])) for place in order)
        self.days.append(Worked(closing.day, active, self._engine.ready, top))
        ordered = sorted(range(len(actors)), key=actors.__getitem__)
        self.fresh[closing.day] = Levels([actors[place] for place in ordered], levels[ordered])


def rank_correlation(one: Levels, other: Levels) -> float | None:
    """Spearman's rank correlation of the levels of those whom both know; ``None`` where one of the two says nothing.

    >>> rank_correlation(Levels(["a", "b"], np.array([1.0, 2.0])), Levels(["a", "b", "c"], np.array([3.0, 9.0, 5.0])))
    1.0
    """
    places = {actor: place for place, actor in enumerate(other.actors)}
    mine = [place for place, actor in enumerate(one.actors) if actor in places]
    theirs = [places[one.actors[place]] for place in mine]
    if len(mine) < 2:
        return None
    first, second = rankdata(one.nats[mine]), rankdata(other.nats[theirs])
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return round(float((first * second).sum()) / size, 6) if size > 0.0 else None
