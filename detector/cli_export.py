"""Commands that give data out, as Parquet, to those who train and study."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_options import (
    CONFIG,
    STATE,
    Inputs,
    as_read,
    configured,
    goes_on,
    recorded_in,
    say,
    say_all,
    tokens_of,
)

if TYPE_CHECKING:
    from detector.config import Config
    from detector.export.job import Exported, Order

exports = typer.Typer(
    help="Data out as Parquet by day, pseudonymised and as it was known then.",
    rich_markup_mode=None,
)


class Wanted(StrEnum):
    """What one replay of a log can give."""

    EVENTS = "events"
    FEATURES = "features"
    ALERTS = "alerts"


TABLES = {Wanted.EVENTS: ("events",), Wanted.FEATURES: ("features",), Wanted.ALERTS: ("alerts", "findings")}
EVENTS = Annotated[list[Path] | None, typer.Argument(help="Files and folders of events; - is standard input.")]
FOLDER = Annotated[Path, typer.Option("--out", help="The folder of the export; it must not exist yet.")]
DATES = ["%Y-%m-%d"]
FIRST = Annotated[datetime | None, typer.Option("--from", formats=DATES, help="The first accounting day.")]
LAST = Annotated[datetime | None, typer.Option("--to", formats=DATES, help="The last one; nothing later is known.")]
ROSTER = Annotated[Path | None, typer.Option(help="Who works here, CSV.")]
HONEY = Annotated[Path | None, typer.Option(help="Planted customers, one id a line.")]
MAPPING = Annotated[str | None, typer.Option(help="A mapping's name, or a TOML file.")]
CONTEXTS = Annotated[
    Path | None,
    typer.Option(help="The configuration or state folder of a run, to meet its changes of context where it did."),
]


def _command(wanted: Wanted) -> Callable[..., None]:
    def export(  # noqa: PLR0913 - each parameter is one option
        out: FOLDER,
        events: EVENTS = None,
        *,
        first: FIRST = None,
        last: LAST = None,
        also: Annotated[list[Wanted] | None, typer.Option(help="More of the same replay.")] = None,
        shard: Annotated[list[str] | None, typer.Option(help="Only this shard of a topic.")] = None,
        config: CONFIG = None,
        roster: ROSTER = None,
        honey: HONEY = None,
        mapping: MAPPING = None,
        contexts: CONTEXTS = None,
    ) -> None:
        require_pyarrow()
        from detector.export.job import Order
        from detector.span import span_of

        tables = {table for one in (wanted, *(also or ())) for table in TABLES[one]}
        settings = as_read(config, Inputs(tuple(events or ()), mapping, roster, None, honey, None))
        span = span_of(iso(first), iso(last))
        order = Order(tuple(sorted(tables)), out, span, tuple(shard or ()), goes_on(settings))
        done = _replayed(settings, order, contexts, "exporting")
        say(f"{done.rows:,} rows of {done.days} working days in {out}; what they are is in {out / 'dictionary.md'}")
        say_all(done.remarks)

    return export


for _wanted, _help in (
    (Wanted.EVENTS, "Give every admitted event, with tokens and pseudonyms."),
    (Wanted.FEATURES, "Give each person's every working day as it was judged when the day closed."),
    (Wanted.ALERTS, "Give the alerts and their findings, as they stood at the end of the last day."),
):
    exports.command(_wanted.value, help=f"{_help}\n\nThe log is replayed; no run is touched.")(_command(_wanted))


@exports.command("labels")
def labels(
    out: FOLDER,
    *,
    first: FIRST = None,
    last: LAST = None,
    if_any: Annotated[bool, typer.Option("--if-any", help="Where nobody has given a verdict, write nothing.")] = False,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Give the verdicts on alerts, with the times at which they were given and taken back."""
    require_pyarrow()
    from detector.config import load_config
    from detector.export.job import LABELS, Order, write_labels
    from detector.home import Home
    from detector.span import span_of

    settings = configured(config, state=state) if state is not None else load_config(config)
    span = span_of(iso(first), iso(last))
    with closing(Home(settings.state, read_only=True)) as home:
        found = home.store.labels()
    if if_any and not found:
        say("nobody has given a verdict yet, so nothing is written")
        return
    done = write_labels(Order((LABELS,), out, span), found, settings, tokens_of(settings))
    say(f"{done.rows:,} verdicts written to {out}; what they are is in {out / 'dictionary.md'}")


@exports.command("check")
def check(  # noqa: PLR0913 - each parameter is one option
    folder: Annotated[Path, typer.Argument(help="The folder of an export.")],
    events: EVENTS = None,
    *,
    replay: Annotated[bool, typer.Option("--replay", help="Make each day again from the log and compare.")] = False,
    config: CONFIG = None,
    roster: ROSTER = None,
    honey: HONEY = None,
    mapping: MAPPING = None,
    contexts: CONTEXTS = None,
) -> None:
    """Check that an export is whole and in order and that nothing in it knew the future.

    Without --replay, hashes, columns and the order of the times that the export states. With it, every day is made
    again from the log up to the record that closed it, and compared to the bit.
    """
    require_pyarrow()
    from detector.export.check import check_folder
    from detector.export.job import comparison_of

    manifest = check_folder(folder)
    say(f"{len(manifest.files):,} files are as the manifest says, and their times are in order")
    settings = as_read(config, Inputs(tuple(events or ()), mapping, roster, None, honey, None))
    order = comparison_of(folder, goes_on(settings))
    if not replay or not order.tables:
        say("no value was made again; " + ("--replay does that from the log" if order.tables else "verdicts cannot be"))
        return
    done = _replayed(settings, order, contexts, "comparing")
    say(f"{done.rows:,} rows of {done.days} working days are what the log alone gives, to the bit")


def _replayed(settings: "Config", order: "Order", contexts: Path | None, label: str) -> "Exported":
    from detector.app import export
    from detector.cli_progress import progress

    tokens = tokens_of(settings)
    with progress(label) as report:
        try:
            return export(settings, tokens, order, recorded_in(contexts), lambda feed: report(*feed.source.progress))
        except KeyboardInterrupt:
            say("interrupted; nothing was written")
            raise


def iso(day: datetime | None) -> str:
    """A day of the command line as an ISO date, "" for none."""
    return day.date().isoformat() if day is not None else ""


def require_pyarrow() -> None:
    """Say what to install where exports can be neither written nor read."""
    from detector.errors import ExportError

    try:
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: F401
    except ImportError as error:
        raise ExportError(
            "exports are written and read by pyarrow, which is not here; pip install 'innerwatch[batch]'"
        ) from error
