"""By which right we reach Kafka: TLS, client certificates and log-ins, as options of the client."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Literal

import msgspec
from kafka.net.sasl.oauth import AbstractTokenProvider  # type: ignore[import-untyped]

from streams.errors import SourceError

Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"]

_BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, which leaves no room for what could end the message early


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """How a server and we make sure of each other; every file is named by its path.

    With `tls` the servers' certificates must be signed by `ca_file` (the system's authorities when None) and
    name the host; `certificate_file` and `key_file` show them who we are. With a `username` we log in by
    `mechanism` with the first line of `password_file`; with OAUTHBEARER by the first line of `token_file`, read
    again for every connection, so that another process may renew it. Both need `tls`: a secret is never sent in
    the clear.
    """

    tls: bool = False
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    token_file: str | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"


def options_of(rights: Rights) -> dict[str, object]:
    """The client's options for these rights; `SourceError` says what is missing, contradicts or cannot be read."""
    if rights.mechanism == "OAUTHBEARER" or rights.token_file is not None:
        login = _by_token(rights)
    elif rights.username is not None or rights.password_file is not None:
        login = _by_password(rights)
    else:
        login = {}
    if not rights.tls:
        if rights.certificate_file is not None or rights.key_file is not None:
            raise SourceError("to show a certificate set source.kafka.tls; without it no server would ask for one")
        return {}
    _check_files(rights)
    return {
        "security_protocol": "SASL_SSL" if login else "SSL",
        "ssl_cafile": rights.ca_file,
        "ssl_certfile": rights.certificate_file,
        "ssl_keyfile": rights.key_file,
        "ssl_password": "",  # without one a locked key would ask at the terminal
        **login,
    }


def _by_password(rights: Rights) -> dict[str, object]:
    if not rights.tls or rights.username is None or rights.password_file is None:
        raise SourceError(
            f"to log in by {rights.mechanism} set source.kafka.username, source.kafka.password_file, and "
            "source.kafka.tls, since a password is never sent in the clear"
        )
    return {
        "sasl_mechanism": rights.mechanism,
        "sasl_plain_username": rights.username,
        "sasl_plain_password": _first_line(rights.password_file, "password"),
    }


def _by_token(rights: Rights) -> dict[str, object]:
    if rights.mechanism != "OAUTHBEARER" or not rights.tls or rights.token_file is None:
        raise SourceError(
            "to log in by a token set source.kafka.token_file, source.kafka.mechanism to OAUTHBEARER, and "
            "source.kafka.tls, since a token is never sent in the clear"
        )
    if rights.username is not None or rights.password_file is not None:
        raise SourceError(
            "OAUTHBEARER logs in by source.kafka.token_file alone; take out source.kafka.username and password_file"
        )
    provider = _TokenFile(rights.token_file)
    provider.token()  # what is wrong with the file is said now, and not by a broker later
    return {"sasl_mechanism": rights.mechanism, "sasl_oauth_token_provider": provider}


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """Gives the client the token that the file holds when it asks."""

    def __init__(self, path: str) -> None:
        self._path = path

    def token(self) -> str:
        """The first line; `SourceError` when it is no bearer token."""
        token = _first_line(self._path, "token")
        if _BEARER.fullmatch(token) is None:
            raise SourceError(f"{self._path}: the first line is no bearer token; give a file with it alone")
        return token


def _first_line(path: str, what: str) -> str:
    try:
        return Path(path).read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"{path}: the {what} cannot be read; give a file with it alone") from None


def _check_files(rights: Rights) -> None:
    """Say in words what the client would put as a failed connection; it reads the files again itself."""
    certificate, key = rights.certificate_file, rights.key_file
    if (certificate is None) != (key is None):
        raise SourceError("source.kafka.certificate_file and source.kafka.key_file belong together; set both or none")
    try:
        context = ssl.create_default_context(cafile=rights.ca_file)
    except (OSError, ValueError):
        raise SourceError(f"{rights.ca_file}: holds no certificate of an authority, in PEM; check ca_file") from None
    if certificate is None:
        return
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        raise SourceError(
            f"{certificate}, {key}: not a certificate in PEM and its key without a password; check "
            "source.kafka.certificate_file and source.kafka.key_file"
        ) from None
