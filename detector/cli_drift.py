"""The command that says what has drifted, and recommends."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from detector.cli_options import CONFIG, configured, tokens_of

RECOMMENDED: Final = 10
"""Exit code where what is recommended is what the schedule asked about."""


class Wanted(StrEnum):
    """What a schedule may wait for."""

    RETRAIN = "retrain"
    LOOK = "look first"


def drift(
    config: CONFIG = None,
    *,
    state: Annotated[Path | None, typer.Option(help="The state folder of replay or run.")] = None,
    shard: Annotated[list[str] | None, typer.Option(help="Only this shard.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    fail_on: Annotated[
        list[Wanted] | None, typer.Option(help=f"Exit with {RECOMMENDED} where this is recommended.")
    ] = None,
) -> None:
    """Say how the days of the last week differ from those before, where that comes from, and whether to retrain.

    It reads the newest saved state, beside a run as well, and does nothing else.
    """
    import msgspec

    from detector.app import now
    from detector.lookup import drift_in_state

    settings = configured(config, state=state) if state is not None else configured(config, keep_state=True)
    report = drift_in_state(settings, tokens_of(settings), shard or (), now())
    if json:
        typer.echo(msgspec.json.encode(report))
    else:
        from rich.console import Console

        from detector.report import drift_lines, drift_table

        for one in report.shards:
            typer.echo(f"shard {one.shard}")
            Console().print(drift_table(one))
        typer.echo("\n".join(drift_lines(report)))
    if report.recommendation.value in (fail_on or ()):
        raise typer.Exit(RECOMMENDED)
