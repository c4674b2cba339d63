"""Commands about the topics of Kafka."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli_options import say

if TYPE_CHECKING:
    from detector.config import Config
    from streams.kafka import KafkaConfig
    from streams.kafka.topics import Use

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
    from streams.kafka.topics import Topics

    settings = load_config(config)
    broker = Topics(kafka_of(settings))
    try:
        for use, name in named(settings).items():
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
    from streams.kafka.topics import Fault, Topics, faults_of

    settings = load_config(config)
    broker = Topics(kafka_of(settings))
    grave = []
    try:
        for use, name in named(settings).items():
            topic = broker.describe(name)
            typer.echo(str(topic or f"{name}: does not exist"))
            missing = Fault(True, "make it: innerwatch topics create")
            for fault in faults_of(topic, use) if topic is not None else [missing]:
                typer.echo(f"  {'must be mended' if fault.grave else 'mind'}: {fault.words}")
                grave += [name] if fault.grave else []
    finally:
        broker.close()
    if grave:
        raise TopicsError(f"{', '.join(dict.fromkeys(grave))}: must be mended before a run; see what is said of it")
    say("the topics are as they must be")


def kafka_of(settings: "Config") -> "KafkaConfig":
    """Where Kafka is; says so when the configuration names no servers."""
    from detector.errors import ConfigError

    if not settings.source.kafka.servers:
        raise ConfigError("source.kafka.servers is not set; name the brokers")
    return settings.source.kafka.client()


def named(settings: "Config") -> "dict[Use, str]":
    """The topics that the configuration names, by what they are for."""
    wanted: dict[Use, str] = {
        "source": settings.source.kafka.topic,
        "alerts": settings.topics.alerts,
        "dead_letters": settings.topics.dead_letters,
        "context": settings.context.topic,
    }
    return {use: name for use, name in wanted.items() if name}
