"""Events that are put into a log while it is read: each before the first record that comes after it in time."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from streams import AccessEvent, Format, FormatCounts, Framing, Position, Record, Rejected

MARK_S = 60
"""Seconds between marks: an event may come so much later than it should, which is far from being late."""


class Planted(Record, frozen=True, gc=False):
    """A record that is not in the log: its event as JSON, sealed already. Its position is that of the next that is.

    So a recorded change of context is met where it was, and an alert that it opens is named by a place in the log.
    """


class Marks:
    """Where in a shard's log each minute is over: its memory grows with the minutes, and not with the events."""

    def __init__(self) -> None:
        self._minutes: list[int] = []
        self._positions: list[Position] = []

    def see(self, time: float, position: Position) -> None:
        """A record that moved the log on to this time, Unix seconds."""
        minute = int(time) // MARK_S
        if not self._minutes or minute > self._minutes[-1]:
            self._minutes.append(minute)
            self._positions.append(position)

    def after(self, time: float) -> Position | None:
        """The first record of a later minute than this time's; ``None`` if there is none."""
        place = bisect_right(self._minutes, int(time) // MARK_S)
        return self._positions[place] if place < len(self._positions) else None


class Planting:
    """Puts events into logs.

    Args:
        events: of each shard, with where its log has come to a later time.
    """

    def __init__(self, events: Mapping[str, Sequence[tuple[AccessEvent, Position]]]) -> None:
        self._before: dict[tuple[str, Position], list[Planted]] = {}
        for shard, every in events.items():
            for event, position in sorted(every, key=lambda one: (one[0].time, one[0].event_id)):
                record = Planted(msgspec.json.encode(event), position)
                self._before.setdefault((shard, position), []).append(record)

    def plant(self, shard: str, records: Sequence[Record]) -> Sequence[Record]:
        """The next records of a shard's log with what belongs before each of them."""
        whole: list[Record] = []
        for record in records:
            whole += self._before.get((shard, record.position), ())
            whole.append(record)
        return whole


class PlantedFormat:
    """Decodes what is planted, and leaves the rest to the log's own format.

    What is in the log can never pass for planted, since no source makes such a record.
    """

    def __init__(self, own: Format) -> None:
        self._own = own

    @property
    def framing(self) -> Framing:
        """See `Format`."""
        return self._own.framing

    @property
    def counts(self) -> FormatCounts:
        """See `Format`."""
        return self._own.counts

    def decode(self, record: Record) -> AccessEvent | Rejected | None:
        """See `Format`."""
        if isinstance(record, Planted):
            return msgspec.json.decode(record.raw, type=AccessEvent)
        return self._own.decode(record)
