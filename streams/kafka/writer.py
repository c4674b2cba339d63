"""Writes to a topic without waiting: what has arrived is asked later."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from kafka import errors  # type: ignore[import-untyped]

from streams.errors import SourceError
from streams.kafka.client import ANSWER_MS, KafkaConfig, leave, open_producer, servers_of, settle

DELIVERY_MS = 30_000  # after which a message that the broker has not taken has failed
LEAVE_S = 5.0  # for what is on its way when we go

Token = TypeVar("Token")


class TopicWriter(Generic[Token]):
    """Sends messages to a topic, each once and in order, and says which have arrived.

    The client is idempotent: a retry of its own repeats nothing. Messages stay well below what a topic takes, or one
    that is too large would end the client. `SourceError` when no server answers or there is no such topic.
    """

    def __init__(self, config: KafkaConfig, topic: str) -> None:
        self._topic = topic
        self._sent: list[tuple[Token, Any]] = []
        self.failure = ""
        """Why the last message that failed did, in words; "" after one that arrived."""
        self._producer = open_producer(
            config,
            enable_idempotence=True,
            max_in_flight_requests_per_connection=5,
            compression_type="lz4",
            delivery_timeout_ms=DELIVERY_MS,
            request_timeout_ms=ANSWER_MS,
        )
        try:
            self._producer.partitions_for(topic)
        except errors.KafkaError as error:
            self.close()
            raise SourceError(
                f"{topic}: no such topic at {servers_of(config)}, or not ours to write ({error}); make it by "
                "innerwatch topics create"
            ) from error

    @property
    def waiting(self) -> int:
        """Messages that have neither arrived nor failed yet, as far as was asked."""
        return len(self._sent)

    def send(self, token: Token, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Send a message, by whose token it is known to `arrived`; one that cannot be sent has failed."""
        try:
            self._sent.append((token, self._producer.send(self._topic, value, key, headers)))
        except errors.KafkaError as error:
            self.failure = str(error)

    def arrived(self) -> list[Token]:
        """The tokens of the messages that have arrived since the last call; those that have failed are forgotten."""
        done = [(token, future) for token, future in self._sent if future.is_done]
        self._sent = [(token, future) for token, future in self._sent if not future.is_done]
        for _, future in done:
            self.failure = str(future.exception or "")
        return [token for token, future in done if future.succeeded()]

    def flush(self, timeout_s: float = LEAVE_S) -> None:
        """Wait until everything has arrived or failed, or the time is up."""
        settle(self._producer, [future for _, future in self._sent], timeout_s)

    def close(self) -> None:
        """Leave the broker; closing twice is harmless."""
        leave(self._producer, LEAVE_S)
