"""A syslog collector on loopback that reads RFC 5424, octet counting and CEF by the letter."""

import re
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from tests.alerts.receivers.fakes.server import CANARY, Certificate, Fault

HEAD: Final = re.compile(
    rb"<(?P<pri>[1-9]\d{0,2}|0)>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) - (?P<msg>.*)",
    re.DOTALL,
)
LATE_S: Final = 0.7
MANNERS: Final = {Fault.LATE_AFTER: "late", Fault.CUT_AFTER: "cut", Fault.DOWN: "break"}
KEY: Final = re.compile(r"(?:^| )([A-Za-z][A-Za-z0-9_.]*)=")
LONGEST: Final = {
    "externalId": 40, "act": 63, "suser": 1023, "cs1": 4000, "cs2": 4000, "cs6": 4000, "request": 1023, "msg": 1023
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """One message, read."""

    facility: int
    severity: int
    time: str
    host: str
    app: str
    kind: str
    header: tuple[str, ...]
    fields: dict[str, str]


def read_message(message: bytes, most: int = 2048) -> Said:
    """RFC 5424 section 6 with a message in CEF; ``ValueError`` with the rule that was broken."""
    if len(message) > most:
        raise ValueError(f"{len(message)} bytes")
    found = HEAD.fullmatch(message)
    if not found or int(found["pri"]) > 191:
        raise ValueError("no RFC 5424 header")
    header, fields = read_cef(found["msg"].decode("utf-8"))
    pri, names = int(found["pri"]), [found[name].decode() for name in ("time", "host", "app", "id")]
    return Said(pri >> 3, pri & 7, names[0], names[1], names[2], names[3], header, fields)


def read_cef(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The seven parts of the header after the version, and the extension; walked character by character."""
    if any(ord(character) < 32 for character in text):
        raise ValueError("a control character")
    if not text.startswith("CEF:0|"):
        raise ValueError("no CEF")
    parts, part, rest = [], "", iter(text[len("CEF:0|") :])
    for character in rest:
        if character == "|":
            parts.append(part)
            part = ""
            if len(parts) == 6:
                break
        elif character == "\\":
            part += _escaped(rest, "\\|")
        else:
            part += character
    if len(parts) != 6 or not 0 <= int(parts[5]) <= 10:
        raise ValueError(f"a header of {len(parts)} parts")
    return tuple(parts), _extension("".join(rest))


def _extension(text: str) -> dict[str, str]:
    # An equals sign within a value has a backslash before it, so every other one ends a key.
    fields: dict[str, str] = {}
    ends = [found for found in KEY.finditer(text) if not text[: found.end() - 1].endswith("\\")]
    for found, after in zip(ends, [*ends[1:], None], strict=True):
        value = text[found.end() : after.start() if after else len(text)]
        rest, shown = iter(value), ""
        for character in rest:
            if character == "=":
                raise ValueError(f"an equals sign alone in {found[1]}")
            shown += _escaped(rest, "\\=nr") if character == "\\" else character
        if found[1] in fields or len(shown) > LONGEST.get(found[1], 4000):
            raise ValueError(f"{found[1]} twice, or too long")
        fields[found[1]] = shown
    if text and (not ends or ends[0].start() != 0):
        raise ValueError("text before the first key")
    return fields


def _escaped(rest: Iterator[str], allowed: str) -> str:
    character = next(rest, "")
    if not character or character not in allowed:
        raise ValueError(f"a backslash before {character!r}")
    return {"n": "\n", "r": "\r"}.get(character, character)


class FakeCollector:
    """Collects `messages` over UDP or TCP, with TLS where there is a context.

    As `manner` says it may hang (takes the connection and never ends it), break connections off, read and end them late
    or cut them, or be rude and end TLS without a goodbye.
    """

    def __init__(self, kind: socket.SocketKind, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.messages: list[bytes] = []
        self.errors: list[str] = []
        self.manner = "good"
        self.faults: deque[Fault] = deque()
        self.connections = 0
        self._context = context
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self._over = threading.Event()
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
        self._thread = threading.Thread(target=self._listen if kind == socket.SOCK_STREAM else self._receive)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                self.messages.append(self._socket.recv(65_535))

    def _listen(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._socket.accept()
                self.connections += 1
                connection.settimeout(5.0)
                try:
                    self._serve(connection)
                except OSError as error:
                    self.errors.append(type(error).__name__)
                finally:
                    connection.close()

    def _serve(self, connection: socket.socket) -> None:
        manner = MANNERS[self.faults.popleft()] if self.faults else self.manner
        if manner == "hang":
            self._over.wait(LATE_S)
            return
        if manner == "break":
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        stream = b""
        while piece := connection.recv(4096):
            stream += piece
        self.messages += frames(stream)
        if manner == "late":
            self._over.wait(LATE_S)
        if manner == "cut":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        if isinstance(connection, ssl.SSLSocket) and manner != "rude":
            connection.unwrap().close()
        connection.close()


def frames(stream: bytes) -> list[bytes]:
    """RFC 6587 section 3.4.1; ``ValueError`` where a count is none or the stream ends within a message."""
    found = []
    while stream:
        count, _, stream = stream.partition(b" ")
        if not re.fullmatch(rb"[1-9]\d*", count) or len(stream) < int(count):
            raise ValueError(f"a count of {count!r}")
        found.append(stream[: int(count)])
        stream = stream[int(count) :]
    return found


@contextmanager
def collecting(
    kind: socket.SocketKind, context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[FakeCollector]:
    """A collector until the block ends."""
    collector = FakeCollector(kind, context, port)
    try:
        yield collector
    finally:
        collector.close()


class FakeSyslog:
    """The collector as one of the kinds of receivers, over TCP or TLS: an incident is an `externalId`."""

    faults_known: ClassVar[frozenset[Fault]] = frozenset(MANNERS)
    resolves: ClassVar[bool] = False

    def __init__(self, _folder: Path, certificate: Certificate | None = None) -> None:
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.file, certificate.key)
        self._collector = FakeCollector(socket.SOCK_STREAM, self._context)
        self.faults, self.requests = self._collector.faults, self._collector.messages

    @property
    def said(self) -> list[Said]:
        return [read_message(message) for message in self.requests]

    @property
    def incidents(self) -> dict[str, Said]:
        return {one.fields["externalId"]: one for one in self.said}

    @property
    def reasons(self) -> list[str]:
        return []  # what breaks a rule cannot be read, and fails where it is

    def secret(self) -> str:
        return CANARY

    def settings(self) -> dict[str, object]:
        transport = "tcp" if self._context is None else "tls"
        return {"host": "127.0.0.1", "port": self._collector.port, "transport": transport}

    def elsewhere(self, host: str) -> dict[str, object]:
        return {**self.settings(), "host": host}

    def shown(self) -> list[str]:
        return ["\n".join([*one.header, *one.fields.values()]) for one in self.said]

    def resolved(self) -> set[str]:
        return set()

    def marks_tests(self) -> bool:
        return any(one.fields.get("cs6") == "true" and "[TEST]" in one.header[4] for one in self.said)

    def close(self) -> None:
        self._collector.close()
