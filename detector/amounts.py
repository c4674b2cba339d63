"""Hop 4, featurise: the amounts of a batch that depend on what its actors did before."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from detector.columns import Columns
from detector.features import Feature

if TYPE_CHECKING:
    from detector.engine import Engine

LEAST_HOUR_P: Final = 1e-4


def complete(
    engine: "Engine", columns: Columns, groups: NDArray[np.int64], days: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Fill in the amounts that depend on what was before, and return the hour bins, (n,)."""
    amounts, rows = columns.amounts, columns.rows
    engine.daybook.pace(columns)
    bins = engine.context.calendar.bins(columns.times, engine.people.zones(rows))
    amounts[:, Feature.OFF_HOURS] = engine.people.off_hours(rows, bins, days)
    p = engine.hours.score_many(rows, groups, bins)
    amounts[:, Feature.ODDNESS] = np.round(-100.0 * np.log10(np.maximum(p, LEAST_HOUR_P)))
    amounts[:, Feature.NEWNESS] = engine.places.score_from(
        engine.events, rows, groups, days, columns.values, engine.active
    )
    if len(columns.subjects):
        touching, first = np.unique(columns.subject_events, return_index=True)
        # Odd multiples spread rows over 64 bits, so that a pair of actor and customer has a key of its own.
        keys = columns.subjects[first] ^ (rows[touching].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        amounts[touching, Feature.FIRST_TOUCHES] = ~engine.touched.score_many(keys) & columns.unexplained[touching]
        engine.touched.add_many(keys)
        planted = columns.subject_events[np.isin(columns.subjects, engine.context.honey)]
        amounts[planted, Feature.HONEY] = ~engine.people.services[rows[planted]]
    return bins
