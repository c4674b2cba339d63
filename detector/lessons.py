"""What analysts' verdicts teach a shard: laid over what is told, never mixed into scores, and so taken back at will.

A *lesson* is one verdict about one actor's alerts. While it is in force, by the time of the log,

- a false or benign positive keeps the same from being told again: the same actor, nothing but the detections that were
  told, and at most ``MARGIN_NATS`` above that level. What stays so for ``PROBATION_DAYS`` becomes normal.
- an exception keeps what is expected from being told, up to the risk that it names; it is never learned.
- a true positive keeps the actor's days out of every baseline, and lowers the bar for the actor by ``WATCH_NATS``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.feedback import EXPECTED, Feedback
from detector.risk import level_of
from detector.state import packed_values, unpacked_values

MARGIN_NATS: Final = 3.0
"""As much as a told day has to rise to be told again. On four simulated insurers false alerts fell by a seventh and no
insider was lost; regardless of the detections a few more were spared, and insiders were lost."""
PROBATION_DAYS: Final = 10
"""Active days until a benign change of work is learned: a wrong verdict taken back before then has taught nothing."""
WATCH_NATS: Final = 3.0
FALSE: Final = ("false_positive", "benign_positive")
TRUE: Final = "true_positive"
MARGINS: Final = {**dict.fromkeys(FALSE, MARGIN_NATS), EXPECTED: 0.0}
"""What keeps the same from being told, and how far above the level that it names."""


class Lesson(msgspec.Struct, frozen=True, array_like=True):
    """One verdict about one actor.

    `number` is its own for ever, `actor` the pseudonym, `verdict` one of ``MARGINS`` or ``TRUE``, `detections` those
    that were told, `risk` how high, 0 to 100, `until` the time in the log at which it ends, Unix seconds.
    """

    number: int
    actor: str
    verdict: str
    detections: tuple[str, ...]
    risk: float
    until: float


@dataclass(slots=True)
class Held:
    """A lesson about an actor of this shard.

    Attributes:
        lesson: which.
        row: the actor's.
        since: the actor's active days at that time.
        days: on how many days it decided whether something was told, since that was asked.
        last: the latest of them, days since 1970.
    """

    lesson: Lesson
    row: int
    since: int
    days: int = 0
    last: int = 0

    def is_accepted(self, active_days: NDArray[np.int32]) -> bool:
        """Whether what the actor does is taken for normal by now."""
        return self.lesson.verdict in FALSE and int(active_days[self.row]) - self.since >= PROBATION_DAYS


class Lessons:
    """The lessons in force about actors of this shard."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    @property
    def held(self) -> list[Held]:
        """All of them, by number."""
        return [held for _, held in sorted(self._held.items())]

    def take(
        self, lessons: Sequence[Lesson], rows: Mapping[str, int], now: float, active_days: NDArray[np.int32]
    ) -> list[int]:
        """Go by these lessons alone; the rows whose doings are not taken for normal any more.

        ``rows`` has the rows of the pseudonyms that are known here, ``now`` is the time in the log, ``active_days``
        has those of all rows.
        """
        present = {lesson.number: lesson for lesson in lessons if lesson.until > now and lesson.actor in rows}
        ended = self._end([number for number in self._held if number not in present], active_days)
        for number in sorted(present.keys() - self._held.keys()):
            row = rows[present[number].actor]
            self._held[number] = Held(present[number], row, int(active_days[row]))
        return ended

    def expire(self, now: float, active_days: NDArray[np.int32]) -> list[int]:
        """End what is over at this time of the log; the rows whose doings are not taken for normal any more."""
        over = [number for number, held in self._held.items() if held.lesson.until <= now]
        return self._end(over, active_days)

    def excuses(self, row: int, detections: set[str], level: float, day: int) -> bool:
        """Whether what was found about a row on a day is expected, or the same again as what was benign or false."""
        known = [
            held
            for held in self._held.values()
            if held.row == row
            and held.lesson.verdict in MARGINS
            and detections <= set(held.lesson.detections)
            and level <= level_of(held.lesson.risk) + MARGINS[held.lesson.verdict]
        ]
        _count(known, day)
        return bool(known)

    def lowered(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """By how many nats the bar is lower for each row (n,), (n,)."""
        return np.where(self.watched(rows), WATCH_NATS, 0.0)

    def watched(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whose days are kept out of the baselines, (n,)."""
        return np.isin(rows, [held.row for held in self._held.values() if held.lesson.verdict == TRUE])

    def helped(self, row: int, day: int) -> None:
        """Note that a row was told of because its bar was lower."""
        _count([held for held in self._held.values() if held.row == row and held.lesson.verdict == TRUE], day)

    def accepted(self, active_days: NDArray[np.int32]) -> list[int]:
        """The rows whose doings become normal, by the active days of all rows."""
        return sorted({held.row for held in self._held.values() if held.is_accepted(active_days)})

    def differences(self) -> dict[int, int]:
        """On how many days each lesson decided since the last call, by its number."""
        found = {number: held.days for number, held in sorted(self._held.items()) if held.days}
        for number in found:
            self._held[number].days = 0
        return found

    def clear(self, rows: NDArray[np.int64]) -> None:
        """Forget rows."""
        gone = set(rows.tolist())
        self._held = {number: held for number, held in self._held.items() if held.row not in gone}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state as arrays by name."""
        own = [(one.lesson, one.row, one.since, one.days, one.last) for one in self.held]
        return {"held": packed_values(own)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        own = msgspec.convert(unpacked_values(state["held"]), list[tuple[Lesson, int, int, int, int]])
        self._held = {one[0].number: Held(*one) for one in own}

    def _end(self, numbers: Sequence[int], active_days: NDArray[np.int32]) -> list[int]:
        ended = [self._held.pop(number) for number in sorted(numbers)]
        return sorted({held.row for held in ended if held.is_accepted(active_days)})


def lessons_of(feedback: Sequence[Feedback]) -> tuple[Lesson, ...]:
    """What verdicts say, as a shard takes it."""
    return tuple(Lesson(one.number, one.actor, one.verdict, one.detections, one.risk, one.ends) for one in feedback)


def _count(held: Sequence[Held], day: int) -> None:
    for one in held:
        one.days += int(one.last != day)
        one.last = day
