"""Calls to receivers: where they may go, whom they believe, and that no failure raises or tells a secret."""

import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from alerts.errors import ReceiverError
from alerts.receivers import http
from alerts.receivers.http import ANSWER_BYTES, Answer, HttpCaller, HttpConfig, read_secret
from alerts.receivers.receiver import Result
from tests.alerts.receivers.fakes.plain import PlainServer
from tests.alerts.receivers.fakes.server import CANARY, Certificate

LOOPBACK = ("127.0.0.0/8",)
PUBLIC = "93.184.215.14"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PlainServer]:
    with closing(PlainServer(tmp_path)) as fake:
        yield fake


@pytest.fixture
def tls_server(tmp_path: Path, certificate: Certificate) -> Iterator[PlainServer]:
    with closing(PlainServer(tmp_path, certificate)) as fake:
        yield fake


def call(url: str, *, resolve: Any = None, headers: Any = None, **config: Any) -> Answer:
    with closing(HttpCaller(HttpConfig(url=url, **config), headers, resolve)) as caller:
        return caller.call("POST", content=b"{}")


def answering(*rounds: Sequence[str]) -> Any:
    """A name server that gives other addresses each time."""
    waiting = list(rounds)
    return lambda _host, _port: waiting.pop(0)


class Listener:
    """A socket on loopback to which a test talks by hand; ``serve`` gets the connection."""

    def __init__(self, serve: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(serve,), daemon=True)
        self._thread.start()

    def _run(self, serve: Any) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65536)
            try:
                serve(connection)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()
        self._thread.join(10)


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255",
        "240.0.0.1", "198.18.0.1", "203.0.113.7", "::", "::1", "::7f00:1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "::ffff:8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_and_not_called(address: str) -> None:
    answer = call("https://alerts.example/x", resolve=answering([address]))
    assert answer.outcome.result is Result.REFUSED
    assert answer.outcome.detail == ("alerts.example is not a public address; name its network in allow_networks")


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "64:ff9b::5db8:d70e", "2002:5db8:d70e::"])
def test_a_public_address_may_be_called(address: str) -> None:
    with closing(HttpCaller(HttpConfig(url="https://alerts.example"), None, answering([address]))) as caller:
        assert caller._addresses() == [address]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:7f00:1]"]
)
def test_however_loopback_is_written_it_is_loopback(host: str, server: PlainServer) -> None:
    with suppress(ReceiverError):  # 0177 is no number that httpx takes for one
        assert call(f"http://{host}:{server.port}/", allow_plain=True).outcome.result is Result.REFUSED
    assert server.requests == []


def test_a_network_that_is_allowed_may_be_called_and_no_other(server: PlainServer) -> None:
    assert call(server.url, allow_plain=True, allow_networks=LOOPBACK).outcome.result is Result.DELIVERED
    assert call(server.url, allow_plain=True, allow_networks=("10.0.0.0/8",)).outcome.result is Result.REFUSED
    assert len(server.requests) == 1


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once_a_call(server: PlainServer) -> None:
    resolve = answering(["127.0.0.1"], ["127.0.0.2"])
    config = HttpConfig(
        url=f"http://alerts.example:{server.port}/hook", allow_plain=True, allow_networks=("127.0.0.1/32",)
    )
    with closing(HttpCaller(config, None, resolve)) as caller:
        assert caller.call("POST").delivered
        assert caller.call("POST").outcome.result is Result.REFUSED
    (request,) = server.requests
    assert request.headers["host"] == f"alerts.example:{server.port}"
    assert request.path == "/hook"


def test_of_several_addresses_only_those_allowed_are_called_until_one_connects(server: PlainServer) -> None:
    resolve = answering(["127.0.0.3", "127.0.0.1", "10.0.0.1"])
    answer = call(f"http://a.example:{server.port}", resolve=resolve, allow_plain=True, allow_networks=LOOPBACK)
    assert answer.delivered


def test_after_a_connection_no_other_address_is_tried(server: PlainServer) -> None:
    server.answers(503)
    resolve = answering(["127.0.0.1", "127.0.0.1", "127.0.0.2"])
    answer = call(f"http://a.example:{server.port}", resolve=resolve, allow_plain=True, allow_networks=LOOPBACK)
    assert answer.outcome.detail == "HTTP 503"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, server: PlainServer) -> None:
    server.answers(status, None, {"Location": f"{server.url}/elsewhere"})
    outcome = call(server.url, allow_plain=True, allow_networks=LOOPBACK).outcome
    assert (outcome.result, outcome.detail) == (Result.REFUSED, f"HTTP {status}")
    assert len(server.requests) == 1


def test_proxies_of_the_environment_are_not_asked(server: PlainServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert call(server.url, allow_plain=True, allow_networks=LOOPBACK).delivered


def test_the_right_name_is_checked_though_the_address_is_pinned(
    tls_server: PlainServer, certificate: Certificate
) -> None:
    config = {"allow_networks": LOOPBACK, "ca_file": str(certificate.file)}
    right = f"https://alerts.example:{tls_server.port}"
    assert call(right, resolve=answering(["127.0.0.1"]), **config).delivered
    for wrong in (f"https://other.example:{tls_server.port}", tls_server.url):
        outcome = call(wrong, resolve=answering(["127.0.0.1"]), **config).outcome
        assert outcome.result is Result.RETRY
        assert "certificate verify failed" in outcome.detail
    assert len(tls_server.requests) == 1


def test_a_certificate_of_an_unknown_authority_is_an_outcome(tls_server: PlainServer) -> None:
    url = f"https://alerts.example:{tls_server.port}"
    outcome = call(url, resolve=answering(["127.0.0.1"]), allow_networks=LOOPBACK).outcome
    assert outcome.result is Result.RETRY
    assert "certificate verify failed" in outcome.detail
    assert tls_server.requests == []


def test_a_name_that_nobody_knows_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(http.socket, "getaddrinfo", unknown)
    outcome = call("https://nowhere.example/x").outcome
    assert outcome.result is Result.RETRY
    assert outcome.detail == "nowhere.example: no address (Name or service not known)"


def test_a_name_that_cannot_be_one_is_an_outcome() -> None:
    assert call(f"https://{'a' * 70}.example/").outcome.result is Result.RETRY


def test_nobody_listening_is_an_outcome() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = call(f"http://127.0.0.1:{port}", allow_plain=True, allow_networks=LOOPBACK).outcome
    assert outcome.result is Result.RETRY
    assert "ConnectError" in outcome.detail


def test_an_answer_that_does_not_come_is_an_outcome() -> None:
    over = threading.Event()
    with closing(Listener(lambda _: over.wait(10))) as listener:
        config = {"allow_plain": True, "allow_networks": LOOPBACK, "timeout_s": 0.2}
        outcome = call(f"http://127.0.0.1:{listener.port}", **config).outcome
        over.set()
    assert (outcome.result, outcome.detail) == (Result.RETRY, "127.0.0.1: ReadTimeout")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
def test_an_answer_that_drips_is_cut_off(start: bytes) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not over.wait(0.05):
            connection.sendall(b"x")

    with closing(Listener(drip)) as listener:
        began = time.monotonic()
        config = {"allow_plain": True, "allow_networks": LOOPBACK, "timeout_s": 0.3}
        outcome = call(f"http://127.0.0.1:{listener.port}", **config).outcome
        took = time.monotonic() - began
        over.set()
    assert outcome.result is Result.RETRY
    assert took < 5


def test_a_connection_that_is_made_when_the_time_is_over_is_cut_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, http._cut_after(0.01) as trace:
        time.sleep(0.2)

        class Stream:
            def get_extra_info(self, _: str) -> socket.socket:
                return ours

        trace("connection.connect_tcp.complete", {"return_value": Stream()})
        assert theirs.recv(1) == b""


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_what_is_no_answer_is_an_outcome(said: bytes) -> None:
    with closing(Listener(lambda connection: connection.sendall(said))) as listener:
        answer = call(f"http://127.0.0.1:{listener.port}", allow_plain=True, allow_networks=LOOPBACK)
    assert answer.outcome.result is Result.RETRY


def test_no_more_than_so_much_of_an_answer_is_read(server: PlainServer) -> None:
    server.answers(200, "x" * (10 * ANSWER_BYTES))
    answer = call(server.url, allow_plain=True, allow_networks=LOOPBACK)
    assert answer.delivered
    assert len(answer.body) == ANSWER_BYTES
    assert answer.field("id") is None


def test_what_is_packed_is_not_unpacked(server: PlainServer) -> None:
    server.answers(200, "x", {"Content-Encoding": "gzip"})
    answer = call(server.url, allow_plain=True, allow_networks=LOOPBACK)
    assert answer.body == b'"x"'
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.DELIVERED), (201, Result.DELIVERED), (202, Result.DELIVERED), (204, Result.DELIVERED),
        (400, Result.REFUSED), (401, Result.REFUSED), (403, Result.REFUSED), (404, Result.REFUSED),
        (413, Result.REFUSED), (410, Result.GONE), (408, Result.RETRY), (425, Result.RETRY),
        (429, Result.RETRY), (500, Result.RETRY), (502, Result.RETRY), (503, Result.RETRY), (504, Result.RETRY),
    ],
)  # fmt: skip
def test_each_status_means_something(status: int, result: Result, server: PlainServer) -> None:
    server.answers(status)
    assert call(server.url, allow_plain=True, allow_networks=LOOPBACK).outcome.result is result


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "99999999999"}, 86_400.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 25 Nov 2026 10:02:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 120.0),
        ({"Retry-After": "Wed, 25 Nov 2026 09:00:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 25 Nov 2026 10:02:00 -0000", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, None),
    ],
)
def test_how_long_to_wait_is_taken_from_the_server(
    headers: dict[str, str], wait: float | None, server: PlainServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = headers.get("Date", "")
    server.answers(429, None, {name: value for name, value in headers.items() if name != "Date"})
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.date_time_string", lambda *_: date)
    assert call(server.url, allow_plain=True, allow_networks=LOOPBACK).outcome.retry_after_s == wait


def test_a_path_is_added_to_that_of_the_url_and_a_query_stays(server: PlainServer) -> None:
    config = HttpConfig(url=f"{server.url}/base/?token=1", allow_plain=True, allow_networks=LOOPBACK)
    with closing(HttpCaller(config)) as caller:
        caller.call("GET", "/api/x?a=b%20c")
        caller.call("GET", "/api")
        caller.call("GET")
    asked = [(request.path, request.query) for request in server.requests]
    assert asked == [
        ("/base/api/x", {"a": "b c", "token": "1"}), ("/base/api", {"token": "1"}), ("/base/", {"token": "1"}),
    ]  # fmt: skip


def test_what_is_in_an_answer_is_found_by_its_path(server: PlainServer) -> None:
    answer = call(server.url, allow_plain=True, allow_networks=LOOPBACK)
    assert (answer.field("id"), answer.field("list", 0, "n")) == ("r-1", 1)
    assert [answer.field(*path) for path in (("x",), (0,), ("list", 5), ("id", "x"))] == [None] * 4
    assert (answer.text("id"), answer.text("list", 0, "n"), answer.text("list")) == ("r-1", "1", "")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give a receiver's url, or a url_file"),
        ({"url": "https://a.example", "url_file": "x"}, "and not both"),
        ({"url": "http://a.example"}, "must begin with https://"),
        ({"url": "ftp://a.example", "allow_plain": True}, "must begin with https://"),
        ({"url": "a.example/x"}, "names no host"),
        ({"url": "https://[::1"}, "is none"),
        ({"url": "https://user:pass@a.example"}, "no user or password"),
        ({"url": "https://a.example", "allow_networks": ("10.0.0.1/8",)}, "allow_networks.*give networks such as"),
        ({"url": "https://a.example", "ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem: no certificates"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_in_words(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ReceiverError, match=message):
        HttpCaller(HttpConfig(**fields))


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"", "it is empty"), (b"\nx", "it is empty"), (b"\xff", "it is not UTF-8")],
)
def test_a_secret_that_cannot_be_read_is_refused_by_the_name_of_its_file(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ReceiverError, match=rf"token: no secret can be read \({why}"):
        read_secret(str(file))


def everything(error: BaseException | None) -> str:
    """All that a report of a crash could show of an error and of those behind it."""
    text = ""
    while error is not None:
        text += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(error.args)
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize(
    "written", [f"https://{CANARY}@a.example/", f"https://a.example:{CANARY}", f"{CANARY}", f"http://a/{CANARY}"]
)
def test_a_url_that_cannot_be_used_is_not_repeated(written: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(written, "utf-8")
    with pytest.raises(ReceiverError) as caught:
        HttpCaller(HttpConfig(url_file=str(file)))
    assert CANARY not in everything(caught.value)


def test_a_secret_that_is_no_text_or_no_header_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(CANARY.encode() + b"\xff")
    with pytest.raises(ReceiverError) as caught:
        read_secret(str(file))
    assert CANARY not in everything(caught.value)
    for ending in ("\x00", "é", "\n"):
        with pytest.raises(ReceiverError, match="header Authorization must be printable ASCII") as caught:
            HttpCaller(HttpConfig(url="https://a.example"), {"Authorization": CANARY + ending})
        assert CANARY not in everything(caught.value)


def test_no_outcome_representation_or_log_repeats_a_secret(
    server: PlainServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "url"
    seen = []

    def echo(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 2{CANARY} OK\r\n\r\n".encode())

    with closing(Listener(echo)) as listener:
        for port in (server.port, listener.port, 9):
            file.write_text(f"http://127.0.0.1:{port}/{CANARY}?key={CANARY}", "utf-8")
            config = HttpConfig(url_file=str(file), allow_plain=True, allow_networks=LOOPBACK)
            with closing(HttpCaller(config, {"Authorization": CANARY})) as caller:
                for status in (200, 302, 403, 429, 500):
                    server.answers(status, {"echo": CANARY}, {"Location": f"/{CANARY}"})
                    answer = caller.call("POST", f"/{CANARY}", headers={"X-Key": CANARY})
                    seen += [repr(answer.outcome), answer.outcome.detail]
                    if port != server.port:
                        break
                seen += [repr(caller), str(vars(caller)["_client"]), repr(config)]
    assert CANARY not in "\n".join(seen) + caplog.text
    assert any(CANARY in request.path for request in server.requests)
