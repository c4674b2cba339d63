"""What has drifted in the shards of a state, what else has changed with it, and whether to retrain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.feedback import TEACHES
from alerts.incident import Verdict
from alerts.labels import Label
from detector.bundles import OLDEST_DAYS
from detector.calendar import DAY_S, Calendar
from detector.detections import DETECTIONS
from detector.drift import LEAST_ACTOR_DAYS, P_VALUES, RECENT_DAYS, Drift, Fact, Tally, parts_of_index
from detector.engine import Engine
from detector.shard import Shard

SOME_DRIFT, MUCH_DRIFT = 0.1, 0.25
"""Bounds of the population stability index: the custom of the field, and what the alert on drift goes by."""
ODD_P: Final = 0.01
"""Days with a p-value up to this are told of as odd."""
SHARE_MOVED: Final = 0.1
"""Of actor-days with little past, or of explained events: by as much as this it has to change to be told."""
GROUP_MOVED: Final = 0.05
"""Likewise of the share of a peer group, and of the actors that a change of context gave to other peers."""
NEW_VERDICTS: Final = 50
"""Incidents judged since the training from which on there is something new to learn."""
WINDOW_S: Final = 30.0 * DAY_S
LEAST_VERDICTS, MOST_FALSE = 10, 0.8
"""Of that many verdicts within the window a larger share of false positives is worth a look, as in the alert on it."""
MOST_MEASURES: Final = 3
"""Told of a detection that has drifted, the one that has most first."""


class Act(StrEnum):
    """What is recommended; nothing of it is done by the program."""

    RETRAIN = "retrain"
    LOOK = "look first"
    NOTHING = "nothing to do"


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """How the p-values of actor-days are distributed lately, and before.

    `index` is the population stability index. `odd` is the share of days at p <= ``ODD_P``. The largest part of the
    index comes from the days with `above` < p <= `upto`, whose share is `there`. Shares are lately, then before.
    """

    index: float
    odd: tuple[float, float]
    above: float
    upto: float
    there: tuple[float, float]


class MeasureShift(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of a detection that has drifted."""

    measure: str
    unit: str
    shift: Shift


class DetectionShift(msgspec.Struct, frozen=True, kw_only=True):
    """One detection, over `actor_days` lately and before; `shift` is None where these are too few to be compared.

    `measures` are those that have drifted too, if the detection has.
    """

    detection: str
    actor_days: tuple[int, int]
    shift: Shift | None
    measures: tuple[MeasureShift, ...] = ()

    @property
    def index(self) -> float:
        """The index; 0 where there is none."""
        return self.shift.index if self.shift is not None else 0.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What else is different about the days: a share lately and before, of what."""

    what: str
    share: tuple[float, float]


class ShardDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One shard: the dates that are compared, first and last, its detections, and what else has changed."""

    shard: str
    recent: tuple[str, str] | None
    reference: tuple[str, str] | None
    detections: tuple[DetectionShift, ...]
    changes: tuple[Change, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The drift of all shards, and what is recommended for which reasons."""

    shards: tuple[ShardDrift, ...]
    recommendation: Act
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """What is known of the bundle that judges, and of what analysts have said.

    Attributes:
        now: Unix seconds.
        labels: every verdict.
        trained: when the bundle that judges was trained, Unix seconds; ``None`` if there is none.
    """

    now: float
    labels: Sequence[Label]
    trained: float | None


def report_of(shards: Sequence[Shard], training: Training) -> Report:
    """The drift of shards, as their states have it, and one recommendation for all."""
    found = tuple(drift_of(shard) for shard in shards)
    act, reasons = recommended(found, training)
    return Report(shards=found, recommendation=act, reasons=tuple(reasons))


def drift_of(shard: Shard) -> ShardDrift:
    """The drift of one shard."""
    engine = shard.engine
    lately, before = engine.drift.dates
    return ShardDrift(
        shard=shard.name,
        recent=_span(lately),
        reference=_span(before),
        detections=tuple(_detections(engine)),
        changes=tuple(_changes(engine)),
    )


def recommended(shards: Sequence[ShardDrift], training: Training) -> tuple[Act, list[str]]:
    """What to do, and why.

    What may be a matter of the data comes first: a model that is trained on it would learn a fault.
    """
    drifted = [one for shard in shards for one in shard.detections if one.index > SOME_DRIFT]
    much = sorted({one.detection for one in drifted if one.index > MUCH_DRIFT})
    some = sorted({one.detection for one in drifted} - set(much))
    changes = {change.what for shard in shards for change in shard.changes} if drifted else set()
    drift = [f"index above {MUCH_DRIFT}: {', '.join(much)}"] if much else []
    doubts = [f"index above {SOME_DRIFT}: {', '.join(some)}"] if some else []
    retrain = [*drift, *_reasons_of_age(training)]
    if changes:
        why = f"who or what is in the log has changed ({', '.join(sorted(changes))}); is that meant to stay?"
        return Act.LOOK, [why, *retrain, *doubts]
    doubts += _reasons_of_verdicts(training)
    if retrain:
        return Act.RETRAIN, [*retrain, *doubts]
    if doubts:
        return Act.LOOK, doubts
    compared = any(one.shift is not None for shard in shards for one in shard.detections)
    calm = f"no index is above {SOME_DRIFT}"
    return Act.NOTHING, [calm if compared else f"there are fewer than {LEAST_ACTOR_DAYS} actor-days to compare"]


def _reasons_of_age(training: Training) -> Iterator[str]:
    if training.trained is None:
        return
    age_s = training.now - training.trained
    if age_s > OLDEST_DAYS * DAY_S:
        yield f"the bundle that judges was trained {age_s / DAY_S:.0f} days ago"
    new = len(_judged(training.labels, training.trained))
    if new >= NEW_VERDICTS:
        yield f"{new} incidents were judged since the bundle was trained"


def _reasons_of_verdicts(training: Training) -> Iterator[str]:
    verdicts = list(_judged(training.labels, training.now - WINDOW_S).values())
    false = verdicts.count(Verdict.FALSE_POSITIVE)
    if len(verdicts) >= LEAST_VERDICTS and false > MOST_FALSE * len(verdicts):
        yield f"{false} of the {len(verdicts)} verdicts of the last 30 days are false positives"


def _judged(labels: Sequence[Label], after: float) -> Mapping[str, str]:
    """The verdict on each incident that was given after a time and stands."""
    return {
        label.incident_id: label.verdict
        for label in labels
        if label.withdrawn is None and label.given > after and label.verdict in TEACHES
    }


def _detections(engine: Engine) -> Iterator[DetectionShift]:
    drift, place = engine.drift, 0
    recent, reference = drift.recent, drift.reference
    for number, (name, detection) in enumerate(DETECTIONS.items()):
        mine = range(place, place + len(detection.measures))
        place = mine.stop
        if name not in engine.detections or not detection.measures:
            continue
        now, before = recent.days[number], reference.days[number]
        shift = _shift(now, before, drift.index()[number])
        moved = []
        if shift is not None and shift.index > SOME_DRIFT:
            shifts = {index: _measure_shift(drift, recent, reference, index) for index in mine}
            found = [(index, one) for index, one in shifts.items() if one is not None and one.index > SOME_DRIFT]
            found.sort(key=lambda item: -item[1].index)
            measures = engine.baselines.measures
            moved = [
                MeasureShift(measure=measures[index].name, unit=measures[index].unit, shift=one)
                for index, one in found[:MOST_MEASURES]
            ]
        actor_days = (int(now.sum()), int(before.sum()))
        yield DetectionShift(detection=name, actor_days=actor_days, shift=shift, measures=tuple(moved))


def _measure_shift(drift: Drift, recent: Tally, reference: Tally, index: int) -> Shift | None:
    return _shift(recent.measures[index], reference.measures[index], drift.measure_index()[index])


def _shift(now: NDArray[np.int64], before: NDArray[np.int64], index: float) -> Shift | None:
    if np.isnan(index):
        return None
    shares = now / now.sum(), before / before.sum()
    largest = int(parts_of_index(now, before).argmax())
    odd = P_VALUES.index(ODD_P) + 1
    return Shift(
        index=round(float(index), 4),
        odd=_pair(*(share[:odd].sum() for share in shares)),
        above=P_VALUES[largest - 1] if largest else 0.0,
        upto=P_VALUES[largest],
        there=_pair(*(share[largest] for share in shares)),
    )


def _changes(engine: Engine) -> Iterator[Change]:
    """What of the days themselves is different, where both periods have enough of them."""
    recent, reference = engine.drift.recent, engine.drift.reference
    actor_days = np.array([recent.groups.sum(), reference.groups.sum()])
    if min(actor_days) < LEAST_ACTOR_DAYS:
        return
    for what, part, wholes, least in (
        ("people whom a change of context gave to other peers", Fact.MOVED, actor_days / RECENT_DAYS, GROUP_MOVED),
        ("days of people who have little past yet", Fact.YOUNG, actor_days, SHARE_MOVED),
        ("events with a stated purpose", Fact.EXPLAINED, _counts(recent, reference, Fact.EVENTS), SHARE_MOVED),
    ):
        share = _counts(recent, reference, part) / np.maximum(wholes, 1)
        if (share[0] - share[1] if part is Fact.YOUNG else abs(share[0] - share[1])) > least:  # all were young once
            yield Change(what=what, share=_pair(*share))
    groups = recent.groups / actor_days[0], reference.groups / actor_days[1]
    for group in np.flatnonzero(np.abs(groups[0] - groups[1]) > GROUP_MOVED).tolist():
        name = engine.people.group_names[group]
        yield Change(what=f"days of the peer group {name}", share=_pair(groups[0][group], groups[1][group]))


def _counts(recent: Tally, reference: Tally, fact: Fact) -> NDArray[np.int64]:
    return np.array([recent.facts[fact], reference.facts[fact]])


def _pair(now: float, before: float) -> tuple[float, float]:
    return round(float(now), 4), round(float(before), 4)


def _span(days: Sequence[int]) -> tuple[str, str] | None:
    if not days or not all(days):  # from before their dates were kept
        return None
    return Calendar.date_of(days[0]).isoformat(), Calendar.date_of(days[-1]).isoformat()
