"""Commands that look after an installation."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated

import typer

from detector.cli_options import say

CONFIG = Annotated[Path, typer.Option(help="The configuration of the run.")]


def doctor(
    config: CONFIG, json: Annotated[bool, typer.Option("--json", help="Everything as one JSON array.")] = False
) -> None:
    """Look at everything that a run needs and change nothing; exits with 1 if something must be mended."""
    import msgspec

    from detector.app import key_path, now
    from detector.doctor import examined
    from detector.examination import Grade

    checks = []
    for check in examined(config, key_path, now):
        checks.append(check)
        if not json:
            typer.echo(f"{check.grade.upper():4}  {check.name}: {check.words}")
    if json:
        typer.echo(msgspec.json.encode(checks))
    failed = sum(check.grade is Grade.FAIL for check in checks)
    if failed:
        say(f"{failed} of {len(checks)} must be mended before a run")
        raise typer.Exit(1)


def probe(
    config: CONFIG,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether it is ready, not only whether it lives.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="The port, if not metrics.port.")] = None,
) -> None:
    """Ask the process that runs on this machine how it is, for a supervisor; exits with 1 if something is wrong."""
    from detector.config import load_config, overridden
    from detector.errors import MetricsError
    from detector.probe import probed

    settings = overridden(load_config(config), "metrics", port=port).metrics
    wrong = probed(settings, "readyz" if ready else "livez")
    if wrong:
        raise MetricsError(f"{settings.host}:{settings.port}: {wrong}")
    say("ok")
