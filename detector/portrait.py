"""What is normal for one actor: each measure's own normal and the peers', and the hours of the day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.detections import DETECTIONS
from detector.errors import NotFoundError
from detector.shard import Shard


@dataclass(frozen=True, slots=True)
class MeasureNormal:
    """One measure of one detection. Figures are in ``unit`` a working day; ``None`` where nothing is known.

    Attributes:
        detection: the detection that measures it.
        unit: what is counted.
        own: the actor's normal.
        peers: the peers' normal.
        days: decayed number of own days it rests on.
    """

    detection: str
    unit: str
    own: float | None
    peers: float | None
    days: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is normal for one actor.

    Attributes:
        pseudonym: the actor's name outside.
        group: the peer group.
        peers: actors in it, this one apart.
        active_days: days on which the actor did anything.
        measures: in the order of the detections.
        hours: the share of presence by hour, (48,): 24 hours of working days, then 24 of days off.
    """

    pseudonym: str
    group: str
    peers: int
    active_days: int
    measures: tuple[MeasureNormal, ...]
    hours: NDArray[np.float64]


def portrait_of(shards: Sequence[Shard], actor: str) -> Portrait:
    """The portrait of an actor, named by id or pseudonym, from the shard that has seen most of it.

    Raises:
        NotFoundError: no shard knows such an actor.
    """
    found = [(shard, row) for shard in shards if (row := _row_of(shard, actor)) is not None]
    if not found:
        raise NotFoundError(f"{actor}: nobody in this state has this id or pseudonym; alerts name their actors")
    shard, row = max(found, key=lambda one: int(one[0].engine.people.active_days[one[1]]))
    engine = shard.engine
    people = engine.people
    group = int(people.groups[row])
    measures = []
    for index, measure in enumerate(engine.baselines.measures):
        owner = next(name for name, detection in DETECTIONS.items() if measure in detection.measures)
        if owner in engine.detections:
            normal = engine.baselines.normal(index, row, group)
            measures.append(MeasureNormal(owner, measure.unit, normal.expected, normal.peer_expected, normal.days))
    return Portrait(
        pseudonym=shard.pseudonym(people.ids[row]),
        group=people.group_names[group],
        peers=int((people.groups[: len(people)] == group).sum()) - 1,
        active_days=int(people.active_days[row]),
        measures=tuple(measures),
        hours=engine.hours.distribution_many([row], [group])[0],
    )


def _row_of(shard: Shard, actor: str) -> int | None:
    people = shard.engine.people
    row = people.find(actor)
    if row is not None:
        return row
    return next((row for row, known in enumerate(people.ids) if known and shard.pseudonym(known) == actor), None)
