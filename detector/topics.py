"""The topics of Kafka that the configuration names, and what of them would lose or cut records."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from detector.config import Config
from detector.errors import ConfigError

if TYPE_CHECKING:
    from streams.kafka import KafkaConfig
    from streams.kafka.topics import Fault, Topic, Use

MISSING: Final = "make it: innerwatch topics create"


def kafka_of(config: Config) -> "KafkaConfig":
    """Where Kafka is.

    Raises:
        ConfigError: the configuration names no servers.
    """
    if not config.source.kafka.servers:
        raise ConfigError("source.kafka.servers is not set; name the brokers")
    return config.source.kafka.client()


def named_topics(config: Config) -> "dict[Use, str]":
    """The topics that the configuration names, by what they are for."""
    wanted: dict[Use, str] = {
        "source": config.source.kafka.topic,
        "alerts": config.topics.alerts,
        "dead_letters": config.topics.dead_letters,
        "context": config.context.topic,
    }
    return {use: name for use, name in wanted.items() if name}


def described_topics(config: Config) -> "Iterator[tuple[str, Topic | None, list[Fault]]]":
    """Each topic by its name, None for one that does not exist, with what must be mended or minded.

    Raises:
        ConfigError: the configuration names no servers.
        SourceError: they do not answer, or refuse.
    """
    from streams.kafka.topics import Fault, Topics, faults_of  # noqa: PLC0415 - see KafkaSourceConfig.client

    with closing(Topics(kafka_of(config))) as broker:
        for use, name in named_topics(config).items():
            topic = broker.describe(name)
            yield name, topic, [Fault(True, MISSING)] if topic is None else list(faults_of(topic, use))
