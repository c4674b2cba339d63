"""What is usual for people of a log, as far as stories about them need it; one pass, in bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from detector.backtest.planting import Marks
from detector.calendar import DAY_STARTS_S, Calendar
from detector.columns import TAKES_OUT
from detector.feed import BATCH_RECORDS, Feed
from detector.keeper import Setting
from detector.replaying import NoLetters, feeds_of
from streams import AccessEvent, Admitted, Guard, GuardConfig, Rejected

FOLLOWED_FOR_EACH: Final = 12
LEAST_FOLLOWED: Final = 256
"""People who are followed: so many for each story, or at least so many."""
KEPT: Final = 48
"""Latest events, times and amounts that are kept of each of them."""
MOST_STRANGERS: Final = 4_096

OPENS: Final = frozenset({"read", "query", "search"})

Subject = tuple[str, int]
"""A customer's token and serial."""


@dataclass(slots=True)
class Usual:
    """What one person does, by the latest of it.

    Attributes:
        actor: the id.
        shard: in whose log.
        days: accounting days with events, and how many customers were opened on each.
        reads: events in which customers were opened.
        takes: events in which data was taken out.
        moments: seconds from the begin of the accounting day.
    """

    actor: str
    shard: str
    days: dict[int, int] = field(default_factory=dict)
    reads: list[AccessEvent] = field(default_factory=list)
    takes: list[AccessEvent] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    @property
    def touches(self) -> float:
        """Customers opened on an ordinary day."""
        return float(np.median(list(self.days.values())))

    @property
    def rows(self) -> float:
        """Records in an ordinary export; 0 for who has taken nothing out."""
        counts = [event.records.count for event in self.takes if event.records is not None and event.records.count]
        return float(np.median(counts)) if counts else 0.0

    def see(self, event: AccessEvent, day: int, moment: float) -> None:
        """Take in one event."""
        self.days[day] = self.days.get(day, 0) + len(event.subjects)
        _keep(self.moments, moment)
        if event.outcome == "success" and event.action in TAKES_OUT:
            _keep(self.takes, event)
        elif event.outcome == "success" and event.action in OPENS and event.subjects:
            _keep(self.reads, event)


@dataclass(slots=True)
class Survey:
    """What a log shows: followed people in the order of the draw, customers, and where its minutes end, by shard."""

    people: list[Usual] = field(default_factory=list)
    customers: list[Subject] = field(default_factory=list)
    marks: dict[str, Marks] = field(default_factory=dict)
    first: int = 2**31
    last: int = -(2**31)


class Clock:
    """The begins of accounting days in a time zone."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._begins: dict[int, float] = {}

    def begin(self, day: int) -> float:
        """When an accounting day begins, Unix seconds."""
        if day not in self._begins:
            local = datetime.combine(Calendar.date_of(day), time(DAY_STARTS_S // 3_600), self._zone)
            self._begins[day] = local.timestamp()
        return self._begins[day]


def survey(
    setting: Setting, stories: int, seed: int, stopped: Callable[[], bool], watch: Callable[[Feed], None] | None
) -> Survey:
    """Read a log once.

    Those are followed whose ids come first in an order that the seed draws, so that nobody need be remembered who will
    not be: whoever is among the first in the end has been among them ever since the first event.

    Args:
        setting: names the log.
        stories: how many are to be told.
        seed: of the draw.
        stopped: whether somebody wants it to end.
        watch: called after every batch.

    Raises:
        KeyboardInterrupt: it was stopped.
        StreamError, DetectorError: in words for the person who started it.
    """
    found = Survey()
    followed = _Followed(max(LEAST_FOLLOWED, FOLLOWED_FOR_EACH * stories), seed)
    clock = Clock(setting.config.time.zone)
    drawn = np.random.default_rng([seed, 1])
    seen = 0
    for feed in feeds_of(replace(setting, letters=NoLetters()), Path()):
        with closing(feed):
            shard = feed.keeper.shard.name
            marks = found.marks.setdefault(shard, Marks())
            for batch in _admitted(feed, stopped, watch):
                days = setting.context.calendar.days(np.array([admitted.time for admitted in batch])).tolist()
                found.first, found.last = min(found.first, *days), max(found.last, *days)
                for admitted, day in zip(batch, days, strict=True):
                    event = admitted.event
                    marks.see(admitted.time, admitted.record.position)
                    if event.subjects:  # a sample of all customers, each event as likely
                        seen += 1
                        place = len(found.customers) if seen <= MOST_STRANGERS else int(drawn.integers(seen))
                        if place < MOST_STRANGERS:
                            found.customers[place : place + 1] = [(event.subjects[0], event.serials[0])]
                    person = followed.of(event, shard)
                    if person is not None:
                        person.see(event, day, admitted.time - clock.begin(day))
    found.people = followed.people
    return found


class _Followed:
    def __init__(self, most: int, seed: int) -> None:
        self._most, self._salt = most, seed.to_bytes(8, "big", signed=True)
        self._ranks: dict[str, bytes] = {}
        self._people: dict[str, Usual] = {}
        self._last = b"\xff"  # the rank of the last of those who are followed

    @property
    def people(self) -> list[Usual]:
        return [self._people[actor] for actor in sorted(self._people, key=self._ranks.__getitem__)]

    def of(self, event: AccessEvent, shard: str) -> Usual | None:
        """Whoever acted, if followed."""
        actor = event.actor.id
        known = self._people.get(actor)
        if known is not None or event.actor.type == "service":
            return known
        rank = blake2b(actor.encode("utf-8", "surrogatepass"), digest_size=16, salt=self._salt).digest()
        if len(self._people) >= self._most:
            if rank >= self._last:
                return None
            gone = max(self._ranks, key=self._ranks.__getitem__)
            del self._people[gone], self._ranks[gone]
        self._people[actor] = Usual(actor, shard)
        self._ranks[actor] = rank
        self._last = max(self._ranks.values())
        return self._people[actor]


def _admitted(
    feed: Feed, stopped: Callable[[], bool], watch: Callable[[Feed], None] | None
) -> Iterator[list[Admitted]]:
    """The events of a log as its shard would take them in, by batches with any."""
    config, decode = feed.keeper.shard.engine.config, feed.keeper.shard.format.decode
    guard = Guard(GuardConfig(config.intake.lateness_s, config.intake.skew_s, config.intake.duplicates))
    while not feed.finished:
        if stopped():
            raise KeyboardInterrupt
        records = feed.source.next_batch(BATCH_RECORDS)
        if not records and config.source.follow:
            break
        decided: list[Admitted | Rejected] = []
        for record in records:
            event = decode(record)
            if isinstance(event, AccessEvent):
                decided += guard.admit(event, record)
        if batch := [one for one in decided if isinstance(one, Admitted)]:
            yield batch
        if watch is not None:
            watch(feed)
    if rest := [one for one in guard.flush() if isinstance(one, Admitted)]:
        yield rest


def _keep(kept: list[Any], one: Any) -> None:
    """Add the latest, and forget what is too old."""
    kept.append(one)
    del kept[:-KEPT]
