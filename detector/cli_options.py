"""Options that several commands have, and what they come to."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from alerts.alert import Alert
    from detector.config import Config, StateConfig
    from detector.shard import Known
    from streams import Tokens

CONFIG = Annotated[Path | None, typer.Option(help="The configuration, TOML; every key has a default.")]
STATE = Annotated[Path | None, typer.Option(help="A folder that keeps the state, so that a run can be resumed.")]
OUT = Annotated[Path | None, typer.Option(help="The file for the alerts instead of standard output.")]
REVEAL = Annotated[bool, typer.Option("--reveal", help="Real ids instead of pseudonyms.")]
BUDGET = Annotated[float | None, typer.Option(help="Alerts in 1,000 employee-days that the team can read.")]

BUNDLE = Annotated[Path | None, typer.Option(help="A bundle that judges, of a key in bundles.trusted_keys.")]
CHALLENGER = Annotated[Path | None, typer.Option(help="A bundle that is scored beside it and never tells.")]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the command line says about the input; ``None`` leaves it to the configuration."""

    events: tuple[Path, ...] = ()
    mapping: str | None = None
    roster: Path | None = None
    assignments: Path | None = None
    honey: Path | None = None
    vips: Path | None = None


def configured(
    file: Path | None,
    inputs: Inputs = Inputs(),
    budget: float | None = None,
    state: Path | None = None,
    keep_state: bool = False,
) -> "Config":
    """The configuration of a file with the command line's word above it.

    A live run's state is left alone: only ``state`` names a folder, unless ``keep_state``. The configuration's database
    goes with the configuration's folder and with no other.
    """
    from detector.config import load_config, overridden

    config = load_config(file)
    paths = tuple(str(path) for path in inputs.events) or None
    if not keep_state:
        # Files named here take the place of the configuration's topic.
        kafka: dict[str, object] | None = {} if paths else None
        config = overridden(config, "source", paths=paths, kafka=kafka, mapping=inputs.mapping, follow=False)
        own = config.state.folder
        same = state is not None and own is not None and state.absolute() == own.absolute()
        database = config.state.database if same else None
        kept = config.state.model_copy(update={"folder": state, "database": database})
        config = config.model_copy(update={"state": kept})
    context: dict[str, object] = {name: getattr(inputs, name) for name in ("roster", "assignments", "honey", "vips")}
    if any(context.values()):
        context["topic"] = ""  # files named here take the place of the configuration's topic
    return overridden(overridden(config, "context", **context), "risk", budget=budget)


def as_read(file: Path | None, inputs: Inputs, budget: float | None = None) -> "Config":
    """As ``configured``, but a file that grows is read as a run reads it, so that positions and alerts are its."""
    from detector.config import load_config, overridden

    follow = load_config(file).source.follow and not inputs.events
    return overridden(configured(file, inputs, budget), "source", follow=follow)


def goes_on(config: "Config") -> bool:
    """Whether the log does, so that its end closes no day."""
    return config.source.follow or bool(config.source.kafka.servers)


def recorded_in(place: Path | None) -> "StateConfig | None":
    """The state of a run, named by its configuration or by its state folder."""
    from detector.config import StateConfig, load_config

    if place is None:
        return None
    return StateConfig(folder=place) if place.is_dir() else load_config(place).state


def tokens_of(config: "Config") -> "Tokens":
    """The tokens of this installation; says where the key is when it was just made."""
    from detector.app import key_path, load_tokens

    path = key_path(config)
    new = not path.exists()
    tokens = load_tokens(config)
    if new:
        say(f"a key for pseudonyms was made in {path}; keep it: with another one nobody is recognised")
    return tokens


def reveal_all(alerts: "Sequence[Alert]", known: "Mapping[str, Known]") -> "list[Alert]":
    """The alerts under the real ids of their actors, as far as those are known."""
    import msgspec

    return [
        msgspec.structs.replace(alert, actor=known[alert.actor].id or alert.actor) if alert.actor in known else alert
        for alert in alerts
    ]


def say(line: str) -> None:
    """Tell the person at the terminal."""
    typer.echo(line, err=True)


def say_all(lines: Sequence[str]) -> None:
    """Tell several lines."""
    for line in lines:
        say(line)
