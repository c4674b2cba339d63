"""How this room reaches Kafka: the configuration, the clients, and errors that say why a server refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import kafka  # type: ignore[import-untyped]
from kafka import errors

from streams.errors import SourceError
from streams.kafka.message import name_of
from streams.kafka.rights import Rights, options_of

ANSWER_MS = 10_000  # for a question to the broker
FETCH_BYTES = 4 << 20  # of one answer, four times the largest record kept whole
BACKOFF_MS = 2_000  # at most between two tries to reach a broker that is away
LINGER_MS = 20  # that messages wait for others to be sent with

DISCONNECTED = "socket disconnected"
TIME_UP = "Unable to bootstrap"
HUNG_UP = "it hung up: a wrong password, or TLS where none is expected or the reverse"


# At DEBUG the client writes what it sends, passwords too; whoever wants that asks the client's loggers by name.
logging.getLogger("kafka").setLevel(logging.WARNING)


class KafkaConfig(Rights, frozen=True):
    """Which topic, where (`servers` are the brokers to ask first, each `host:port`), and by which right.

    `group` is the consumer group whose members share the partitions. A `member` with a name of its own gets the
    same partitions back when it returns within the session's time; without one it is any member. Who was silent
    for `session_timeout_s` has left.
    """

    servers: tuple[str, ...]
    topic: str
    group: str = "innerwatch"
    member: str | None = None
    session_timeout_s: float = 45.0


def open_consumer(config: KafkaConfig, **options: object) -> Any:
    """A client that reads, with `options` of its own; `SourceError` says why no server lets it in."""
    fixed = {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "max_partition_fetch_bytes": FETCH_BYTES,
        "allow_auto_create_topics": False,
    }
    return _open(kafka.KafkaConsumer, config, {**fixed, **options})


def open_producer(config: KafkaConfig, **options: object) -> Any:
    """A client that writes, in order and at least once; `SourceError` says why no server lets it in.

    An idempotent client of kafka-python 3.0.12 would be ended by one message that is too large for its topic, and
    all that wait with it would fail for the same reason. So a retry may repeat a message here, and whoever reads
    tells repeats by what is in them.
    """
    fixed = {
        "enable_idempotence": False,
        "acks": "all",
        "retries": float("inf"),  # until the delivery has timed out
        "max_in_flight_requests_per_connection": 1,  # so that a retry overtakes nothing
        "linger_ms": LINGER_MS,
        "max_request_size": FETCH_BYTES,
        "max_block_ms": ANSWER_MS,
        "allow_auto_create_topics": False,
    }
    return _open(kafka.KafkaProducer, config, {**fixed, **options})


def open_admin(config: KafkaConfig) -> Any:
    """A client that asks about topics and makes them; `SourceError` says why no server lets it in."""
    return _open(kafka.KafkaAdminClient, config, {})


def settle(producer: Any, futures: Iterable[Any], timeout_s: float) -> None:
    """Wait until each message has arrived or failed, which its future says; no longer than `timeout_s` for one."""
    with suppress(errors.KafkaError):  # a flush of kafka-python 3.0.12 ends early when a batch was split
        producer.flush(timeout_s)
    for future in futures:
        if not future.is_done:
            with suppress(errors.KafkaError):
                future.get(timeout_s)
            if not future.is_done:
                return


def leave(producer: Any, timeout_s: float) -> None:
    """Close a client that writes, as soon as what is on its way has arrived or failed."""
    with suppress(errors.KafkaError):
        producer.close(timeout_s)


def _open(make: Any, config: KafkaConfig, options: dict[str, object]) -> Any:
    rights = options_of(config)
    common = {
        "bootstrap_servers": list(config.servers),
        "bootstrap_timeout_ms": ANSWER_MS,
        "reconnect_backoff_max_ms": BACKOFF_MS,
    }
    with _heard() as heard:
        try:
            return make(**common, **rights, **options)
        except (errors.KafkaError, ValueError, OSError) as error:
            raise SourceError(
                f"{config.topic}: no Kafka server answers at {servers_of(config)} ({heard.cause or error}); check "
                "source.kafka"
            ) from error


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
    """The numbers of the topic's partitions, none when there is no such topic; `SourceError` when nobody answers."""
    try:
        return set(consumer.partitions_for_topic(config.topic) or ())
    except errors.KafkaError as error:  # the broker was there for the connection, and is gone again
        raise SourceError(f"{config.topic}: {servers_of(config)} did not answer ({error}); check the broker") from error


def require_topic(consumer: Any, config: KafkaConfig, key: str = "source.kafka.topic") -> set[int]:
    """The numbers of the topic's partitions; `SourceError` when there is no such topic, which `key` names."""
    found = partitions_of(consumer, config)
    if not found:
        raise SourceError(f"{config.topic}: no such topic at {servers_of(config)}; make it, or check {key}")
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
