"""Verdicts as examples: which days of whom an analyst confirmed, and which turned out to be nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.calendar import DAY_S, Calendar
from detector.config import TimeConfig
from detector.training.reading import Exported

CONFIRMED: Final = "true_positive"
DENIED: Final = ("false_positive", "benign_positive")
JUDGED_WEIGHT: Final = 3.0
"""Of a day that an analyst judged, beside one that nobody has looked at."""
FOREVER: Final = 2**62
COLUMNS: Final = ("actor", "verdict", "opened_at", "known_at", "withdrawn_at", "alert_id")


@dataclass(frozen=True, slots=True)
class Judged:
    """An episode that was judged: whose, the days that it covers, and whether it was misuse."""

    actor: str
    first: int
    last: int
    confirmed: bool


class Verdicts:
    """The last word on each alert, as examples of days.

    Args:
        exported: the table of labels; ``None`` for none.
        time: whose days.
        episode_days: how long an episode lasts.
        known_by: what was said on this accounting day or later is left out; ``None`` for nothing.
    """

    def __init__(
        self, exported: Exported | None, time: TimeConfig, episode_days: float, known_by: date | None = None
    ) -> None:
        until = int(np.datetime64(known_by, "D").astype(np.int64)) if known_by is not None else FOREVER
        judged = list(_judged(exported, time, episode_days, until)) if exported is not None else []
        self.confirmed = sum(one.confirmed for one in judged)
        """Alerts that were misuse."""
        self.denied = len(judged) - self.confirmed
        """Alerts that were not."""
        self._by_actor: dict[str, list[Judged]] = {}
        for one in judged:
            self._by_actor.setdefault(one.actor, []).append(one)

    def of_day(
        self, day: int, actors: NDArray[np.object_], odd: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Whether each actor's day was confirmed, and its weight as an example, both (n,).

        A verdict is about the days of an episode that were ``odd``, (n,). An ordinary day of somebody who was confirmed
        says nothing either way.
        """
        confirmed, weights = np.zeros(len(actors), np.bool_), np.ones(len(actors))
        for place, actor in enumerate(actors if self._by_actor else ()):
            for one in self._by_actor.get(actor, ()):
                if one.first <= day <= one.last and (odd[place] or one.confirmed):
                    confirmed[place] |= one.confirmed and odd[place]
                    weights[place] = JUDGED_WEIGHT if odd[place] else 0.0
        return confirmed, weights


def _judged(exported: Exported, time: TimeConfig, episode_days: float, until: int) -> Iterator[Judged]:
    """Each alert's verdict that holds before a day, with the days from its first sign to its episode's end."""
    last: dict[str, tuple[float, str, str, float]] = {}
    calendar = Calendar(time.zone, time.country)
    for part in exported.partitions(COLUMNS):
        if part.day >= until:
            break
        known, opened = (
            part.columns[name].astype("datetime64[us]").astype(np.int64) for name in ("known_at", "opened_at")
        )
        withdrawn = _before(part.columns["withdrawn_at"].astype("datetime64[us]"), calendar, until)
        for place, alert in enumerate(part.columns["alert_id"]):
            if not withdrawn[place]:
                word = str(part.columns["verdict"][place])
                said = (known[place], part.columns["actor"][place], word, opened[place] / 1e6)
                last[alert] = max(last.get(alert, said), said)
    for _, actor, word, moment in last.values():
        if word == CONFIRMED or word in DENIED:
            first = int(calendar.days(np.array([moment]))[0])
            until = int(calendar.days(np.array([moment + episode_days * DAY_S]))[0])
            yield Judged(actor, first, until, word == CONFIRMED)


def _before(moments: NDArray[np.datetime64], calendar: Calendar, until: int) -> NDArray[np.bool_]:
    """Which moments (n,) there were, on a day before one."""
    there = ~np.isnat(moments)
    there[there] = calendar.days(moments[there].astype(np.int64) / 1e6) < until
    return there
