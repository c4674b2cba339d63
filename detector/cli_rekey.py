"""The command that puts messages under their actors' ids, before the detector."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from detector.cli_options import say, tokens_of

if TYPE_CHECKING:
    from detector.config import Config
    from streams.kafka.rekey import Rekey, RekeyPlan

EVERY: Final = 100_000
"""Messages between two lines of progress."""
REPLAY_GROUP: Final = "innerwatch-replay"
"""The consumer group that remembers which dead letters were passed on."""


def rekey(
    config: Annotated[Path, typer.Option(help="The configuration; source.kafka.topic is written, by source.mapping.")],
    origin: Annotated[
        str | None,
        typer.Option("--from", help="The topic read: source.kafka.topic with .raw, or topics.dead_letters."),
    ] = None,
    group: Annotated[str | None, typer.Option(help="The consumer group that shares the work.")] = None,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop where the topic ended at the start.")] = False,
) -> None:
    """Pass messages on to the source's topic under their actors' ids, at least once, until a signal comes.

    The detector drops what comes twice by its event id. Given the topic of dead letters, those are passed on that can
    be read now, each once: a replay after a fix.
    """
    from detector.config import load_config

    settings = load_config(config)
    pass_on(settings, _plan(settings, origin, group, until_end))


def pass_on(settings: "Config", plan: "RekeyPlan") -> None:
    """Go through a plan, with progress and totals on standard error."""
    from detector.topics import kafka_of
    from streams import open_format
    from streams.kafka.rekey import Rekey

    kafka = kafka_of(settings)
    stage = Rekey(kafka, plan, open_format(settings.source.mapping, tokens_of(settings)))
    try:
        with _signals() as told:
            _steps(stage, told)
    finally:
        stage.close()
        counts = stage.counts
        left = "left as they are" if plan.letters else "passed on with an empty key"
        say(f"{counts['keyed']:,} passed on by actor, {counts['undecodable']:,} undecodable ones {left},")
        say(f"{counts['dropped']:,} dropped by the mapping, from {plan.origin} to {kafka.topic}")
    if told and told[0] == signal.SIGINT:
        raise typer.Exit(130)


def _plan(settings: "Config", origin: str | None, group: str | None, until_end: bool) -> "RekeyPlan":
    from streams.kafka.rekey import RekeyPlan

    target, letters = settings.source.kafka.topic, settings.topics.dead_letters
    origin = origin or f"{target}.raw"
    if origin == target:
        raise typer.BadParameter(f"{origin} is the topic that is written; name another", param_hint="--from")
    plan = RekeyPlan(origin, until_end=until_end)
    if origin == letters:
        if not until_end:
            raise typer.BadParameter("what is rejected again would come back for ever; add --until-end")
        plan = RekeyPlan(origin, REPLAY_GROUP, until_end=True, letters=True)
    return RekeyPlan(plan.origin, group or plan.group, plan.until_end, plan.letters)


def _steps(stage: "Rekey", told: list[int]) -> None:
    done = 0
    while not told and not stage.finished:
        before, done = done, done + stage.step()
        if done // EVERY > before // EVERY:
            say(f"{done:,} messages so far")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Keep the first SIGINT or SIGTERM for the loop to see; a second one acts as usual."""
    told: list[int] = []

    def keep(number: int, _: FrameType | None) -> None:
        told.append(number)
        restore()

    former = {number: signal.signal(number, keep) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, action in former.items():
            signal.signal(number, action)

    try:
        yield told
    finally:
        restore()
