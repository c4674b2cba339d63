"""The command line. Standard output is data; everything said to a person goes to standard error.

Exit codes: 0 fine, 1 an error with a name, 2 wrong usage, 3 unexpected, 10 what a schedule asked about, 130
interrupted.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from detector import (
    cli_backtest,
    cli_backup,
    cli_bundles,
    cli_db,
    cli_demo,
    cli_doctor,
    cli_drift,
    cli_export,
    cli_feedback,
    cli_incidents,
    cli_records,
    cli_rekey,
    cli_serve,
    cli_topics,
    cli_train,
)
from detector.cli_options import (
    BUDGET,
    BUNDLE,
    CHALLENGER,
    CONFIG,
    OUT,
    REVEAL,
    STATE,
    Inputs,
    configured,
    recorded_in,
    reveal_all,
    say,
    say_all,
    tokens_of,
)

if TYPE_CHECKING:
    from alerts.alert import Alert
    from detector.app import Replayed

UNEXPECTED: Final = 3

app = typer.Typer(
    name="innerwatch",
    help="Watches how employees use the systems that hold customers' data.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_db.databases, name="db")
app.add_typer(cli_export.exports, name="export")
app.add_typer(cli_records.letters, name="deadletters")
app.add_typer(cli_records.mappings, name="map")
app.add_typer(cli_topics.topics, name="topics")
app.command("rekey")(cli_rekey.rekey)
app.add_typer(cli_incidents.incidents, name="incidents")
app.add_typer(cli_feedback.feedback, name="feedback")
app.add_typer(cli_feedback.exceptions, name="exceptions")
app.command("train")(cli_train.train)
app.add_typer(cli_bundles.bundles, name="bundles")
app.add_typer(cli_incidents.silences, name="silences")
app.add_typer(cli_incidents.deliveries, name="deliveries")
app.add_typer(cli_incidents.receivers, name="receivers")
app.add_typer(cli_serve.tokens, name="tokens")
app.command("serve")(cli_serve.serve)
app.command("backtest")(cli_backtest.backtest)
app.command("backup")(cli_backup.backup)
app.command("restore")(cli_backup.restore)
app.command("doctor")(cli_doctor.doctor)
app.command("probe")(cli_doctor.probe)
app.command("drift")(cli_drift.drift)
app.command("demo")(cli_demo.demo)


@app.command()
def replay(  # noqa: PLR0913 - each parameter is one option
    events: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders of events; - is standard input.")
    ] = None,
    *,
    config: CONFIG = None,
    roster: Annotated[Path | None, typer.Option(help="Who works here, CSV.")] = None,
    assignments: Annotated[Path | None, typer.Option(help="Who was given which case, JSON lines.")] = None,
    honey: Annotated[Path | None, typer.Option(help="Planted customers, one id a line.")] = None,
    vips: Annotated[Path | None, typer.Option(help="Customers who tempt the curious, one id a line.")] = None,
    mapping: Annotated[str | None, typer.Option(help="A mapping's name, or a TOML file.")] = None,
    budget: BUDGET = None,
    out: OUT = None,
    reveal: REVEAL = False,
    state: STATE = None,
    contexts: Annotated[
        Path | None,
        typer.Option(help="The configuration or state folder of a run, to meet its changes of context where it did."),
    ] = None,
    bundle: BUNDLE = None,
    challenger: CHALLENGER = None,
) -> None:
    """Judge a log to its end and give one line for each alert in its final state."""
    inputs = Inputs(tuple(events or ()), mapping, roster, assignments, honey, vips)
    settings = configured(config, inputs, budget, state)
    from detector.app import dead_letters_path
    from detector.app import replay as replay_log
    from detector.bundles import BundleFiles
    from detector.cli_progress import progress
    from detector.report import summary

    tokens = tokens_of(settings)
    letters = dead_letters_path(settings, out)
    bundles = BundleFiles(bundle, challenger) if bundle or challenger else None
    with progress("replaying") as report:
        done = replay_log(
            settings, tokens, letters, lambda feed: report(*feed.source.progress), recorded_in(contexts), bundles
        )
    if not done.complete:
        more = "run the same command again to go on" if state else "with --state DIR it could be resumed"
        say(f"interrupted; {more}")
        raise typer.Exit(130)
    show(reveal_all(done.alerts, done.known) if reveal else done.alerts, out, settings.time.zone)
    say_all(summary(done))
    require_readable(done)
    say_standouts(done, reveal)


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="The configuration; it names the source and the state folder.")],
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of metrics.port, for several workers on one machine.")
    ] = None,
) -> None:
    """Watch live; each alert is a line on standard output, once it is safely recorded."""
    from detector.app import run as run_live
    from detector.config import load_config, overridden

    settings, log = overridden(load_config(config), "metrics", port=metrics_port), structured_log()
    logging.getLogger("kafka").addHandler(_Client(log))
    raise typer.Exit(run_live(settings, tokens_of(settings), sys.stdout.buffer, log))


@app.command()
def deliver(
    config: Annotated[Path, typer.Option(help="The configuration; it names the state and the receivers.")],
) -> None:
    """Tell receivers of alerts as they come, until a signal; detection is never held up by it."""
    from detector.app import deliver as tell
    from detector.config import load_config

    raise typer.Exit(tell(load_config(config), structured_log()))


def structured_log() -> Any:
    """A log of JSON lines on standard error."""
    import structlog

    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )


class _Client(logging.Handler):
    """Passes on what the Kafka client complains of, in the form of our own log."""

    def __init__(self, log: Any) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on one complaint."""
        self._log.warning("kafka", says=record.getMessage())


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="A folder, made if missing.")],
    staff: Annotated[int, typer.Option(help="Employees.")] = 161,
    days: Annotated[int, typer.Option(help="Calendar days.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 7,
    start: Annotated[str, typer.Option(help="First day.")] = "2026-03-02",
    warm_up_days: Annotated[int, typer.Option(help="Days at the beginning without a story.")] = 20,
) -> None:
    """Write a small insurer's log with insiders and benign twins, and its context and labels."""
    from detector.cli_progress import progress
    from detector.simulation import SimulationConfig
    from detector.simulation import simulate as simulate_insurer

    asked = SimulationConfig(staff, days, seed, start, warm_up_days)
    with progress("simulating") as report:
        made = simulate_insurer(asked, out, report)
    say(f"{made.events:,} events of {made.staff} employees, {len(made.insiders)} insiders and {len(made.twins)} benign")
    say(f"twins among them, in {out}; next: innerwatch replay {out / 'events.jsonl'} --roster {out / 'roster.csv'} \\")
    say(f"  --honey {out / 'honey.txt'} --reveal --out alerts.jsonl")


@app.command()
def evaluate(
    alerts: Annotated[Path, typer.Argument(help="Alerts of replay --reveal.")],
    labels: Annotated[Path, typer.Argument(help="labels.jsonl of the simulation.")],
    warm_up_days: Annotated[int | None, typer.Option(help="Days in which alerts are counted apart.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Compare alerts with what was planted: insiders found, twins flagged, share of true alerts, delay."""
    from detector.evaluation import evaluate as evaluate_alerts

    result = evaluate_alerts(alerts, labels, warm_up_days)
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(result.as_dict()).decode())
        return
    from rich.console import Console

    from detector.report import evaluation_lines, evaluation_table

    Console().print(evaluation_table(result))
    typer.echo("\n".join(evaluation_lines(result)))


@app.command()
def explain(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, or how it begins.")],
    alerts: Annotated[Path | None, typer.Option(help="A file of alerts.")] = None,
    state: STATE = None,
    reveal: REVEAL = False,
    config: CONFIG = None,
) -> None:
    """Show everything an analyst can check about one alert, and the first steps."""
    if (alerts is None) == (state is None):
        raise typer.BadParameter("name either a file by --alerts or a state folder by --state")
    if reveal and state is None:
        raise typer.BadParameter("--reveal needs --state; a file says what it says: write it by replay --reveal")
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from alerts.terminal import alert_detail
    from detector.lookup import alert_in_file, alert_in_state, known_in_state

    settings = configured(config, state=state)
    found = alert_in_file(alerts, alert_id) if alerts is not None else alert_in_state(settings.state, alert_id)
    if reveal and state is not None:
        (found,) = reveal_all([found], known_in_state(settings.state))
    Console().print(alert_detail(found, ZoneInfo(settings.time.zone)))


@app.command()
def baseline(
    actor: Annotated[str, typer.Argument(help="The actor's id or pseudonym.")],
    state: Annotated[Path, typer.Option(help="The state folder of replay or run.")],
    config: CONFIG = None,
    picture: Annotated[Path | None, typer.Option(help="Also draw it, as PNG.")] = None,
) -> None:
    """Show what is normal for one actor and for the actor's peers."""
    from rich.console import Console

    from detector.lookup import resting_shards
    from detector.portrait import portrait_of
    from detector.report import hours_lines, portrait_table

    settings = configured(config, state=state)
    portrait = portrait_of(resting_shards(settings, tokens_of(settings)), actor)
    typer.echo(
        f"{portrait.pseudonym}: peer group {portrait.group}, {portrait.peers} peers, {portrait.active_days} active days"
    )
    Console().print(portrait_table(portrait))
    typer.echo("\n".join(hours_lines(portrait)))
    if picture is not None:
        from detector.pictures import draw_portrait

        draw_portrait(picture, portrait)
        say(f"drawn in {picture}")


@app.command()
def check(config: CONFIG = None) -> None:
    """Check the configuration and the files it names, and say which detections are ready."""
    from rich.console import Console

    from detector.context import read_context
    from detector.lookup import checked_files, has_state, resting_shards
    from detector.readiness import readiness
    from detector.report import readiness_table

    settings = configured(config, keep_state=True)
    for line in checked_files(settings):
        typer.echo(line)
    if settings.state.folder is not None and not has_state(settings.state):
        settings = configured(config)  # a folder that a first run will fill
    tokens = tokens_of(settings)
    context = read_context(settings, tokens)
    say_all(context.complaints)
    for shard in resting_shards(settings, tokens):
        shard.adopt(context)  # as it will be when it next runs
        typer.echo(f"shard {shard.name}: {shard.counts['events']:,} events")
        Console().print(readiness_table(readiness(shard.engine)))


def show(alerts: "Sequence[Alert]", out: Path | None, zone: str) -> None:
    """Write the alerts to a file, or to standard output: a table on a terminal, lines otherwise."""
    if out is not None:
        from alerts.lines import write_alerts

        write_alerts(out, alerts)
        say(f"{len(alerts)} alerts written to {out}; next: innerwatch explain ALERT_ID --alerts {out}")
    elif sys.stdout.isatty():
        from zoneinfo import ZoneInfo

        from rich.console import Console

        from alerts.terminal import alert_table

        Console().print(alert_table(alerts, ZoneInfo(zone)))
    else:
        from alerts.lines import send_alerts

        send_alerts(sys.stdout.buffer, alerts)


def require_readable(done: "Replayed") -> None:
    """A log of which nothing could be read is the wrong file or has another format: that is no success."""
    from detector.errors import UnreadableError

    counts = sum((shard.counts for shard in done.shards), Counter[str]())
    if counts["events"] or not any(name.startswith("rejected.") for name in counts):
        return
    raise UnreadableError(
        f"not one record could be read as {done.shards[0].mapping!r}; is it the right file? Name its format by "
        "--mapping, and see by innerwatch map test what a mapping makes of it"
    )


def say_standouts(done: "Replayed", reveal: bool) -> None:
    """While there is no baseline yet: who stands out among the others."""
    from rich.console import Console

    from detector.report import standout_table

    tables = [standout_table(shard, reveal) for shard in done.shards if not shard.engine.ready]
    if any(table.row_count for table in tables):
        say("\nWhat stood out on the last day (not alerts: the baseline is not ready yet):")
        for table in tables:
            Console(stderr=True).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    command: Callable[..., None] = typer.main.get_command(app)
    try:
        command(args=arguments, prog_name="innerwatch")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the last resort, which tells where the details are
        sys.exit(_told(error))


def _told(error: Exception) -> int:
    from alerts.errors import AlertsError
    from detector.errors import DetectorError
    from models.errors import ModelError
    from streams.errors import StreamError

    if isinstance(error, AlertsError | DetectorError | ModelError | StreamError):
        say(f"innerwatch: {error}")
        return 1
    if isinstance(error, OSError) and error.filename is not None:
        say(f"innerwatch: {error.filename}: {error.strerror}; check the path and who may use it")
        return 1
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="innerwatch-", suffix=".traceback", delete=False) as file:
        traceback.print_exception(error, file=file)
    say(f"innerwatch: unexpected {type(error).__name__}; the details are in {file.name}, please report them")
    return UNEXPECTED


if __name__ == "__main__":
    main()
