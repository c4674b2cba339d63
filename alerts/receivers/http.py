"""Calls to receivers over HTTP: only where they may go, without redirects, and every failure an outcome."""

import base64
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.reasons import reason
from alerts.receivers.receiver import Outcome, Result

TIMEOUT_S: Final = 10.0
WHOLE: Final = 3
"""A call takes at most so many times its time limit, however slowly the other side drips."""
ANSWER_BYTES: Final = 64 << 10  # of an answer: enough for an id, and no more is read
DETAIL_CHARS: Final = 200
MOST_ADDRESSES: Final = 3
MOST_WAIT_S: Final = 86_400.0
"""A server may ask to be left alone for a day; more would be never."""
GONE: Final = 410
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
NEIGHBOURS: Final = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # RFC 6890, public in older Pythons; Oracle's metadata are at .192
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's, for its virtual machines
)
"""Public by their number, but answered next door."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# These two log whole URLs and headers, in which a secret may be. What a call came to is in its outcome.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class HttpConfig(msgspec.Struct, frozen=True):
    """Where a receiver is, and how far it is trusted.

    `url`, or the first line of `url_file` where it holds a secret, is https, or http where `allow_plain`. Its host
    must be public, or inside `allow_networks` (such as "10.0.0.0/8" or "127.0.0.0/8"): nobody who can edit a webhook
    shall make this process call its neighbours (OWASP, server-side request forgery). `ca_file` signs the server's
    certificate, the system's authorities if None. `timeout_s` is for each step of a call: connecting, sending, and
    every wait for more of an answer; three times as long for the whole.
    """

    url: str = ""
    url_file: str | None = None
    allow_networks: tuple[str, ...] = ()
    allow_plain: bool = False
    ca_file: str | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0.0)] = TIMEOUT_S


class Answer(msgspec.Struct, frozen=True):
    """What came back: `outcome`, and the body where the call was answered; `status` is 0 where it was not."""

    outcome: Outcome
    status: int = 0
    body: bytes = b""

    @property
    def delivered(self) -> bool:
        """Whether the call succeeded."""
        return self.outcome.result is Result.DELIVERED

    def field(self, *path: str | int) -> Any:
        """What is at a path of keys and places in a JSON body, None where it is not there or the body is none."""
        try:
            found = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None
        for key in path:
            if isinstance(key, int):
                found = found[key] if isinstance(found, list) and len(found) > key else None
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found

    def text(self, *path: str | int) -> str:
        """Like `field`, but "" for whatever is not text or a number."""
        found = self.field(*path)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


class HttpCaller:
    """Calls one server, at addresses that were checked.

    A name is resolved once a call and then connected to by its address, so that no second answer of the name server
    can lead elsewhere (DNS rebinding); the certificate must be that of the name. Of several addresses those that may
    be called are tried in turn until one takes the connection. Nothing said of a failure repeats the URL, whose path
    may be a secret, or a header.

    At most `answer_bytes` of an answer are read.

    `ReceiverError` when the configuration cannot be used: the URL is none, or plain http that was not allowed, or a
    secret cannot be read or be sent in a header.
    """

    def __init__(
        self,
        config: HttpConfig,
        headers: Mapping[str, str] | None = None,
        resolve: Resolve | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self._answer_bytes = answer_bytes
        self._url = _checked_url(config)
        self._host = self._url.raw_host.decode("ascii")
        self._networks = _networks(config.allow_networks)
        self._timeout_s, self._whole_s = config.timeout_s, WHOLE * config.timeout_s
        self._resolve, self._context = resolve or _resolved, _context(config.ca_file, self._url.scheme)
        for name, value in (headers or {}).items():
            if not (value.isascii() and value.isprintable()):
                raise ReceiverError(f"what goes into the header {name} must be printable ASCII; look at its secret")
        self._client = httpx.Client(
            verify=self._context,
            timeout=config.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "innerwatch", "Accept-Encoding": "identity", **(headers or {})},
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def call(
        self, method: str, path: str = "", *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Call the URL with `path` added to its own; 2xx is delivered, 408, 425, 429 and 5xx are to be tried again.

        `path` may end in a query of its own, percent-encoded; the URL's query stays. The body is JSON unless
        `headers` say otherwise.
        """
        addresses = self._addresses()
        if isinstance(addresses, Outcome):
            return Answer(addresses)
        url = self._url.copy_with(raw_path=_joined(self._url.raw_path, path)) if path else self._url
        request = {"Host": self._url.netloc.decode("ascii"), "Content-Type": "application/json", **(headers or {})}
        for address in addresses:
            answer, connected = self._try(method, url.copy_with(host=address), content, request)
            if connected:
                break
        return answer

    def reach(self) -> str:
        """Why a call would not get through, in words; "" where it would: a connection is made and nothing is sent."""
        addresses = self._addresses()
        if isinstance(addresses, Outcome):
            return addresses.detail
        for address in addresses:
            try:
                with socket.create_connection((address, self._port), self._timeout_s) as plain:
                    if self._url.scheme == "https":
                        self._context.wrap_socket(plain, server_hostname=self._host).close()
                    return ""
            except OSError as error:
                why = reason(error)
        return f"{self._host}: {why}"

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _try(self, method: str, pinned: httpx.URL, content: bytes, headers: Mapping[str, str]) -> tuple[Answer, bool]:
        """The answer at one address, and whether a connection was made, after which no other may be tried."""
        with _cut_after(self._whole_s) as trace:
            extensions = {"sni_hostname": self._host, "trace": trace}
            try:
                with self._client.stream(
                    method, pinned, content=content, headers=headers, extensions=extensions
                ) as response:
                    body = b""
                    # Raw: what is packed could unpack to any size.
                    for piece in response.iter_raw():
                        body += piece
                        if len(body) > self._answer_bytes:
                            break
                    return Answer(_outcome(response), response.status_code, body[: self._answer_bytes]), True
            except httpx.HTTPError as error:
                unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                # Other errors may quote what was sent, or what the other side said.
                why = f": {_plain(str(error))}" if unconnected and str(error) else ""
                return Answer(Outcome(Result.RETRY, f"{self._host}: {type(error).__name__}{why}")), not unconnected

    @property
    def _port(self) -> int:
        return self._url.port or (443 if self._url.scheme == "https" else 80)

    def _addresses(self) -> list[str] | Outcome:
        """Where the host is and may be called; if that is nowhere, what a call comes to."""
        try:
            found = dict.fromkeys(self._resolve(self._host, self._port))
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            return Outcome(Result.RETRY, f"{self._host}: no address ({_plain(why)})")
        allowed = [address for address in found if self._allowed(ipaddress.ip_address(address))]
        if not allowed:
            refused = f"{self._host} is not a public address; name its network in allow_networks"
            return Outcome(Result.REFUSED, refused)
        return allowed[:MOST_ADDRESSES]

    def _allowed(self, address: Address) -> bool:
        return any(address in network for network in self._networks) or _is_public(address)


def read_secret(path: str) -> str:
    """The first line of a file that holds a secret alone; `ReceiverError` names the file and never what is in it."""
    secret, why = "", "it is empty"
    try:
        secret = Path(path).read_text("utf-8").partition("\n")[0].strip()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    # Raised out here, since an error of decoding holds the bytes and would come along as the context.
    if not secret:
        raise ReceiverError(f"{path}: no secret can be read ({why}); give a file with it alone")
    return secret


def authorization(secret_file: str | None, user: str = "", scheme: str = "Bearer") -> dict[str, str]:
    """The header for a secret in a file: Basic (RFC 7617) with a user, else of the scheme; none without a file."""
    if secret_file is None:
        return {}
    secret = read_secret(secret_file)
    if user:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
    return {"Authorization": f"{scheme} {secret}"}


def _checked_url(config: HttpConfig) -> httpx.URL:
    if bool(config.url) == bool(config.url_file):
        raise ReceiverError("give a receiver's url, or a url_file with it where it holds a secret, and not both")
    url = None
    with suppress(httpx.InvalidURL):
        url = httpx.URL(read_secret(config.url_file) if config.url_file else config.url)
    # Neither the URL nor the error that quotes it is repeated: a secret may be in it.
    if url is None or not url.host:
        raise ReceiverError("the receiver's url is none, or names no host")
    if url.userinfo:
        raise ReceiverError("the receiver's url must hold no user or password; give those by a file")
    if url.scheme != "https" and not (url.scheme == "http" and config.allow_plain):
        raise ReceiverError("the receiver's url must begin with https://, or set allow_plain for http://")
    return url


def _networks(named: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(network) for network in named]
    except ValueError as error:
        raise ReceiverError(f"allow_networks: {error}; give networks such as 10.0.0.0/8") from error


def _is_public(address: Address) -> bool:
    """Whether anybody on the internet may be there; an IPv4 address in the clothes of IPv6 is judged as such."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour is not None:
            return _is_public(address.sixtofour)
        if address in NAT64:
            return _is_public(ipaddress.IPv4Address(address.packed[-4:]))
        if address.ipv4_mapped is not None or address.is_site_local:
            return False
    if any(address in network for network in NEIGHBOURS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def _joined(base: bytes, path: str) -> bytes:
    before, _, query = base.partition(b"?")
    joined = before.rstrip(b"/") + path.encode("ascii")
    return joined + ((b"&" if b"?" in joined else b"?") + query if query else b"")


@contextmanager
def _cut_after(seconds: float) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Cut the connection that a call makes once its time is over; a limit for each read alone is none for a drip."""
    sockets: list[socket.socket] = []
    over = threading.Event()

    def trace(event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            sockets.append(info["return_value"].get_extra_info("socket"))
            if over.is_set():
                cut()

    def cut() -> None:
        over.set()
        for one in sockets:
            with suppress(OSError):
                # Not the TLS socket's own, which would pull the session from under the thread that reads.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield trace
    finally:
        timer.cancel()


def _context(ca_file: str | None, scheme: str) -> ssl.SSLContext:
    if scheme == "http" and ca_file is None:
        # The system's authorities take a moment to load; this one trusts nobody, and is never asked.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ReceiverError(f"{ca_file}: no certificates ({error.strerror or error}); give a PEM file") from error


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(Result.DELIVERED)
    if status == GONE:
        return Outcome(Result.GONE, f"HTTP {status}")
    if status in (408, 425, 429) or status >= 500:
        return Outcome(Result.RETRY, f"HTTP {status}", _retry_after(response))
    return Outcome(Result.REFUSED, f"HTTP {status}")


def _retry_after(response: httpx.Response) -> float | None:
    """RFC 9110 section 10.2.3: seconds, or a date that is taken from the server's own clock."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return min(float(said), MOST_WAIT_S)
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(wait.total_seconds(), 0.0), MOST_WAIT_S)


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)[:DETAIL_CHARS]
