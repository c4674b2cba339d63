"""A small real HTTP server on loopback that plays a receiver, keeps its rules, and fails when told to."""

import json
import shutil
import ssl
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

CANARY: Final = "canary0secret1of2the3tests4and5so"[:32]
"""A secret that must show up nowhere; 32 characters, as PagerDuty's keys have."""
CANARY_PATH: Final = "/canary-path"
LATE_S: Final = 3.0
RETRY_AFTER_S: Final = 7


class Fault(StrEnum):
    """What goes wrong with the next request that changes something."""

    LATE_AFTER = "it is done, and the answer comes too late"
    CUT_AFTER = "it is done, and the connection ends without an answer"
    ERROR_AFTER = "it is done, and the answer is 500"
    BUSY = "it is not done: 429 with Retry-After"
    DOWN = "it is not done: 503"
    REFUSED = "it is not done: 403"
    GONE = "it is not done: 410"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body; `RuleError` where it is none."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RuleError(415, "the body must be application/json")
        try:
            return json.loads(self.body)
        except ValueError:
            raise RuleError(400, "the body is no JSON") from None


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class RuleError(Exception):
    """A rule was broken; the reply is of this status, with the reason."""

    def __init__(self, status: int, reason: str, **body: Any) -> None:
        super().__init__(reason)
        self.status, self.reason, self.body = status, reason, body


def expect(holds: object, reason: str, status: int = 400) -> None:
    """Refuse the request unless it holds."""
    if not holds:
        raise RuleError(status, reason)


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that leave in the middle, as those do that do not believe a certificate."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class FakeServer(ABC):
    """Plays a receiver at `url` until it is closed; `requests` are those that arrived, `reasons` why some were refused.

    `incidents` are what people would see: an id of the receiver's own for each, with all that is shown of it.
    `faults` happen one by one to the next requests that change something.
    """

    looks: ClassVar[frozenset[str]] = frozenset()
    """Paths of requests by POST that change nothing."""
    faults_known: ClassVar[frozenset[Fault]] = frozenset(Fault)
    """What can go wrong where its protocol has a word for it."""
    resolves: ClassVar[bool] = False
    """Whether a closed alert is closed there as well; otherwise people read that it was."""

    def __init__(self, folder: Path, certificate: "Certificate | None" = None) -> None:
        self.folder = folder
        self.secret_file = folder / "secret"
        self.secret_file.write_text(self.secret() + "\n", "utf-8")
        self.incidents: dict[str, Any] = {}
        self.requests: list[Request] = []
        self.reasons: list[str] = []
        self.faults: deque[Fault] = deque()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.file, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def secret(self) -> str:
        """What its secret file holds."""
        return CANARY

    def reach(self) -> dict[str, object]:
        """The settings that every HTTP receiver needs to get here."""
        return {"url": self.url, "allow_networks": ["127.0.0.0/8"], "allow_plain": self._scheme == "http"}

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """What a configuration file would say to reach this."""

    def elsewhere(self, host: str) -> dict[str, object]:
        """The settings, but for another host."""
        settings = self.settings()
        if "url" in settings:
            return {**settings, "url": str(settings["url"]).replace("127.0.0.1", host)}
        file = self.folder / "elsewhere"
        file.write_text(Path(str(settings["url_file"])).read_text("utf-8").replace("127.0.0.1", host), "utf-8")
        return {**settings, "url_file": str(file)}

    @abstractmethod
    def handle(self, request: Request) -> Reply:
        """Do what is asked, or refuse."""

    @abstractmethod
    def shown(self) -> list[str]:
        """Every text that a person would be shown, as the receiver keeps it."""

    def resolved(self) -> set[str]:
        """The ids of incidents that the receiver regards as over, where it can."""
        return set()

    def marks_tests(self) -> bool:
        """Whether a person sees of what arrived that it is a test."""
        return any("TEST" in text or '"test":true' in text for text in self.shown())

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def changes(self, request: Request) -> bool:
        return request.method != "GET" and request.path not in self.looks

    def respond(self, request: Request) -> Reply | None:
        """The reply, None for a connection that just ends."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults and self.changes(request) else None
            before = BEFORE.get(fault) if fault else None
            reply = before or self._replied(request)
        if fault is Fault.LATE_AFTER:
            self._over.wait(LATE_S)
        if fault is Fault.CUT_AFTER:
            return None
        return Reply(500, {"error": "nobody knows"}) if fault is Fault.ERROR_AFTER else reply

    def _replied(self, request: Request) -> Reply:
        try:
            return self.handle(request)
        except RuleError as refusal:
            self.reasons.append(refusal.reason)
            return Reply(refusal.status, refusal.body or {"error": refusal.reason})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                split = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                query = {key: values[-1] for key, values in parse_qs(split.query, keep_blank_values=True).items()}
                headers = {key.lower(): value for key, value in self.headers.items()}
                reply = fake.respond(Request(self.command, split.path, query, headers, body))
                if reply is None:
                    self.close_connection = True
                    return
                content = _content(reply.body)
                try:
                    self.send_response(reply.status)
                    for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # whoever asked did not wait

            do_GET = do_PATCH = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        return Handler


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


BEFORE: Final = {
    Fault.BUSY: Reply(429, {"error": "too many"}, {"Retry-After": str(RETRY_AFTER_S)}),
    Fault.DOWN: Reply(503, {"error": "down"}),
    Fault.REFUSED: Reply(403, {"error": "no"}),
    Fault.GONE: Reply(410, {"error": "gone"}),
}


@dataclass(frozen=True)
class Certificate:
    """A certificate for some names, signed by itself."""

    file: Path
    key: Path


def make_certificate(folder: Path, *names: str) -> Certificate:
    """Make one, for names such as ``DNS:alerts.example`` or ``IP:127.0.0.1``."""
    made = Certificate(folder / "server.crt", folder / "server.key")
    openssl = shutil.which("openssl")
    assert openssl, "install openssl"
    command = [openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", "/CN=server", "-addext", f"subjectAltName={','.join(names)}"]
    command += ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    return made
