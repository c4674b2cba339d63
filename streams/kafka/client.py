"""How this room reaches Kafka: the configuration, the rights, and errors that say why a server refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import kafka  # type: ignore[import-untyped]
import msgspec
from kafka import errors

from streams.errors import SourceError
from streams.kafka.message import name_of

ANSWER_MS = 10_000  # for a question to the broker
RECONNECT_MS = 5_000  # between attempts to reach a broker that is away, at most
FETCH_BYTES = 4 << 20  # of one answer, four times the largest record kept whole

DISCONNECTED = "socket disconnected"
TIME_UP = "Unable to bootstrap"
HUNG_UP = "it hung up: a wrong password, or TLS where none is expected or the reverse"


class KafkaConfig(msgspec.Struct, frozen=True):
    """Which topic, where (`servers` are the brokers to ask first, each `host:port`), and by which right.

    With `tls` the servers' certificates must be signed by `ca_file` (the system's authorities when None) and
    name the host. With a `username` it logs in by `mechanism` with the first line of `password_file`, which
    needs `tls`: a password is never sent in the clear.

    `group` is the consumer group whose members share the partitions. A `member` with a name of its own gets the
    same partitions back when it returns within the session's time; without one it is any member. Who was silent
    for `session_timeout_s` has left.
    """

    servers: tuple[str, ...]
    topic: str
    tls: bool = False
    ca_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"
    group: str = "innerwatch"
    member: str | None = None
    session_timeout_s: float = 45.0


def open_consumer(config: KafkaConfig, **options: object) -> Any:
    """A client that reads, with `options` of its own; `SourceError` says why no server lets it in."""
    rights = _rights(config)
    with _heard() as heard:
        try:
            return kafka.KafkaConsumer(
                bootstrap_servers=list(config.servers),
                bootstrap_timeout_ms=ANSWER_MS,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=FETCH_BYTES,
                reconnect_backoff_max_ms=RECONNECT_MS,
                allow_auto_create_topics=False,
                **rights,
                **options,
            )
        except (errors.KafkaError, ValueError, OSError) as error:
            raise SourceError(
                f"{config.topic}: no Kafka server answers at {servers_of(config)} ({heard.cause or error}); check "
                "source.kafka"
            ) from error


def _rights(config: KafkaConfig) -> dict[str, object]:
    """The client's options for TLS and the log-in; `SourceError` without a password, or without TLS for one."""
    if config.username is None:
        return {"security_protocol": "SSL", "ssl_cafile": config.ca_file} if config.tls else {}
    if not config.tls or config.password_file is None:
        raise SourceError(
            f"{config.topic}: to log in as {config.username} set source.kafka.tls, since a password is never sent in "
            "the clear, and source.kafka.password_file"
        )
    try:
        password = Path(config.password_file).read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{config.password_file}: the password cannot be read; give a file with it alone") from error
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": config.ca_file,
        "sasl_mechanism": config.mechanism,
        "sasl_plain_username": config.username,
        "sasl_plain_password": password,
    }


class _Heard(logging.Handler):
    """Keeps the most telling cause that the client logs: what it raises says only that time was up."""

    cause = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message of the client."""
        _, said, cause = record.getMessage().partition("failed: ")
        if said and DISCONNECTED in cause:
            self.cause = self.cause or HUNG_UP
        elif said and TIME_UP not in cause and self.cause in ("", HUNG_UP):
            self.cause = cause


@contextmanager
def _heard() -> Iterator[_Heard]:
    handler, client = _Heard(logging.WARNING), logging.getLogger("kafka")
    client.addHandler(handler)
    try:
        yield handler
    finally:
        client.removeHandler(handler)


def servers_of(config: KafkaConfig) -> str:
    """The servers, in words."""
    return ", ".join(config.servers)


def partitions_of(consumer: Any, config: KafkaConfig) -> set[int]:
    """The numbers of the topic's partitions, none when there is no such topic."""
    return set(consumer.partitions_for_topic(config.topic) or ())


def require_topic(consumer: Any, config: KafkaConfig) -> set[int]:
    """The numbers of the topic's partitions; `SourceError` when there is no such topic."""
    found = partitions_of(consumer, config)
    if not found:
        raise SourceError(
            f"{config.topic}: no such topic at {servers_of(config)}; make it, or check source.kafka.topic"
        )
    return found


def bounds_of(consumer: Any, config: KafkaConfig, partition: int) -> tuple[int, int]:
    """The first offset that a partition holds, and the one after its last; `SourceError` when nobody answers."""
    key = kafka.TopicPartition(config.topic, partition)
    try:
        start = consumer.beginning_offsets([key], ANSWER_MS)[key]
        return start, consumer.end_offsets([key], ANSWER_MS)[key]
    except errors.KafkaError as error:
        raise SourceError(
            f"{name_of(*key)}: {servers_of(config)} did not answer ({error}); check the broker"
        ) from error


def gone(name: str, offset: int, bounds: tuple[int, int]) -> str:
    """That a partition does not hold the offset to read on from, in words."""
    return (
        f"{name}: cannot resume at offset {offset}, the partition holds {bounds[0]} to {bounds[1]}: "
        "records were deleted before they were read, or the topic was made anew; begin with new state, and mind "
        "the gap"
    )
