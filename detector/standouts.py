"""Who stands out on the last day of a log that is too short to have taught what is normal."""

from dataclasses import dataclass

import numpy as np

from detector.columns import CROWD
from detector.daybook import SLOTS
from detector.engine import NEVER, Engine
from detector.features import Feature


@dataclass(frozen=True, slots=True)
class Standout:
    """One actor who differs from the others on one day.

    Attributes:
        actor: the actor's id.
        detection: the detection whose measure it is.
        observed: the measure, in ``unit``.
        peers: what is normal for peers, ``None`` for sums of surprises.
        unit: of the measure.
        nats: how surprising it is, -ln p among the peers.
    """

    actor: str
    detection: str
    observed: float
    peers: float | None
    unit: str
    nats: float


def standouts(engine: Engine, most: int = 10) -> list[Standout]:
    """Who stands out from the others on the last day that closed, most surprising first; no alerts.

    For a log too short to have taught what is normal: each actor is compared with all others, by the measure that
    sets them apart most. Call it after ``finish``; the pending day is learned.
    """
    day = engine.pending
    if day == NEVER:
        return []
    engine.learn_pending()
    slot = day % SLOTS
    rows = np.flatnonzero(engine.daybook.sums[:, slot, Feature.EVENTS] > 0)
    rows = rows[~engine.people.services[rows]]
    groups = engine.people.groups[rows]
    sums, peaks = (array[rows, slot].astype(np.float64) for array in (engine.daybook.sums, engine.daybook.peaks))
    # The crowd's row has no past of its own, so this compares with peers alone.
    nats = engine.baselines.score_many(np.full(len(rows), CROWD), groups, sums, peaks)
    best = nats.argmax(axis=1)
    order = np.argsort(-nats[np.arange(len(rows)), best], kind="stable")[:most]
    return [
        Standout(
            actor=engine.people.ids[rows[place]],
            detection=next(
                n for n, d in engine.detections.items() if engine.baselines.measures[best[place]] in d.measures
            ),
            observed=engine.baselines.observed(int(best[place]), sums[place], peaks[place]),
            peers=engine.baselines.normal(int(best[place]), CROWD, int(groups[place])).peer_expected,
            unit=engine.baselines.measures[best[place]].unit,
            nats=float(nats[place, best[place]]),
        )
        for place in order.tolist()
        if nats[place, best[place]] > 0
    ]
