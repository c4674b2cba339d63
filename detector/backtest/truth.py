"""What is known to have happened: stories of a simulation, stories that were put into the log, and verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from alerts.alert import Alert
from alerts.incident import Verdict
from alerts.labels import Label as Said
from detector.evaluation import GRACE, AlertLine, Label, StoryResult, judge_story
from detector.shard import pseudonym_of
from streams import Tokens

TRUE: Final = "insider"
BENIGN: Final = "twin"
"""The kinds of a label: misuse, and what only looks like it."""


_MEANING: Final[dict[str, Literal["insider", "twin"]]] = {
    Verdict.TRUE_POSITIVE.value: TRUE,
    Verdict.FALSE_POSITIVE.value: BENIGN,
    Verdict.BENIGN_POSITIVE.value: BENIGN,
}


class Source(StrEnum):
    """Where a case is known from."""

    STORY = "stories"
    INJECTED = "injected"
    VERDICT = "verdicts"


@dataclass(frozen=True, slots=True)
class Case:
    """Something that happened: who acted (a pseudonym), when, whether it was misuse, and where that is known from."""

    source: Source
    label: Label

    @property
    def kind(self) -> str:
        """What kind of story it is."""
        return "verdicts" if self.source is Source.VERDICT else self.label.story

    @property
    def is_misuse(self) -> bool:
        """Whether it ought to be told."""
        return self.label.kind == TRUE


@dataclass(frozen=True, slots=True)
class Truth:
    """All cases.

    Attributes:
        cases: by source, then start.
        complete: whether stories are all that was wrong, so that every other alert is a false one. Verdicts are known
            about what was told alone, and of what was put into the log nothing follows for the rest.
    """

    cases: tuple[Case, ...] = ()
    complete: bool = False

    @property
    def precision_by(self) -> Source | None:
        """What says which alerts are false; ``None`` where nothing does."""
        if self.complete:
            return Source.STORY
        return Source.VERDICT if any(case.source is Source.VERDICT for case in self.cases) else None

    def known(self, alert: Alert) -> bool | None:
        """Whether an alert is about misuse, as far as that is known: ``None`` where it is not.

        An alert about a story that was put into the log says nothing about how many of the real ones are true.
        """
        line = [line_of(alert)]
        met = [case for case in self.cases if judge_story(case.label, line).alert_ids]
        real = [case.is_misuse for case in met if case.source is self.precision_by]
        if any(real):
            return True
        if any(case.source is Source.INJECTED for case in met):
            return None
        return False if real or self.complete else None


def line_of(alert: Alert) -> AlertLine:
    """An alert as it is matched with cases."""
    return AlertLine(alert.alert_id, alert.actor, alert.opened_at, alert.updated_at)


def found_by(case: Case, alerts: Sequence[AlertLine]) -> StoryResult:
    """What became of a case: the alerts that match it, the earliest first, and the delay of that one."""
    return judge_story(case.label, alerts)


def stories(labels: Iterable[Label], tokens: Tokens, source: Source = Source.STORY) -> list[Case]:
    """Cases of stories whose actors are real ids, by start."""
    named = [
        Label(one.story, one.kind, pseudonym_of(tokens, one.actor), one.start, one.end, one.expects)
        for one in sorted(labels, key=lambda one: (one.start, one.story, one.actor))
    ]
    return [Case(source, label) for label in named]


def verdicts(said: Sequence[Said], episode_days: float) -> list[Case]:
    """Cases of the last word on each alert, if that was not taken back and is not left open.

    It is a word on every alert about that actor that is open, or changes, within an episode's days of when that one
    opened: what another contestant tells of the same is rarely told at the same event.
    """
    last = {one.alert_id: one for one in said if one.withdrawn is None}  # in the order in which they were given
    reach = timedelta(days=episode_days)
    found = []
    for one in sorted(last.values(), key=lambda one: (one.opened_at, one.alert_id)):
        if one.verdict in _MEANING:
            start, end = one.opened_at - reach, one.opened_at + reach - GRACE  # which the rule adds again
            label = Label(f"verdict on {one.alert_id}", _MEANING[one.verdict], one.actor, start, end)
            found.append(Case(Source.VERDICT, label))
    return found
