"""What analysts' verdicts teach a shard: laid over its scores and never mixed into them, so that it can be taken back.

A *lesson* is one verdict about one actor's alerts. While it is in force, by the time of the log,

- of all lessons together, a detection that was wrong more often than the others counts for less (doubt);
- a false or benign positive lets what the actor does become normal after ``PROBATION_DAYS``, though it stands out;
- a true positive keeps the actor's days out of every baseline and lowers the bar for the actor by ``WATCH_NATS``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.feedback import Feedback
from detector.detections import DETECTIONS
from detector.segments import to_grid
from detector.state import packed_values, unpacked_values

PROBATION_DAYS: Final = 10
"""Active days until a benign change of work is learned: a wrong verdict taken back before then has taught nothing."""
WATCH_NATS: Final = 3.0
MOST_DOUBT: Final = 3.0
"""Nats that a detection loses at most: what it alone sees is still told, a little later."""
LEAST_VERDICTS: Final = 8
"""Until there are so many, no detection is doubted."""
PRIOR_VERDICTS: Final = 2.0
"""True positives that each detection is taken to have had beforehand, with as many false ones as all have."""
FALSE: Final = ("false_positive", "benign_positive")
TRUE: Final = "true_positive"


class Lesson(msgspec.Struct, frozen=True, array_like=True):
    """One verdict about one actor.

    `number` is its own for ever, `actor` the pseudonym, `verdict` one of ``FALSE`` or ``TRUE``, `detections` those
    that were told, `until` the time in the log at which it ends, Unix seconds.
    """

    number: int
    actor: str
    verdict: str
    detections: tuple[str, ...]
    until: float


@dataclass(slots=True)
class Held:
    """A lesson about an actor of this shard.

    Attributes:
        lesson: which.
        row: the actor's.
        since: the actor's active days at that time.
        days: on how many days it made the difference between being told and not, since that was asked.
    """

    lesson: Lesson
    row: int
    since: int
    days: int = 0


@dataclass(frozen=True, slots=True)
class Overlay:
    """What lessons change of the judgement of n actor-days.

    Attributes:
        doubt: nats that each measure and the joint picture lose for everyone, (C + 1,).
        watch: nats that the level gains, (n,).
    """

    doubt: NDArray[np.float64]
    watch: NDArray[np.float64]


class Lessons:
    """The lessons in force.

    Args:
        joint: the detection that the joint picture belongs to.
    """

    def __init__(self, joint: str) -> None:
        owners = [name for name, detection in DETECTIONS.items() for _ in detection.measures]
        self._owners = [*owners, joint]
        self._held: dict[int, Held] = {}
        self._doubt = np.zeros(len(self._owners))

    @property
    def held(self) -> list[Held]:
        """Those about actors of this shard, by number."""
        return [held for _, held in sorted(self._held.items())]

    def take(
        self, lessons: Sequence[Lesson], rows: Mapping[str, int], now: float, active_days: NDArray[np.int32]
    ) -> list[int]:
        """Go by these lessons alone; the rows whose doings are not taken for normal any more.

        ``rows`` has the rows of the pseudonyms that are known here, ``now`` is the time in the log, ``active_days``
        has those of all rows.
        """
        present = {lesson.number: lesson for lesson in lessons if lesson.until > now}
        ended = self._end([number for number in self._held if number not in present])
        self._doubt = doubts(list(present.values()), self._owners)
        for number in sorted(present.keys() - self._held.keys()):
            row = rows.get(present[number].actor)
            if row is not None:
                self._held[number] = Held(present[number], row, int(active_days[row]))
        return ended

    def expire(self, now: float) -> list[int]:
        """End what is over at this time of the log; the rows whose doings are not taken for normal any more."""
        return self._end([number for number, held in self._held.items() if held.lesson.until <= now])

    def overlay(self, rows: NDArray[np.int64]) -> Overlay | None:
        """What they change for rows (n,), None for nothing."""
        watched = self.watched(rows)
        if not self._doubt.any() and not watched.any():
            return None
        return Overlay(self._doubt, np.where(watched, WATCH_NATS, 0.0))

    def watched(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whose days are kept out of the baselines, (n,)."""
        return np.isin(rows, [held.row for held in self._held.values() if held.lesson.verdict == TRUE])

    def accepted(self, active_days: NDArray[np.int32]) -> list[int]:
        """The rows whose doings become normal, by the active days of all rows."""
        due = [held for held in self._held.values() if active_days[held.row] - held.since >= PROBATION_DAYS]
        return sorted({held.row for held in due if held.lesson.verdict in FALSE})

    def count(self, rows: NDArray[np.int64]) -> None:
        """Note that lessons decided whether the day of these rows (n,) is told."""
        for held in self._held.values():
            held.days += int(held.row in rows)

    def differences(self) -> dict[int, int]:
        """On how many days each lesson made the difference since the last call, by its number."""
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
        own = [(one.lesson, one.row, one.since, one.days) for one in self.held]
        return {"held": packed_values(own), "doubt": self._doubt.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot."""
        own = msgspec.convert(unpacked_values(state["held"]), list[tuple[Lesson, int, int, int]])
        self._held = {lesson.number: Held(lesson, *rest) for lesson, *rest in own}
        self._doubt = np.array(state["doubt"])

    def _end(self, numbers: Sequence[int]) -> list[int]:
        ended = [self._held.pop(number) for number in sorted(numbers)]
        return sorted({held.row for held in ended if held.lesson.verdict in FALSE})


def lessons_of(feedback: Sequence[Feedback]) -> tuple[Lesson, ...]:
    """What verdicts say, as a shard takes it."""
    return tuple(Lesson(one.number, one.actor, one.verdict.value, one.detections, one.ends) for one in feedback)


def doubts(lessons: Sequence[Lesson], owners: Sequence[str]) -> NDArray[np.float64]:
    """The nats that each of ``owners`` loses, (C,): the log of its odds of being wrong to those of all detections.

    >>> wrong = [Lesson(n, "E-1", "false_positive", ("bulk_export",), 0.0) for n in range(9)]
    >>> right = [Lesson(9, "E-2", "true_positive", ("odd_hours",), 0.0)]
    >>> doubts(wrong + right, ["bulk_export", "odd_hours"]).round(2).tolist()
    [0.64, 0.0]
    """
    wrong = [lesson for lesson in lessons if lesson.verdict in FALSE]
    right = [lesson for lesson in lessons if lesson.verdict == TRUE]
    if len(wrong) + len(right) < LEAST_VERDICTS:
        return np.zeros(len(owners))
    overall = (len(wrong) + 1.0) / (len(right) + 1.0)
    found = {name: log(_odds(wrong, right, name, overall) / overall) for name in sorted(set(owners))}
    return to_grid(np.clip([found[name] for name in owners], 0.0, MOST_DOUBT))


def _odds(wrong: Sequence[Lesson], right: Sequence[Lesson], detection: str, overall: float) -> float:
    false, true = (sum(detection in one.detections for one in lessons) for lessons in (wrong, right))
    return (false + PRIOR_VERDICTS * overall) / (true + PRIOR_VERDICTS)
