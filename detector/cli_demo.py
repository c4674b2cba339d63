"""The demonstration: a simulated insurer with planted insiders, then real CloudTrail files."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from detector.cli_options import Inputs, configured, reveal_all, say, say_all, tokens_of

if TYPE_CHECKING:
    from detector.app import Replayed
    from detector.evaluation import Evaluation
    from detector.feed import Feed

SAMPLE: Final = Path(__file__).with_name("data") / "cloudtrail"
STAFF, DAYS, SEED = 161, 60, 7
"""The insurer of the demonstration: the size at which detection is measured."""
DAY_ONE: Final = date(1970, 1, 1)

Risks = dict[int, dict[int, float]]
"""The level of each day, in nats, by row and day."""


def demo(
    out: Annotated[Path, typer.Option(help="A folder for what is made, made if missing.")] = Path("innerwatch-demo"),
) -> None:
    """Watch planted insiders being caught in a simulated insurer's log; then real CloudTrail files."""
    done, risks = _insurer(out)
    _judge(out, done, risks)
    _cloudtrail(out)
    say("\nWhat to do next")
    say(f"  innerwatch explain ALERT_ID --alerts {out / 'alerts.jsonl'}      everything about one alert")
    say("  innerwatch map test FORMAT.toml SAMPLE...            try a mapping for your own log")
    say("  innerwatch replay EVENTS --roster ROSTER.csv         judge your own log")


def _insurer(out: Path) -> "tuple[Replayed, Risks]":
    from detector.app import dead_letters_path, replay
    from detector.cli_progress import progress
    from detector.simulation import SimulationConfig, simulate

    say(f"An insurer of {STAFF} employees, {DAYS} days, is simulated in {out}.")
    with progress("simulating") as report:
        made = simulate(SimulationConfig(STAFF, DAYS, SEED), out, report)
    hidden = f"{len(made.insiders)} insiders and {len(made.twins)} benign twins"
    say(f"{made.events:,} events; {hidden} are hidden among them.")
    inputs = Inputs((out / "events.jsonl",), roster=out / "roster.csv", honey=out / "honey.txt")
    config = configured(None, inputs)
    risks: Risks = defaultdict(dict)
    with progress("replaying") as report:

        def watch(feed: "Feed") -> None:
            report(*feed.source.progress)
            for day in feed.keeper.closed:
                for row, level in zip(day.rows.tolist(), day.levels.tolist(), strict=True):
                    risks[row][day.day] = level

        return replay(config, tokens_of(config), dead_letters_path(config, out / "alerts.jsonl"), watch), risks


def _judge(out: Path, done: "Replayed", risks: Risks) -> None:
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from alerts.lines import write_alerts
    from alerts.terminal import alert_table
    from detector.evaluation import evaluate
    from detector.report import evaluation_lines, evaluation_table, summary

    if not done.complete:
        raise typer.Exit(130)
    console = Console()
    write_alerts(out / "alerts.jsonl", reveal_all(done.alerts, done.known))
    typer.echo("\nThe alerts, as the analyst sees them")
    console.print(alert_table(done.alerts, ZoneInfo(done.shards[0].engine.config.time.zone)))
    result = evaluate(out / "alerts.jsonl", out / "labels.jsonl")
    typer.echo("\nWhat was planted, and what became of it")
    console.print(evaluation_table(result))
    typer.echo("\n" + "\n".join(evaluation_lines(result)))
    say_all(summary(done))
    _draw(out, done, result, risks)


def _draw(out: Path, done: "Replayed", result: "Evaluation", risks: Risks) -> None:
    """One caught actor's risk over time: the one with the most alerts' worth of risk before the first alert."""
    from detector.pictures import draw_risk
    from detector.risk import risk_of
    from detector.simulation.calendar import ZONE

    caught = [story for story in result.stories if story.kind == "insider" and story.alert_ids]
    if not caught:
        return
    story = max(caught, key=lambda story: (story.delay_s or 0.0, story.story))
    people = done.shards[0].engine.people
    row = people.find(story.actor)
    levels = sorted(risks[row].items()) if row is not None else []
    told = [alert.opened_at.astimezone(ZONE).date() for alert in done.alerts if alert.alert_id in story.alert_ids]
    name = done.shards[0].pseudonym(story.actor)
    draw_risk(
        out / "risk.png",
        f"{name} ({story.story.replace('_', ' ')})",
        [DAY_ONE + timedelta(days=day) for day, _ in levels],
        [risk_of(level) for _, level in levels],
        told,
        _planted(out, story.story),
    )
    say(f"the risk of {name} over time is drawn in {out / 'risk.png'}")


def _planted(out: Path, story: str) -> tuple[date, date]:
    import msgspec

    from detector.evaluation import Label

    labels = [msgspec.json.decode(line, type=Label) for line in (out / "labels.jsonl").read_bytes().splitlines()]
    label = next(label for label in labels if label.story == story)
    return label.start.date(), label.end.date()


def _cloudtrail(out: Path) -> None:
    from rich.console import Console

    from detector.app import dead_letters_path, replay
    from detector.report import standout_table, summary

    typer.echo("\nReal files: AWS CloudTrail of one day, with an attack in it")
    config = configured(None, Inputs((SAMPLE / "logs",), mapping="cloudtrail"))
    done = replay(config, tokens_of(config), dead_letters_path(config, out / "cloudtrail.jsonl"))
    say_all(summary(done))
    typer.echo("What stood out (not alerts: one day is no baseline)")
    Console().print(standout_table(done.shards[0], reveal=True))
