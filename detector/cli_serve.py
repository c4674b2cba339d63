"""Commands of the API: serving it, and who may use it."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated

import typer

from detector.cli_incidents import CONFIG, STATE, desk_of
from detector.cli_options import say

tokens = typer.Typer(help="Who may use the API.", rich_markup_mode=None)

NAME = Annotated[str, typer.Argument(help="Whose token it is; it stands in histories as who did something.")]


@tokens.command("add")
def add(
    name: NAME,
    role: Annotated[str, typer.Option(help="reader looks, analyst works on incidents, admin retries deliveries too.")],
    days: Annotated[float, typer.Option(min=0.001, max=3_650, help="For how long.")] = 365.0,
    config: CONFIG = None,
    state: STATE = None,
) -> None:
    """Make a token, which is shown this once."""
    from alerts.access import Role, Token
    from detector.app import new_secret, now

    roles = [one.value for one in Role]
    if role not in roles:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(roles)}", param_hint="--role")
    created = now()
    token = Token(name=name, role=Role(role), created=created, expires=created + days * 86_400.0)
    with desk_of(config, state) as (desk, _):
        shown = desk.add_token(token, new_secret())
    typer.echo(shown)
    say(f"a token of {name}, {role} for {days:g} days; it is not shown again")


@tokens.command("list")
def list_tokens(config: CONFIG = None, state: STATE = None) -> None:
    """List all tokens there ever were; what they are is known to nobody but their bearers."""
    from zoneinfo import ZoneInfo

    from rich.console import Console

    from alerts.queue import token_table
    from detector.app import now

    with desk_of(config, state) as (desk, settings):
        found = desk.tokens()
    Console().print(token_table(found, now(), ZoneInfo(settings.time.zone)))


@tokens.command("revoke")
def revoke(name: NAME, config: CONFIG = None, state: STATE = None) -> None:
    """Let nobody in by a token any more, from now on."""
    from detector.app import now

    with desk_of(config, state) as (desk, _):
        if not desk.revoke_token(name, now()):
            raise typer.BadParameter(f"{name} has no token that is valid; see innerwatch tokens list")
    say(f"the token of {name} is revoked")


def serve(config: Annotated[Path, typer.Option(help="The configuration; it names the state.")]) -> None:
    """Serve the API of the incident queue, until a signal."""
    from detector.app import serve as serve_api
    from detector.cli import structured_log
    from detector.config import load_config

    raise typer.Exit(serve_api(load_config(config), structured_log()))
