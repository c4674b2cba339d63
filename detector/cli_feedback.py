"""Commands about what people have told the detector: verdicts, and exceptions."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import re
from typing import Annotated

import typer

from detector.cli_incidents import AUTHOR, CONFIG, STATE, desk_of, say_hidden
from detector.cli_options import say

feedback = typer.Typer(help="What verdicts teach the detector, and taking it back.", rich_markup_mode=None)
exceptions = typer.Typer(help="What is to be expected of somebody, until it ends.", rich_markup_mode=None)

PSEUDONYM = r"E-[0-9a-f]{16}"


@feedback.command("list")
def list_feedback(
    config: CONFIG = None,
    state: STATE = None,
    every: Annotated[bool, typer.Option("--all", help="What was taken back too.")] = False,
) -> None:
    """List what verdicts teach: who said it about whom, until when, and on how many days it made a difference."""
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from alerts.queue import feedback_table

    with desk_of(config, state) as (desk, settings):
        found = [(one, days) for one, days in desk.feedback() if every or one.withdrawn is None]
    Console().print(feedback_table(found, ZoneInfo(settings.time.zone)))
    say(f"{len(found)} in all; take one back by innerwatch feedback withdraw NUMBER")


@feedback.command("withdraw")
def withdraw(
    number: Annotated[int, typer.Argument(help="Its number.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Take back what a verdict taught, from the next look of the detector on; the incident stays as it is."""
    from alerts.work import By
    from detector.app import now

    with desk_of(config, state) as (desk, _):
        if not desk.withdraw_feedback(number, By(by, now())):
            raise typer.BadParameter(f"no feedback {number} is in force; see innerwatch feedback list")
    say(f"feedback {number} is taken back")


@exceptions.command("add")
def add_exception(  # noqa: PLR0913 - each parameter is one option
    actors: Annotated[list[str], typer.Argument(help="Pseudonyms, as alerts and `innerwatch baseline` give them.")],
    *,
    detection: Annotated[list[str], typer.Option(help="What is expected; anything else is told as ever.")],
    days: Annotated[float, typer.Option(min=0.1, max=90, help="How long, at most 90 days.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
    severity: Annotated[str, typer.Option(help="What is more severe than this is told: low, medium or high.")] = "high",
    by: AUTHOR = "analyst",
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would have kept quiet, and keep none.")
    ] = False,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Open no incident about expected work of somebody, such as a migration or a yearly report, for some days.

    Unlike a silence it is the detector that goes by it: what is expected is no alert, and is never learned as normal.
    """
    from alerts.alert import Severity
    from alerts.feedback import Exceptions
    from alerts.work import By
    from detector.app import now

    if severity not in list(Severity):
        raise typer.BadParameter(f"{severity!r} is none of low, medium, high", param_hint="--severity")
    wrong = [actor for actor in actors if not re.fullmatch(PSEUDONYM, actor)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is no pseudonym; innerwatch baseline {wrong[0]} says whose it is")
    made = Exceptions(
        actors=tuple(actors), detections=_known(detection), most=Severity(severity), days=days, reason=reason
    )
    with desk_of(config, state) as (desk, _):
        say_hidden(desk.would_hide(made))
        if not preview:
            numbers = ", ".join(map(str, desk.expect(made, By(by, now()))))
            say(f"kept as {numbers}; it ends by itself, or by innerwatch exceptions end NUMBER")


@exceptions.command("list")
def list_exceptions(
    config: CONFIG = None,
    state: STATE = None,
    every: Annotated[bool, typer.Option("--all", help="What has ended too.")] = False,
) -> None:
    """List what is to be expected: of whom, who said so, until when, and on how many days it made a difference."""
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from alerts.feedback import EXPECTED
    from alerts.queue import feedback_table
    from detector.app import now

    with desk_of(config, state) as (desk, settings):
        found = [(one, days) for one, days in desk.feedback() if one.verdict == EXPECTED]
    shown = [(one, days) for one, days in found if every or (one.withdrawn is None and one.ends > now())]
    Console().print(feedback_table(shown, ZoneInfo(settings.time.zone)))
    say(f"{len(shown)} in all")


@exceptions.command("end")
def end_exception(
    number: Annotated[int, typer.Argument(help="Its number.")],
    by: AUTHOR = "analyst",
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """End an exception now, from the next look of the detector on."""
    withdraw(number, by, config, state)


def _known(names: list[str]) -> tuple[str, ...]:
    from detector.detections import DETECTIONS

    for name in names:
        if name not in DETECTIONS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(DETECTIONS)}", param_hint="--detection")
    return tuple(sorted(set(names)))
