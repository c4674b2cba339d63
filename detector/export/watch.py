"""Watches a shard and gives the rows of its tables, in groups that do not depend on how its log is cut."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from alerts.alert import Alert
from detector.calendar import Calendar
from detector.columns import Columns
from detector.export.rows import Names, alert_rows, event_rows, feature_rows, finding_rows
from detector.shard import Shard
from detector.span import Span
from detector.tap import Closing
from streams import Admitted

GROUP_ROWS: Final = 32_768
"""Rows of a group in a file: what is in memory of each open day, and what a reader takes at once."""


class Sink(Protocol):
    """Takes the rows of a shard's tables, a group at a time."""

    def put(self, table: str, day: int, rows: pa.Table) -> None:
        """The next group of a day's rows."""

    def close(self, table: str, day: int) -> None:
        """The day has no more rows, of all that were put."""


class Closure(msgspec.Struct, frozen=True):
    """A day that has closed, by the record at ``offset`` of ``log``, or by the log's end, which has no place."""

    day: str
    log: str | None
    offset: int | None


class Watch:
    """A tap of one shard.

    Args:
        shard: is watched from now on.
        names: of what is in its rows.
        tables: the names of those wanted.
        span: the days wanted.
        sink: takes the rows.
    """

    def __init__(self, shard: Shard, names: Names, tables: Sequence[str], span: Span, sink: Sink) -> None:
        self.closures: list[Closure] = []
        """The days of the span that have closed, in order."""
        self.contexts: list[str] = []
        """The digests of the contexts that they were judged by."""
        self.seen: tuple[int, int] | None = None
        """The first and the last day with events."""
        self.names = names
        self._engine = shard.engine
        self._tables, self._span, self._sink = frozenset(tables), span, sink
        self._known = -np.inf  # how far the log has come
        self._waiting: dict[int, pa.Table] = {}  # rows of events of open days, less than a group each
        self._alerts: dict[str, dict[int, Alert]] = {}  # by id, as it last stood on each day
        shard.engine.tap = self

    @property
    def enough(self) -> bool:
        """Whether all wanted days have closed: what comes later says nothing about them."""
        return self._engine.oldest > self._span.last

    @property
    def open_days(self) -> int:
        """How many wanted days have had events and not closed."""
        return len([day for day in self._engine.slot_days.tolist() if day >= self._engine.oldest and day in self._span])

    def scored(self, admitted: Sequence[Admitted], columns: Columns, days: NDArray[np.int64]) -> None:
        """See `Tap`."""
        known = np.maximum.accumulate(np.maximum(columns.times, self._known))
        self._known = float(known[-1])
        least, most = int(days.min()), int(days.max())
        self.seen = (least, most) if self.seen is None else (min(least, self.seen[0]), max(most, self.seen[1]))
        if "events" not in self._tables or not any(day in self._span for day in range(least, most + 1)):
            return
        rows = event_rows(self.names, admitted, columns, known)
        for day in np.unique(days).tolist():
            if day in self._span:
                mine = rows.filter(pa.array(days == day))
                before = self._waiting.get(day)
                self._waiting[day] = mine if before is None else pa.concat_tables([before, mine])
                self._give(day)

    def closed(self, closing: Closing) -> None:
        """See `Tap`."""
        self._known = max(self._known, closing.by.time) if closing.by is not None else self._known
        for day in sorted(day for day in self._waiting if day <= closing.day):
            self._give(day, all_=True)
        if closing.day not in self._span:
            return
        log, offset = self.names.place(closing.by.record.position) if closing.by is not None else (None, None)
        self.closures.append(Closure(Calendar.date_of(closing.day).isoformat(), log, offset))
        digest = self._engine.context.digest
        self.contexts += [digest] if digest not in self.contexts else []
        if "features" in self._tables:
            for start in range(0, len(closing.rows), GROUP_ROWS):
                part = slice(start, start + GROUP_ROWS)
                rows = feature_rows(self.names, self._engine, closing, self._known, part)
                self._sink.put("features", closing.day, rows)
            self._sink.close("features", closing.day)

    def changed(self, alert: Alert) -> None:
        """See `Tap`."""
        if (day := self._day(alert.updated_at.timestamp())) <= self._span.last:
            self._alerts.setdefault(alert.alert_id, {})[day] = alert

    def finish(self, *, ended: bool) -> None:
        """Nothing comes any more; ``ended`` if the log has ended. If it goes on, days that are open are left out."""
        for day in sorted(self._waiting) if ended else ():
            self._give(day, all_=True)
        last = self._span.last if ended else min(self._span.last, self._engine.oldest - 1)
        stood = [max((day for day in one if day <= last), default=None) for one in self._alerts.values()]
        alerts = [one[day] for one, day in zip(self._alerts.values(), stood, strict=True) if day is not None]
        alerts.sort(key=lambda alert: (alert.opened_at, alert.alert_id))
        if "alerts" in self._tables:
            self._parted("alerts", alerts, lambda alert: alert.opened_at.timestamp(), alert_rows)
        if "findings" in self._tables:
            found = [(alert, finding) for alert in alerts for finding in alert.findings]
            self._parted("findings", found, lambda one: one[1].time.timestamp(), finding_rows)

    def _give(self, day: int, *, all_: bool = False) -> None:
        rows = self._waiting[day]
        while len(rows) >= GROUP_ROWS or (all_ and len(rows)):
            self._sink.put("events", day, rows[:GROUP_ROWS].combine_chunks())
            rows = rows[GROUP_ROWS:]
        self._waiting[day] = rows
        if all_:
            del self._waiting[day]
            self._sink.close("events", day)

    def _parted(
        self, table: str, items: Sequence[Any], time_of: Callable[[Any], float], rows_of: Callable[..., pa.Table]
    ) -> None:
        days: dict[int, list[Any]] = {}
        for item in items:
            days.setdefault(self._day(time_of(item)), []).append(item)
        for day in sorted(day for day in days if day in self._span):
            self._sink.put(table, day, rows_of(self.names, days[day]))
            self._sink.close(table, day)

    def _day(self, time: float) -> int:
        return int(self._engine.context.calendar.days(np.array([time]))[0])
