"""One export: each shard of a log in turn, watched while it is replayed, into one folder."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from alerts.labels import Label
from detector.calendar import Calendar
from detector.config import Config
from detector.context import check_of
from detector.errors import ExportError
from detector.export.check import Compared, Steps, require_same
from detector.export.folder import Draft, Manifest, Part, read_manifest
from detector.export.rows import Names, label_rows
from detector.export.watch import Sink, Watch
from detector.feed import Feed
from detector.keeper import Setting
from detector.provenance import configuration_digest, release
from detector.span import EVER, Span, number_of, span_of
from streams import Tokens

LABELS: Final = "labels"
"""The table that comes from what people said, and not from a log."""

Read = Callable[[Feed, Callable[[], bool], Callable[[], int]], None]
"""Reads a feed to its end by steps, unless it is enough before."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        tables: names of tables.
        folder: of the export: to be made, or to be compared with what the log gives.
        span: accounting days.
        shards: names of shards; all if none is named.
        goes_on: whether the log does, so that its end closes no day.
        compares: whether the export is there and is compared.
    """

    tables: tuple[str, ...]
    folder: Path
    span: Span = EVER
    shards: tuple[str, ...] = ()
    goes_on: bool = False
    compares: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """How an export ended: rows of all tables, days, and what must be said of it, in words."""

    rows: int
    days: int
    remarks: tuple[str, ...] = ()


def comparison_of(folder: Path, goes_on: bool) -> Order:
    """The order to compare an export with what its log gives; verdicts come from no log and are left out.

    Raises:
        ExportError: there is no export.
    """
    manifest = read_manifest(folder)
    tables = tuple(table for table in manifest.tables if table != LABELS)
    shards = tuple(part.shard for part in manifest.shards)
    return Order(tables, folder, span_of(manifest.first, manifest.last), shards, goes_on, compares=True)


def write(order: Order, setting: Setting, feeds: Iterable[Feed], read: Read) -> Exported:
    """Write an export of the shards that the feeds read, or compare the one that is there with what they give.

    Raises:
        ExportError: nothing is in the span, or the export cannot be written or is not what the log gives.
    """
    if order.compares:
        return _compare(order, setting, feeds, read)
    with Draft(order.folder) as draft:
        parts: list[Part] = []
        remarks: list[str] = []
        seen: list[int] = []
        for feed in feeds:
            with closing(feed):
                part, watch = _written(feed, order, setting, draft, read)
                parts.append(part)
                remarks += _remarks(feed, watch, part.begins, order.goes_on)
                seen += watch.seen or ()
        if not draft.rows:
            raise ExportError(_nothing(order, seen))
        draft.publish(_manifest(order, setting.config, setting.tokens, parts))
        return Exported(draft.rows, len({one.day for part in parts for one in part.closures}), tuple(remarks))


def _written(feed: Feed, order: Order, setting: Setting, draft: Draft, read: Read) -> tuple[Part, Watch]:
    """Write the rows of one shard."""
    name, begins = feed.keeper.shard.name, feed.source.position.offset
    with draft.partitions(name) as sink:
        watch = _watch(feed, order, order.span, setting, sink)
        read(feed, lambda: watch.enough, lambda: feed.advance()[0])
        watch.finish(ended=watch.enough or not order.goes_on)
    return Part(name, begins, watch.contexts, watch.closures), watch


def write_labels(order: Order, labels: Sequence[Label], config: Config, tokens: Tokens) -> Exported:
    """Write the verdicts that were given in the span, as they were known at its end.

    Raises:
        ExportError: there are none, or the export cannot be written.
    """
    calendar = Calendar(config.time.zone)
    given: dict[int, list[Label]] = {}
    for label in labels:
        if (day := _day(calendar, label.given)) in order.span:
            known = label.withdrawn is not None and _day(calendar, label.withdrawn) <= order.span.last
            given.setdefault(day, []).append(label if known else msgspec.structs.replace(label, withdrawn=None))
    if not given:
        raise ExportError(_nothing(order, [_day(calendar, label.given) for label in labels]))
    with Draft(order.folder) as draft, draft.partitions(LABELS) as sink:
        for day in sorted(given):
            sink.put(LABELS, day, label_rows(given[day]))
            sink.close(LABELS, day)
        draft.publish(_manifest(order, config, tokens, []))
        return Exported(draft.rows, len(given))


def _compare(order: Order, setting: Setting, feeds: Iterable[Feed], read: Read) -> Exported:
    manifest = read_manifest(order.folder)
    require_same(manifest, setting.config, setting.tokens)
    parts = {part.shard: part for part in manifest.shards}
    rows = 0
    for feed in feeds:
        with closing(feed):
            part = parts[feed.keeper.shard.name]
            sink = Compared(order.folder, manifest, part.shard)
            _compared(feed, order, setting, part, sink, read)
            rows += sink.rows
    return Exported(rows, len({one.day for part in manifest.shards for one in part.closures}))


def _compared(feed: Feed, order: Order, setting: Setting, part: Part, sink: Compared, read: Read) -> None:
    """Compare the rows of one shard."""
    # A log that has grown has more days by now, which are none of this export.
    last = max((number_of(one.day) for one in part.closures), default=order.span.last)
    watch = _watch(feed, order, Span(order.span.first, min(last, order.span.last)), setting, sink)
    read(feed, lambda: watch.enough, Steps(feed, watch, sink, part).step)
    watch.finish(ended=watch.enough or not order.goes_on)
    sink.require_whole(watch.closures == part.closures and watch.contexts == part.contexts)


def _watch(feed: Feed, order: Order, span: Span, setting: Setting, sink: Sink) -> Watch:
    shard = feed.keeper.shard
    return Watch(shard, Names(shard, setting.tokens, setting.config.source.paths), order.tables, span, sink)


def _manifest(order: Order, config: Config, tokens: Tokens, parts: list[Part]) -> Manifest:
    return Manifest(
        version=release(),
        tables=sorted(order.tables),
        first="" if order.span.first == EVER.first else Calendar.date_of(order.span.first).isoformat(),
        last="" if order.span.last == EVER.last else Calendar.date_of(order.span.last).isoformat(),
        zone=config.time.zone,
        mapping=config.source.mapping,
        key=check_of(tokens),
        configuration=configuration_digest(config),
        shards=parts,
    )


def _remarks(feed: Feed, watch: Watch, begins: int, goes_on: bool) -> Iterator[str]:
    shard = feed.keeper.shard
    if begins:
        yield (
            f"{shard.name} begins at offset {begins:,}: what was before is gone, so that a run that has seen it "
            "judged otherwise"
        )
    if goes_on and watch.open_days:
        yield f"{shard.name}: {watch.open_days} working days are still open and were left out"
    if feed.keeper.changes_ahead and not watch.enough:
        yield f"{shard.name}: {feed.keeper.changes_ahead} recorded changes of context were not met in this log"


def _nothing(order: Order, seen: Sequence[int]) -> str:
    if not seen:
        return f"there is nothing for {' and '.join(order.tables)} at all; is it the right log or state?"
    first, last = (Calendar.date_of(day) for day in (min(seen), max(seen)))
    return (
        f"there are no rows of {' and '.join(order.tables)} on these days; what is there is from {first} to {last}, "
        "and of a log that goes on the last days are still open"
    )


def _day(calendar: Calendar, time: float) -> int:
    return int(calendar.days(np.array([time]))[0])
