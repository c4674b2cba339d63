"""Commands that copy a state and put it back."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_options import STATE, say

if TYPE_CHECKING:
    from detector.config import Config

FOLDER = Annotated[Path, typer.Argument(help="The folder of the backup.")]
CONFIG = Annotated[Path | None, typer.Option(help="The configuration that names the state and the key.")]


def backup(folder: FOLDER, config: CONFIG = None, state: STATE = None) -> None:
    """Copy a state, also while a run uses it, into a new folder; the key is not in it and is kept apart."""
    from datetime import UTC, datetime

    from detector.app import key_path, now
    from detector.backup import backup as make

    settings = _asked(config, state)
    made = make(
        settings.state, folder, _key(settings), datetime.fromtimestamp(now(), UTC).isoformat(timespec="seconds")
    )
    typer.echo(f"{folder}: {len(made.parts)} files, {made.size:,} bytes, schema version {made.schema}")
    say(f"the key is not in it; keep a copy of {key_path(settings)} in another place")


def restore(folder: FOLDER, config: CONFIG = None, state: STATE = None) -> None:
    """Put a backup back where there is no state, after a look at every file; a run then goes on from there."""
    from alerts.schema import CURRENT
    from detector.app import key_path
    from detector.backup import restore as put_back

    settings = _asked(config, state)
    made = put_back(folder, settings.state, _key(settings))
    typer.echo(f"{folder}: put back {len(made.parts)} files of {made.made}, schema version {made.schema}")
    if not key_path(settings).exists():
        say(f"before a run put back the key as well, into {key_path(settings)}: with a new one nobody is recognised")
    if made.schema != CURRENT:
        say("before a run bring it up to date: innerwatch db upgrade")


def _asked(config: Path | None, state: Path | None) -> "Config":
    from detector.cli_options import configured

    if (config is None) == (state is None):
        raise typer.BadParameter("name either a configuration by --config or a state folder by --state")
    return configured(config, state=state, keep_state=config is not None)


def _key(config: "Config") -> str:
    """What tells the key from another one, "" where there is none."""
    from detector.app import key_path
    from detector.context import check_of
    from streams import Tokens, load_key

    path = key_path(config)
    return check_of(Tokens(load_key(path))) if path.exists() else ""
