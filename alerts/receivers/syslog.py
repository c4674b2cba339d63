"""Syslog (RFC 5424) with the Common Event Format in its message, over UDP, TCP or TLS."""

import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, Literal

import msgspec

from alerts.alert import Severity, worst_day
from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.finding import Finding
from alerts.receivers.chat import link_of, within
from alerts.receivers.http import TIMEOUT_S
from alerts.receivers.reasons import reason
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.receivers.text import fitted, title

PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}  # RFC 5426, 3195 and 5425
LEAST_BYTES: Final = 1024  # what the head and the first fields may need
MOST_BYTES: Final = 65_000
HOSTNAME: Final = re.compile(r"[!-~]{1,64}")
REFUSAL_S: Final = 0.05  # for a host nearby to say that nobody listens

Facility = Literal["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]

SEVERITIES: Final = {Severity.LOW: 5, Severity.MEDIUM: 4, Severity.HIGH: 3, Severity.CRITICAL: 2}  # RFC 5424 table 2
CEF_SEVERITIES: Final = {Severity.LOW: 3, Severity.MEDIUM: 5, Severity.HIGH: 8, Severity.CRITICAL: 10}
CLOSED: Final = 6  # informational


class SyslogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the collector is, and how messages look.

    `port` is that of the transport if None. With "tls", `ca_file` signs the collector's certificate, the system's
    authorities if None, and `certificate_file` with `key_file` say who this is, where it asks. `hostname` is this
    machine's own if None. No message is longer than `max_bytes`: 2,048 is what every collector should take (RFC 5424
    section 6.1).
    """

    host: str
    port: int | None = None
    transport: Literal["udp", "tcp", "tls"] = "tls"
    facility: Facility = "local0"
    hostname: str | None = None
    max_bytes: int = 2048
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    timeout_s: float = TIMEOUT_S


class Syslog:
    """Sends each notice as one message, `externalId` being the alert's id and `cn1` its revision.

    Syslog has no answer. Over TCP and TLS a call has its own connection and ends it in order: that the collector ends
    it too says that it has read everything, so a collector that stopped or hangs is noticed, and the next call connects
    anew. Over UDP a message may be lost without anybody knowing. What is sent again has the same id and revision.

    `ReceiverError` when the configuration cannot be used.
    """

    limits = Limits(calls=10, per_s=1.0, batch=100)

    def __init__(self, config: SyslogConfig) -> None:
        if not LEAST_BYTES <= config.max_bytes <= MOST_BYTES:
            raise ReceiverError(f"max_bytes of syslog is {config.max_bytes}; give {LEAST_BYTES} to {MOST_BYTES}")
        self._hostname = config.hostname if config.hostname is not None else socket.gethostname()
        if not HOSTNAME.fullmatch(self._hostname):
            raise ReceiverError("the hostname of syslog must be 1 to 64 visible ASCII characters")
        self._config = config
        self._context = _context(config) if config.transport == "tls" else None

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """All over one connection; its outcome is that of each."""
        messages = [self.message(notice, now) for notice in notices]
        try:
            told = self._datagrams(messages) if self._config.transport == "udp" else self._stream(messages)
        except OSError as error:
            return [Outcome(Result.RETRY, f"{self._config.host}: {reason(error)}")] * len(notices)
        return [Outcome(Result.DELIVERED, told)] * len(notices)

    def reach(self) -> str:
        """Connect, and say why that fails; over UDP only whether the host has an address."""
        try:
            if self._config.transport == "udp":
                socket.getaddrinfo(self._config.host, self._port, type=socket.SOCK_DGRAM)
            else:
                self._stream([])
        except OSError as error:
            return f"{self._config.host}: {reason(error)}"
        return ""

    def close(self) -> None:
        """Nothing is held between calls."""

    def message(self, notice: Notice, now: float) -> bytes:
        """The message about a notice: RFC 5424 without a byte order mark, which collectors of CEF stumble over."""
        severity = CLOSED if notice.phase is Phase.RESOLVED else SEVERITIES[notice.alert.severity]
        priority = (16 + int(self._config.facility[-1])) * 8 + severity
        time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = "test" if notice.test else notice.phase.value
        head = f"<{priority}>1 {time} {self._hostname} innerwatch - {kind} - ".encode()
        return head + cef(notice, self._config.max_bytes - len(head))

    def _datagrams(self, messages: Sequence[bytes]) -> str:
        family, _, _, _, address = socket.getaddrinfo(self._config.host, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.connect(address)
            for message in messages:
                channel.send(message)
            channel.settimeout(REFUSAL_S)
            # Nobody answers, but a refusal would be heard here.
            with suppress(TimeoutError):
                channel.recv(1)
        return ""

    def _stream(self, messages: Sequence[bytes]) -> str:
        # RFC 6587 section 3.4.1 and RFC 5425 section 4.3: octet counting.
        frames = b"".join(b"%d %s" % (len(message), message) for message in messages)
        with socket.create_connection((self._config.host, self._port), self._config.timeout_s) as plain:
            if self._context is None:
                plain.sendall(frames)
                plain.shutdown(socket.SHUT_WR)
                _until_the_end(plain)
                return ""
            with self._context.wrap_socket(plain, server_hostname=self._config.host) as channel:
                channel.sendall(frames)
                try:
                    channel.unwrap()  # says goodbye and waits for the other's (RFC 5425 section 4.4)
                except ssl.SSLEOFError:
                    # Many end the connection without one; to tell the same for ever would be worse than to believe it.
                    return "the collector ended TLS without a goodbye"
                return ""

    @property
    def _port(self) -> int:
        return self._config.port or PORTS[self._config.transport]


def cef(notice: Notice, limit_bytes: int) -> bytes:
    """The notice in the Common Event Format, in at most so many bytes; the last fields go first.

    Written after "ArcSight Common Event Format, implementation standard", version 25. Without a room of at least 700
    bytes it may be longer.
    """
    alert, first = notice.alert, notice.alert.findings[0]
    names = (
        "CEF:0",
        "innerwatch",
        "innerwatch",
        version("innerwatch"),
        fitted(escape(first.detection), 60),
        fitted(title(notice), 120, notice.language),
        str(CEF_SEVERITIES[alert.severity]),
    )
    start = "|".join([names[0], *map(_in_header, names[1:])]) + "|"
    fields = ""
    for field in _fields(notice):
        if len(f"{start}{fields} {field}".encode()) <= limit_bytes:
            fields = f"{fields} {field}".lstrip()
    told = "\n".join(escape(finding.sentence) for finding in alert.findings)
    whole = f"{start}{fields}".encode()

    def with_room(room: int) -> bytes:
        text = _in_extension(fitted(told, min(room, 1000), notice.language))
        return whole + f" msg={text}".encode() if text else whole

    return within(limit_bytes, with_room)


def _fields(notice: Notice) -> list[str]:
    """The extension but for `msg`, what matters most first; a custom field and its label go together."""
    alert = notice.alert
    detections = ",".join(dict.fromkeys(finding.detection for finding in alert.findings))
    techniques = ",".join(dict.fromkeys(finding.technique for finding in alert.findings))
    link = link_of(notice)
    return [
        f"externalId={_value(alert.alert_id, 40)}",
        f"act={notice.phase.value}",
        f"cn1={notice.revision} cn1Label=revision",
        f"rt={_milliseconds(alert.updated_at)}",
        *(["cs6=true cs6Label=test"] * notice.test),
        f"suser={_value(alert.actor, 120)}",
        f"cfp1={alert.risk:.2f} cfp1Label=risk",
        f"cs1={_value(detections, 240)} cs1Label=detections",
        f"cs2={_value(techniques, 120)} cs2Label=techniques",
        f"start={_milliseconds(alert.opened_at)}",
        *_data(worst_day(alert)),
        *([f"request={_in_extension(link)}"] * bool(link)),
    ]


def _data(finding: Finding) -> list[str]:
    """How many customers and records the finding's day touched, and the most sensitive class, where known."""
    numbers = [("cn2", "customers", finding.customers), ("cn3", "records", finding.records)]
    fields = [f"{name}={number} {name}Label={label}" for name, label, number in numbers if number is not None]
    if finding.data_class is not None:
        fields.append(f"cs3={_value(finding.data_class, 60)} cs3Label=dataClass")
    return fields


def _value(text: str, limit_bytes: int) -> str:
    return _in_extension(fitted(escape(text), limit_bytes))


def _in_header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _in_extension(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _until_the_end(channel: socket.socket) -> None:
    """Wait until the other side has ended the connection; `OSError` when it broke it off, or does not end it."""
    while channel.recv(1024):
        pass


def _context(config: SyslogConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file)
    except OSError as error:
        raise ReceiverError(f"syslog: a certificate or key cannot be used ({error.strerror or error})") from error
    return context
