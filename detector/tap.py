"""What a shard shows of its work to somebody who watches, such as an export, without being changed by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alerts.alert import Alert
from detector.columns import Columns
from detector.risk import Judgement
from streams import Admitted


@dataclass(frozen=True, slots=True)
class Closing:
    """One day as it stood when it closed; what else the engine knows then is as it was for the judgement.

    Attributes:
        day: days since 1970.
        rows: the actors active, (n,).
        scores: of their measures, nats, (n, C).
        judged: the judgement of these.
        levels: the level of each that counts, 0 while the shard is unsettled, nats, (n,).
        episodes: whether an episode of each was open, (n,).
        past: the decayed level of each from the days before, nats, (n,).
        by: the event that closed the day; ``None`` where the log's end did.
    """

    day: int
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    judged: Judgement
    levels: NDArray[np.float64]
    episodes: NDArray[np.bool_]
    past: NDArray[np.float64]
    by: Admitted | None


class Tap(Protocol):
    """Is shown what happens in a shard, in the order of its log, however that is cut."""

    def scored(self, admitted: Sequence[Admitted], columns: Columns, days: NDArray[np.int64]) -> None:
        """These events, with their columns and accounting days (n,), were scored."""

    def closed(self, closing: Closing) -> None:
        """A day with events has closed and is judged; it is not learned yet, and its events are all scored."""

    def changed(self, alert: Alert) -> None:
        """An alert opened or changed; nothing may be left out, so an alert may come again within a batch."""
