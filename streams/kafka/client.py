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
FETCH_BYTES = 4 << 20  # of one answer, four times the largest record kept whole

DISCONNECTED = "socket disconnected"
TIME_UP = "Unable to bootstrap"
HUNG_UP = "it hung up: a wrong password, or TLS where none is expected or the reverse"


class KafkaConfig(msgspec.Struct, frozen=True):
    """Which partition, where (`servers` are the brokers to ask first, each `host:port`), and by which right.

    With `tls` the servers' certificates must be signed by `ca_file` (the system's authorities when None) and
    name the host. With a `username` it logs in by `mechanism` with the first line of `password_file`, which
    needs `tls`: a password is never sent in the clear.
    """

    servers: tuple[str, ...]
    topic: str
    partition: int = 0
    tls: bool = False
    ca_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"

    @property
    def name(self) -> str:
        """How positions name the partition."""
        return name_of(self.topic, self.partition)


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
                allow_auto_create_topics=False,
                **rights,
                **options,
            )
        except (errors.KafkaError, ValueError, OSError) as error:
            raise SourceError(
                f"{config.name}: no Kafka server answers at {servers_of(config)} ({heard.cause or error}); check "
                "source.kafka"
            ) from error


def _rights(config: KafkaConfig) -> dict[str, object]:
    """The client's options for TLS and the log-in; `SourceError` without a password, or without TLS for one."""
    if config.username is None:
        return {"security_protocol": "SSL", "ssl_cafile": config.ca_file} if config.tls else {}
    if not config.tls or config.password_file is None:
        raise SourceError(
            f"{config.name}: to log in as {config.username} set source.kafka.tls, since a password is never sent in "
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


def absent(config: KafkaConfig, there: set[int]) -> str:
    """Why the partition is not among those there, in words."""
    if not there:
        return f"{config.topic}: no such topic at {servers_of(config)}; make it, or check source.kafka.topic"
    return f"{config.name}: no such partition, the topic has 0 to {max(there)}; check source.kafka.partition"
