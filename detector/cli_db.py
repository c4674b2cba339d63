"""Commands about the database of alerts and checkpoints."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_options import say

if TYPE_CHECKING:
    from detector.config import StateConfig

databases = typer.Typer(help="The database of alerts: bring it up to date, and look into it.", rich_markup_mode=None)

CONFIG = Annotated[Path | None, typer.Option(help="The configuration that names the state.")]
STATE = Annotated[Path | None, typer.Option(help="The state folder of replay or run.")]


@databases.command("upgrade")
def upgrade(config: CONFIG = None, state: STATE = None) -> None:
    """Bring the database to this release's version; stop what uses it and keep a backup first."""
    from detector.lookup import upgraded

    place, before, after = upgraded(_asked(config, state))
    if before == after:
        typer.echo(f"{place}: version {after} already, nothing to do")
    else:
        typer.echo(f"{place}: upgraded from {f'version {before}' if before else 'nothing'} to version {after}")


@databases.command("check")
def check(config: CONFIG = None, state: STATE = None) -> None:
    """Say where the database is, its version and what is in it; an old or damaged one is an error."""
    from detector.lookup import contents_of

    found = contents_of(_asked(config, state))
    typer.echo(f"database: {found.place}, version {found.version}")
    typer.echo(f"alerts: {found.alerts:,}")
    for shard, epoch in found.shards.items():
        typer.echo(f"shard {shard}: epoch {epoch}")
    for receiver, count in found.waiting.items():
        typer.echo(f"waiting for {receiver}: {count:,}")
    say("every row is in order")


def _asked(config: Path | None, state: Path | None) -> "StateConfig":
    from detector.config import StateConfig, load_config
    from detector.errors import ConfigError

    if (config is None) == (state is None):
        raise typer.BadParameter("name either a configuration by --config or a state folder by --state")
    if state is not None:
        return StateConfig(folder=state)
    found = load_config(config).state
    if found.folder is None and found.database is None:
        raise ConfigError(f"{config}: neither state.folder nor state.database is set; set one, or give --state")
    return found
