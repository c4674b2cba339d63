"""Commands about the topics of Kafka."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated

import typer

from detector.cli_options import say

topics = typer.Typer(help="The topics that the configuration names.", rich_markup_mode=None)

CONFIG = Annotated[Path, typer.Option(help="The configuration; it names servers and topics.")]


@topics.command("create")
def create_topics(
    config: CONFIG,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of each that is made.")] = 4,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each that is made.")] = 1,
) -> None:
    """Make the topics that are missing; one that exists is left as it is."""
    from detector.config import load_config
    from detector.topics import kafka_of, named_topics
    from streams.kafka.topics import Topics

    settings = load_config(config)
    broker = Topics(kafka_of(settings))
    try:
        for use, name in named_topics(settings).items():
            made = broker.make(name, partitions, replication, use)
            how = f"made, {partitions} partitions, replication {replication}" if made else "exists, left as it is"
            typer.echo(f"{name}: {how}")
    finally:
        broker.close()


@topics.command("check")
def check_topics(config: CONFIG) -> None:
    """Say how the topics are set, and what of it would lose or cut records; exits with 1 if that must be mended."""
    from detector.config import load_config
    from detector.errors import TopicsError
    from detector.topics import described_topics

    grave = []
    for name, topic, faults in described_topics(load_config(config)):
        typer.echo(str(topic or f"{name}: does not exist"))
        for fault in faults:
            typer.echo(f"  {'must be mended' if fault.grave else 'mind'}: {fault.words}")
            grave += [name] if fault.grave else []
    if grave:
        raise TopicsError(f"{', '.join(dict.fromkeys(grave))}: must be mended before a run; see what is said of it")
    say("the topics are as they must be")
