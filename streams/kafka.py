"""One partition of a Kafka topic, read like a file: offsets are ours, the broker remembers nothing for us."""

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
from streams.position import Position
from streams.record import Record
from streams.rejected import Reason
from streams.sources.source import KEPT_BYTES, MAX_RECORD_BYTES

WAIT_MS = 500  # for records to come; a signal is heard within this time
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
        return f"{self.topic}-{self.partition}"


class KafkaPartition:
    """The records of one partition from its first offset, or from where `resume` stands.

    With `follow` it waits for more for ever; without, it ends where the partition ended when it was opened.
    Values are given as the bytes they are; a tombstone is an empty record. Records of aborted transactions
    are not given. A broker that is away is waited for.

    `SourceError` when no server answers, the topic or partition does not exist, or the partition no longer,
    or never, had the offset to resume at.
    """

    def __init__(self, config: KafkaConfig, resume: Position | None = None, *, follow: bool = False) -> None:
        if resume is not None and resume.source != config.name:
            raise SourceError(
                f"cannot resume at {resume} in {config.name}; name that topic and partition in source.kafka, or "
                "begin with new state"
            )
        self._config = config
        self._follow = follow
        self._partition = kafka.TopicPartition(config.topic, config.partition)
        self._consumer = _consumer(config)
        try:
            self._start, self._end = self._bounds()
            self._offset = self._start if resume is None else self._resumed(resume.offset)
            self._first = self._offset
            self._consumer.assign([self._partition])
            self._consumer.seek(self._partition, self._offset)
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> Position:
        """After the last record given."""
        return Position(self._config.name, self._offset)

    @property
    def finished(self) -> bool:
        """Whether the offset was reached at which the partition ended when it was opened; never with `follow`."""
        return not self._follow and self._offset >= self._end

    @property
    def progress(self) -> tuple[int, int]:
        """Records done, and in all as far as that is known."""
        return self._offset - self._first, 0 if self._follow else max(self._end, self._offset) - self._first

    def next_batch(self, limit: int) -> list[Record]:
        """At most `limit` records; waits half a second for the first."""
        if self.finished:
            return []
        if not self._follow:
            limit = min(limit, self._end - self._offset)
        try:
            found = self._consumer.poll(timeout_ms=WAIT_MS, max_records=limit).get(self._partition, [])
            # Without records the position may still move, past the marks that transactions leave.
            self._offset = found[-1].offset + 1 if found else self._consumer.position(self._partition, ANSWER_MS)
        except errors.OffsetOutOfRangeError as error:
            self._start, self._end = self._bounds()  # as it is now, for the message
            raise SourceError(self._gone(self._offset)) from error
        except errors.KafkaTimeoutError:
            return []  # the broker is away; the client goes on trying
        except errors.KafkaError as error:
            raise SourceError(f"{self._config.name}: cannot be read ({error}); check the broker") from error
        return [self._record(one) for one in found]

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        self._consumer.close()

    def _bounds(self) -> tuple[int, int]:
        config, partition = self._config, self._partition
        try:
            there = self._consumer.partitions_for_topic(config.topic) or set()
            if config.partition not in there:
                raise SourceError(_absent(config, there))
            start = self._consumer.beginning_offsets([partition], ANSWER_MS)[partition]
            return start, self._consumer.end_offsets([partition], ANSWER_MS)[partition]
        except errors.KafkaError as error:
            raise SourceError(
                f"{config.name}: {_servers(config)} did not answer ({error}); check the broker"
            ) from error

    def _resumed(self, offset: int) -> int:
        if not self._start <= offset <= self._end:
            raise SourceError(self._gone(offset))
        return offset

    def _gone(self, offset: int) -> str:
        return (
            f"{self._config.name}: cannot resume at offset {offset}, the partition holds {self._start} to {self._end}: "
            "records were deleted before they were read, or the topic was made anew; begin with new state, and mind "
            "the gap"
        )

    def _record(self, one: Any) -> Record:
        raw, position = one.value or b"", Position(self._config.name, one.offset)
        if len(raw) > MAX_RECORD_BYTES:
            return Record(raw[:KEPT_BYTES], position, Reason.TOO_LARGE, f"longer than {MAX_RECORD_BYTES} bytes")
        return Record(raw, position)


def _consumer(config: KafkaConfig) -> Any:
    rights = _rights(config)
    with _heard() as heard:
        try:
            return kafka.KafkaConsumer(
                bootstrap_servers=list(config.servers),
                bootstrap_timeout_ms=ANSWER_MS,
                group_id=None,  # no group: which partition is ours was said by the configuration
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=FETCH_BYTES,
                allow_auto_create_topics=False,
                **rights,
            )
        except (errors.KafkaError, ValueError, OSError) as error:
            raise SourceError(
                f"{config.name}: no Kafka server answers at {_servers(config)} ({heard.cause or error}); check "
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


def _servers(config: KafkaConfig) -> str:
    return ", ".join(config.servers)


def _absent(config: KafkaConfig, there: set[int]) -> str:
    if not there:
        return f"{config.topic}: no such topic at {_servers(config)}; make it, or check source.kafka.topic"
    return f"{config.name}: no such partition, the topic has 0 to {max(there)}; check source.kafka.partition"
