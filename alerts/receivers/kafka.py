"""A topic of Apache Kafka, for those who read alerts as a stream."""

import logging
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Final, Literal

import msgspec

from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.receivers.bodies import finding
from alerts.receivers.http import TIMEOUT_S, read_secret
from alerts.receivers.receiver import Limits, Notice, Outcome, Result

BATCH: Final = 100
MOST_BYTES: Final = 4 << 20
SERVER: Final = re.compile(r"[^\s/:]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
LEAVE_S: Final = 1.0
REFUSED: Final = ("MessageSizeTooLargeError", "RecordTooLargeError", "InvalidTopicError")
DETAIL_CHARS: Final = 200
DISCONNECTED: Final = "socket disconnected"


class KafkaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which topic, and where: `servers` are the brokers to ask first, each `host:port`.

    The connection is encrypted unless `tls` is off, and the brokers' certificates are signed by `ca_file`, the
    system's authorities if None. `certificate_file` with `key_file` say who this is; so does `username` with
    `password_file`, which goes over TLS alone. `format` is the message's: "innerwatch", the alert's own JSON, or
    "ocsf", a Detection Finding.
    """

    servers: tuple[str, ...]
    topic: str
    format: Literal["innerwatch", "ocsf"] = "innerwatch"
    tls: bool = True
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = "SCRAM-SHA-512"
    timeout_s: Annotated[float, msgspec.Meta(gt=0.0)] = TIMEOUT_S


class Kafka:
    """Appends a message for each notice, keyed by the actor's pseudonym, so that one person's stay in order.

    Headers say `alert_id`, `revision` and `phase`; `level` and `test` where it is one. The client is idempotent, so its
    own retries repeat nothing; what is told again after nobody answered is there twice, with the same headers. Alerts
    are read by `alert_id` and the highest `revision`. A client that failed is given up: kafka-python's would fail for
    the same reason from then on.

    `ReceiverError` when the configuration cannot be used.
    """

    limits = Limits(calls=10, per_s=1.0, batch=BATCH)

    def __init__(self, config: KafkaConfig) -> None:
        if not config.servers or not all(SERVER.fullmatch(server) for server in config.servers):
            raise ReceiverError("servers of Kafka are one or more of host:port, such as kafka-1:9093")
        if not TOPIC.fullmatch(config.topic):
            raise ReceiverError("the topic of Kafka is 1 to 249 letters, digits, full stops, hyphens and underscores")
        self._config, self._rights = config, _rights(config)
        self._producer: Any = None
        # At DEBUG the client writes what it sends, passwords too; whoever wants that asks its loggers by name.
        logging.getLogger("kafka").setLevel(logging.WARNING)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:  # noqa: ARG002
        """All at once; where one of them is refused, each by itself, so that it keeps nobody else back."""
        outcomes = self._told(notices)
        if len(notices) > 1 and any(outcome.result is Result.REFUSED for outcome in outcomes):
            again = [outcome.result is not Result.DELIVERED for outcome in outcomes]
            return [
                self._told([notice])[0] if tried else outcome
                for notice, outcome, tried in zip(notices, outcomes, again, strict=True)
            ]
        return outcomes

    def reach(self) -> str:
        """Ask the brokers for the topic, and say why they do not answer or that there is none."""
        from kafka.errors import KafkaError  # type: ignore[import-untyped] # noqa: PLC0415 - takes a while to load

        with _heard() as heard:
            try:
                producer = self._producer = self._producer or self._opened()
                found = producer.partitions_for(self._config.topic)
            except (KafkaError, OSError, ValueError) as error:
                self.close()
                return self._failed(error, heard).detail
        return "" if found else f"{', '.join(self._config.servers)}: no topic {self._config.topic}"

    def close(self) -> None:
        """Leave the brokers; closing twice is harmless."""
        if self._producer is not None:
            with suppress(Exception):  # whatever the client says now, it is over
                self._producer.close(LEAVE_S)
            self._producer = None

    def _told(self, notices: Sequence[Notice]) -> list[Outcome]:
        with _heard() as heard:
            outcomes = self._appended(notices, heard)
        if any(outcome.result is not Result.DELIVERED for outcome in outcomes):
            self.close()
        return outcomes

    def _appended(self, notices: Sequence[Notice], heard: "_Heard") -> list[Outcome]:
        from kafka.errors import KafkaError  # noqa: PLC0415

        try:
            producer = self._producer = self._producer or self._opened()
            waiting: list[Any] = []
            for notice in notices:
                try:
                    waiting.append(producer.send(self._config.topic, **self._message(notice)))
                except KafkaError as error:  # of this message alone, such as its size
                    waiting.append(error)
            with suppress(KafkaError):  # each message has an answer of its own
                producer.flush(self._config.timeout_s)
            return [self._outcome(one, heard) for one in waiting]
        except (KafkaError, OSError, ValueError) as error:
            return [self._failed(error, heard)] * len(notices)

    def _opened(self) -> Any:
        from kafka import KafkaProducer  # type: ignore[import-untyped] # noqa: PLC0415

        made: list[Any] = []

        def client(**options: Any) -> Any:
            made.append(KafkaProducer.DEFAULT_CONFIG["kafka_client"](**options))
            return made[0]

        try:
            return KafkaProducer(kafka_client=client, **_options(self._config), **self._rights)
        except BaseException:
            for one in made:  # which kafka-python 3.0.12 leaves open when no server answers
                one.close()
            raise

    def _message(self, notice: Notice) -> dict[str, Any]:
        alert = notice.alert
        body = finding(notice) if self._config.format == "ocsf" else alert
        headers = [
            ("alert_id", alert.alert_id.encode()),
            ("revision", b"%d" % notice.revision),
            ("phase", notice.phase.value.encode()),
            *([("level", b"%d" % notice.level)] * bool(notice.level)),
            *([("test", b"true")] * notice.test),
        ]
        value = escape(msgspec.json.encode(body).decode()).encode()
        return {"key": alert.actor.encode(), "value": value, "headers": headers}

    def _outcome(self, one: Any, heard: "_Heard") -> Outcome:
        if isinstance(one, Exception):
            return self._failed(one, heard)
        try:
            where = one.get(self._config.timeout_s)
        except Exception as error:  # a future raises whatever went wrong
            return self._failed(error, heard)
        return Outcome(Result.DELIVERED, remote_id=f"{where.topic}/{where.partition}/{where.offset}")

    def _failed(self, error: Exception, heard: "_Heard") -> Outcome:
        kind = type(error).__name__
        if kind in REFUSED:
            return Outcome(Result.REFUSED, kind)
        cause = "".join(one if one.isprintable() else " " for one in heard.cause or kind)
        return Outcome(Result.RETRY, f"{', '.join(self._config.servers)}: {cause}"[:DETAIL_CHARS])


class _Heard(logging.Handler):
    """Keeps the cause that the client logs: what it raises says only that time was up."""

    cause = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message of the client; a connection that ended says less than why it did."""
        _, said, cause = record.getMessage().partition("failed: ")
        if said and "Unable to bootstrap" not in cause and (not self.cause or DISCONNECTED in self.cause):
            self.cause = cause


@contextmanager
def _heard() -> Iterator[_Heard]:
    handler, client = _Heard(logging.WARNING), logging.getLogger("kafka")
    client.addHandler(handler)
    try:
        yield handler
    finally:
        client.removeHandler(handler)


def _options(config: KafkaConfig) -> dict[str, object]:
    wait_ms = int(config.timeout_s * 1_000)
    waits = ("bootstrap_timeout_ms", "max_block_ms", "request_timeout_ms", "delivery_timeout_ms")
    return {
        "bootstrap_servers": list(config.servers),
        "enable_idempotence": True,
        "acks": "all",
        "compression_type": "lz4",
        "max_request_size": MOST_BYTES,
        "allow_auto_create_topics": False,
        **dict.fromkeys(waits, wait_ms),
    }


def _rights(config: KafkaConfig) -> dict[str, object]:
    """The client's options for who we are and whom we believe."""
    if (config.certificate_file is None) != (config.key_file is None):
        raise ReceiverError("certificate_file and key_file of Kafka belong together; give both or neither")
    if (config.username is None) != (config.password_file is None):
        raise ReceiverError("to log in to Kafka give username and password_file, or neither")
    if not config.tls:
        if config.username is not None or config.certificate_file is not None:
            raise ReceiverError("a password or certificate goes to Kafka over TLS alone; leave tls on")
        return {}
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file, password="")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else ""
        raise ReceiverError(f"Kafka: a certificate or key cannot be used ({why or type(error).__name__})") from None
    options: dict[str, object] = {"security_protocol": "SSL", "ssl_context": context}
    if config.username is not None and config.password_file is not None:
        options |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": config.mechanism,
            "sasl_plain_username": config.username,
            "sasl_plain_password": read_secret(config.password_file),
        }
    return options
