"""Calls to receivers over HTTP: only where they may go, without redirects, and every failure an outcome."""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.receiver import Outcome, Verdict

TIMEOUT_S = 10.0
ANSWER_BYTES = 64 << 10  # of an answer: enough for an id, and no more is read
DETAIL_CHARS = 200
GONE = 410

Resolve = Callable[[str, int], Sequence[str]]


class HttpConfig(msgspec.Struct, frozen=True):
    """Where a receiver is, and how far it is trusted.

    `url`, or the first line of `url_file` where it holds a secret, is https, or http where `allow_plain`. Its host must
    be public, or inside `allow_networks` (such as "10.0.0.0/8" or "127.0.0.0/8"): nobody who can edit a webhook shall
    make this process call its neighbours (OWASP, server-side request forgery). `ca_file` signs the certificate of the
    server, the system's authorities if None.
    """

    url: str = ""
    url_file: str | None = None
    allow_networks: tuple[str, ...] = ()
    allow_plain: bool = False
    ca_file: str | None = None
    timeout_s: float = TIMEOUT_S


class Answer(msgspec.Struct, frozen=True):
    """What came back: `outcome`, and the body where the call was answered."""

    outcome: Outcome
    status: int = 0
    body: bytes = b""

    def field(self, *path: str) -> Any:
        """What is at a path of keys in a JSON body, None where it is not there or the body is none."""
        try:
            found = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found


class HttpCaller:
    """Calls one server, at an address that was checked.

    A name is resolved once a call and then connected to by that address, so that no second answer of the name server
    can lead elsewhere (DNS rebinding). Nothing said of a failure repeats the URL, whose path may be a secret.

    `ReceiverError` when the configuration cannot be used: the URL is none, or plain http that was not allowed.
    """

    def __init__(
        self, config: HttpConfig, headers: Mapping[str, str] | None = None, resolve: Resolve | None = None
    ) -> None:
        try:
            self._url = httpx.URL(config.url)
            self._networks = [ipaddress.ip_network(network) for network in config.allow_networks]
        except (httpx.InvalidURL, ValueError):
            # Neither the URL nor the error that quotes it is repeated: a secret may be in it.
            raise ReceiverError("the receiver's url is none, or one of allow_networks is no network") from None
        if self._url.scheme != "https" and not (self._url.scheme == "http" and config.allow_plain):
            raise ReceiverError("the receiver's url must begin with https://, or set allow_plain for http://")
        if not self._url.host or self._url.userinfo:
            raise ReceiverError("the receiver's url must name a host, and no user or password; give those by a file")
        self._config, self._resolve = config, resolve or _resolved
        verify = _context(config.ca_file)
        self._client = httpx.Client(
            verify=verify,
            timeout=config.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "innerwatch", **(headers or {})},
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def call(
        self, method: str, path: str = "", *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Call the URL with `path` added to its own; 2xx is delivered, 408, 425, 429 and 5xx are to be tried again."""
        url = self._url.copy_with(raw_path=self._url.raw_path.rstrip(b"/") + path.encode()) if path else self._url
        try:
            address = self._address()
        except OSError as error:
            return Answer(Outcome(Verdict.RETRY, f"{self._url.host}: no address ({error.strerror or error})"))
        if address is None:
            return Answer(
                Outcome(
                    Verdict.REFUSED, f"{self._url.host} is not a public address; name its network in allow_networks"
                )
            )
        pinned = url.copy_with(host=address)
        host = self._url.host if self._url.port is None else f"{self._url.host}:{self._url.port}"
        try:
            with self._client.stream(
                method,
                pinned,
                content=content,
                headers={"Host": host, "Content-Type": "application/json", **(headers or {})},
                extensions={"sni_hostname": self._url.host},
            ) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES:
                        break
                return Answer(_outcome(response), response.status_code, body[:ANSWER_BYTES])
        except httpx.HTTPError as error:
            return Answer(Outcome(Verdict.RETRY, f"{self._url.host}: {type(error).__name__}: {_plain(str(error))}"))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _address(self) -> str | None:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        for address in self._resolve(self._url.host, port):
            parsed = ipaddress.ip_address(address)
            if any(parsed in network for network in self._networks):
                return address
            if parsed.is_global and not parsed.is_multicast and not _hidden_private(parsed):
                return address
        return None


def _hidden_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an IPv6 address wraps an IPv4 one that is not public."""
    wrapped = address.ipv4_mapped or address.sixtofour if isinstance(address, ipaddress.IPv6Address) else None
    return wrapped is not None and not wrapped.is_global


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ReceiverError(f"{ca_file}: no certificates ({error.strerror or error}); give a PEM file") from error


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(Verdict.DELIVERED)
    if status == GONE:
        return Outcome(Verdict.GONE, f"HTTP {status}")
    if status in (408, 425, 429) or status >= 500:
        return Outcome(Verdict.RETRY, f"HTTP {status}", _retry_after(response))
    return Outcome(Verdict.REFUSED, f"HTTP {status}")


def _retry_after(response: httpx.Response) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date that is taken from the server's own clock."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(wait.total_seconds(), 0.0)


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)[:DETAIL_CHARS]


def read_secret(path: str) -> str:
    """The first line of a file that holds a secret alone; `ReceiverError` names the file and never what is in it."""
    try:
        secret = Path(path).read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ReceiverError(f"{path}: the secret cannot be read; give a file with it alone") from error
    if not secret:
        raise ReceiverError(f"{path}: the secret is empty; give a file with it alone")
    return secret
