"""The contestants, side by side over the same records: each is the real engine, with a bundle of its own or none."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from alerts.alert import Alert
from alerts.contexts import ContextChange
from detector.backtest.planting import PlantedFormat, Planting
from detector.backtest.witness import Witness, Worked, rank_correlation
from detector.calendar import Calendar
from detector.context import Context
from detector.feed import BATCH_RECORDS, Feed
from detector.keeper import Keeper, Setting
from detector.replaying import NoLetters, feeds_of
from detector.span import Span
from detector.trail import History
from streams import Record

if TYPE_CHECKING:
    from models.bundles import Bundle

ONLINE: Final = "online"
"""The contestant without a bundle: the online models alone."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who judges: a bundle, or the online models alone."""

    bundle: "Bundle | None" = None

    @property
    def name(self) -> str:
        """The bundle's, or ``ONLINE``."""
        return self.bundle.manifest.name if self.bundle is not None else ONLINE

    @property
    def digest(self) -> str:
        """The bundle's, "" for none."""
        return self.bundle.digest if self.bundle is not None else ""


@dataclass(slots=True)
class Played:
    """What a contestant has told, each alert in its final state, and the days that it has judged."""

    alerts: list[Alert] = field(default_factory=list)
    days: list[Worked] = field(default_factory=list)


class LogFacts(msgspec.Struct, kw_only=True):
    """What was read: events up to the last day, those put into it apart, and the SHA-256 of its ids in order."""

    shards: list[str] = []
    first: str = ""
    last: str = ""
    events: int = 0
    injected: int = 0
    digest: str = ""
    remarks: list[str] = []


@dataclass(slots=True)
class Match:
    """A log that contestants have judged.

    Attributes:
        played: of each contestant.
        correlations: the rank correlation of the first's and the last's levels on each day, with how many people.
        log: what was read.
        people: the ids of those who were seen.
    """

    played: list[Played]
    correlations: list[tuple[int, float, int]] = field(default_factory=list)
    log: LogFacts = field(default_factory=LogFacts)
    people: set[str] = field(default_factory=set)


class Judge(History):
    """The contexts that a run has recorded, with another bundle that judges, the same from beginning to end.

    Args:
        history: the run's.
        bundle: judges instead of the run's own.
    """

    def __init__(self, history: History, bundle: "Bundle | None") -> None:
        self._history, self._bundle = history, bundle

    def changes(self, shard: str, above: int = 0) -> list[ContextChange]:
        """See `History`."""
        return self._history.changes(shard, above)

    def context(self, digest: str) -> Context:
        """See `History`; of the run's bundles, none is asked for."""
        return replace(self._history.without_bundles(digest), champion=self._bundle)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a match goes.

    Attributes:
        span: the accounting days that count; the log is read until the last has closed.
        goes_on: whether the log does, so that its end closes no day.
        follows: whether it is a file that grows, which ends where there is nothing more at the moment.
        arrived: when the log is known to have existed, Unix seconds.
        planting: puts events into the log.
        stopped: whether somebody wants it to end.
    """

    span: Span
    goes_on: bool = False
    follows: bool = False
    arrived: float | None = None
    planting: Planting | None = None
    stopped: Callable[[], bool] = lambda: False


def play(
    setting: Setting, contestants: Sequence[Contestant], rules: Rules, watch: Callable[[Feed], None] | None = None
) -> Match:
    """Let contestants judge a log.

    Args:
        setting: what they have in common; nothing is written.
        contestants: who, two at least.
        rules: how.
        watch: called after every batch.

    Raises:
        KeyboardInterrupt: it was stopped.
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    settings = [_setting(setting, one) for one in contestants]
    match = Match([Played() for _ in contestants])
    with ExitStack() as stack:
        for feed in feeds_of(settings[0], Path()):
            stack.enter_context(closing(feed))
            others = [Keeper(one, feed.keeper.shard.name) for one in settings[1:]]
            keepers = [feed.keeper, *others]
            for keeper in others:
                stack.enter_context(closing(keeper))
            _play_shard(feed, keepers, rules, match, watch)
    match.correlations.sort()
    return match


def _setting(setting: Setting, contestant: Contestant) -> Setting:
    history = Judge(setting.history, contestant.bundle) if setting.history is not None else None
    context = replace(setting.context, champion=contestant.bundle, challenger=None)
    return replace(setting, context=context, history=history, letters=NoLetters())


def _play_shard(
    feed: Feed, keepers: Sequence[Keeper], rules: Rules, match: Match, watch: Callable[[Feed], None] | None
) -> None:
    witnesses = [Witness(keeper.shard, rules.span.last) for keeper in keepers]
    name = keepers[0].shard.name
    for keeper in keepers if rules.planting is not None else ():
        keeper.shard.format = PlantedFormat(keeper.shard.format)
    for records in _read(feed, rules, lambda: all(one.shard.engine.oldest > rules.span.last for one in keepers)):
        planted = rules.planting.plant(name, records) if rules.planting is not None else records
        for keeper in keepers:
            keeper.take(planted, str(feed.source.position))
            keeper.commit()
        match.correlations += _compared(witnesses)
        if watch is not None:
            watch(feed)
    if rules.stopped():
        raise KeyboardInterrupt
    if feed.finished and not rules.goes_on:
        for keeper in keepers:
            keeper.conclude(rules.arrived)
        match.correlations += _compared(witnesses)
    for played, witness in zip(match.played, witnesses, strict=True):
        played.alerts += witness.alerts.values()
        played.days += witness.days
    match.people |= set(keepers[0].shard.engine.people.ids)
    _note(match.log, keepers, witnesses[0])


def _read(feed: Feed, rules: Rules, enough: Callable[[], bool]) -> Iterator[Sequence[Record]]:
    """The records of a log to its end, or to where there are no more at the moment."""
    while not feed.finished and not enough() and not rules.stopped():
        records = feed.source.next_batch(BATCH_RECORDS)
        if not records and rules.follows:
            return
        yield records


def _compared(witnesses: Sequence[Witness]) -> list[tuple[int, float, int]]:
    first, last = witnesses[0].fresh, witnesses[-1].fresh
    found = []
    for day in sorted(first.keys() & last.keys()):
        one = first.pop(day)
        correlation = rank_correlation(one, last.pop(day))
        if correlation is not None:
            found.append((day, correlation, len(one.actors)))
    return found


def _note(log: LogFacts, keepers: Sequence[Keeper], witness: Witness) -> None:
    name = keepers[0].shard.name
    log.shards.append(name)
    log.events += witness.events
    log.injected += witness.planted
    log.digest = sha256((log.digest + witness.digest.hexdigest()).encode()).hexdigest()
    if witness.days:
        first, last = (Calendar.date_of(witness.days[place].day).isoformat() for place in (0, -1))
        log.first, log.last = min(log.first or first, first), max(log.last, last)
    if ahead := max(keeper.changes_ahead for keeper in keepers):
        log.remarks.append(f"{name}: {ahead} recorded changes of context were not met in this log")
