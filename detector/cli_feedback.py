"""Commands about what verdicts have taught."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from typing import Annotated

import typer

from detector.cli_incidents import AUTHOR, CONFIG, STATE, desk_of
from detector.cli_options import say

feedback = typer.Typer(help="What verdicts teach the detector, and taking it back.", rich_markup_mode=None)


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
