"""The comparison of bundles over the past, from the command line."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from detector.cli_export import CONTEXTS, EVENTS, FIRST, HONEY, LAST, MAPPING, ROSTER, iso
from detector.cli_options import BUDGET, CONFIG, Inputs, as_read, goes_on, recorded_in, say, tokens_of

if TYPE_CHECKING:
    from alerts.store import Store
    from detector.backtest.job import Order
    from detector.backtest.report import Report
    from detector.config import Config

NOT_PASSED: Final = 10
"""Exit code, as `innerwatch drift` has it: 3 is what nobody expected."""

BUNDLES = Annotated[
    list[str],
    typer.Option("--bundle", help="A file, a name in the registry, champion, or online; the last is the challenger."),
]


def backtest(  # noqa: PLR0913 - each parameter is one option
    bundle: BUNDLES,
    out: Annotated[Path, typer.Option("--out", help="The folder of the report; it must not exist yet.")],
    events: EVENTS = None,
    *,
    first: FIRST = None,
    last: LAST = None,
    labels: Annotated[Path | None, typer.Option(help="All stories of a simulated log.")] = None,
    inject: Annotated[
        int,
        typer.Option(min=0, max=1_000, help="Put stories of so many insiders into the log, in amounts of its people."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of these; the same gives the same stories.")] = 7,
    state: Annotated[
        Path | None,
        typer.Option(help="The configuration or state folder of a run, for its verdicts and its registry of bundles."),
    ] = None,
    trust: Annotated[list[Path] | None, typer.Option(help="A public key whose bundles are taken as well.")] = None,
    fail: Annotated[bool, typer.Option("--fail", help="End with 10 if the challenger does not pass.")] = False,
    config: CONFIG = None,
    roster: ROSTER = None,
    honey: HONEY = None,
    mapping: MAPPING = None,
    budget: BUDGET = None,
    contexts: CONTEXTS = None,
) -> None:
    """Let bundles judge the past side by side, and say whether the last one may take the first one's place.

    The real engine replays the log once for each; no run is touched. --from and --to are the accounting days whose
    alerts count; the log before them is read to learn.
    """
    from detector.backtest.contestants import contestants_of
    from detector.backtest.job import Order
    from detector.backtest.report import require_room
    from detector.config import overridden
    from detector.evaluation import read_labels
    from detector.span import span_of

    require_room(out)
    settings = as_read(config, Inputs(tuple(events or ()), mapping, roster, None, honey, None), budget)
    keys = (*settings.bundles.trusted_keys, *(path.absolute() for path in trust or ()))
    settings = overridden(settings, "bundles", trusted_keys=keys)
    span = span_of(iso(first), iso(last))
    with _store(config, state) as store:
        contestants = contestants_of(bundle, settings.bundles, store)
        said = store.labels() if store is not None else []
    order = Order(contestants, span, read_labels(labels) if labels is not None else None, said, inject, seed)
    report = _played(settings, order, contexts)
    _told(report, out)
    if fail and not report.passes:
        raise typer.Exit(NOT_PASSED)


@contextmanager
def _store(config: Path | None, state: Path | None) -> "Iterator[Store | None]":
    """The store with verdicts and registry, which is only read: the one that is named, or else the configuration's."""
    from detector.config import load_config
    from detector.errors import CheckpointError
    from detector.home import Home

    named = recorded_in(state) or load_config(config).state
    if state is None and not named.kept:
        yield None
        return
    try:
        home = Home(named, read_only=True)
    except CheckpointError:
        if state is not None:
            raise
        yield None
        return
    with closing(home):
        yield home.store


def _played(settings: "Config", order: "Order", contexts: Path | None) -> "Report":
    from detector.app import arrived, stopping
    from detector.backtest.job import backtest as compare
    from detector.backtest.match import Rules
    from detector.cli_progress import progress
    from detector.replaying import setting_of

    with ExitStack() as stack:
        stop, report = stack.enter_context(stopping()), stack.enter_context(progress("judging"))
        setting = setting_of(settings, tokens_of(settings), recorded_in(contexts), stack)
        rules = Rules(
            order.span, goes_on(settings), settings.source.follow, arrived(settings), stopped=lambda: stop.signal > 0
        )
        try:
            return compare(order, setting, rules, lambda feed: report(*feed.source.progress))
        except KeyboardInterrupt:
            say("interrupted; nothing was written")
            raise


def _told(report: "Report", out: Path) -> None:
    from rich.console import Console

    from detector.backtest.page import page
    from detector.backtest.report import publish, report_json
    from detector.backtest.shown import department_table, figures_table, report_lines

    publish(out, {"report.json": report_json(report), "report.html": page(report)})
    console = Console()
    console.print(figures_table(report))
    console.print(department_table(report))
    typer.echo("\n".join(report_lines(report)))
    say(f"the whole report is in {out / 'report.html'}")
