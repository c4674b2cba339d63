"""The process that serves the API: a socket, TLS where the configuration names a certificate, and an orderly end."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from typing import Final

import uvicorn
from fastapi import FastAPI

from alerts.api.app import create_app
from alerts.api.service import Desks, Service
from detector.config import Config
from detector.config_api import ApiConfig
from detector.deliver import open_desk, stages_of
from detector.errors import ApiError
from detector.inbound import open_inbound
from detector.live import Log
from detector.serve_metrics import ServeMetrics

FINISH_S: Final = 10
"""For so long requests that are being answered may go on after a signal."""
CONNECTIONS: Final = 500
"""At one time; more are refused, so that nobody can use up all memory."""


@contextmanager
def opened(config: Config, now: Callable[[], float], log: Log) -> Iterator[FastAPI]:
    """The application over the database of the configuration's state, until the block ends.

    Raises:
        DetectorError, AlertsError: there is no database, or it cannot be used.
    """
    with closing(Desks(lambda: open_desk(config, must_exist=True))) as desks, ExitStack() as stack:
        inbound = open_inbound(config, stack, now)
        measured = ServeMetrics(inbound.senders)
        service = Service(desks, stages_of(config), tuple(config.delivery.receivers), now, inbound, measured)
        yield create_app(service, log, version("innerwatch"))


def serve(app: FastAPI, config: ApiConfig, log: Log) -> None:
    """Serve until SIGTERM or SIGINT, which whoever calls this gets afterwards.

    Raises:
        ApiError: the address, the certificate or its key cannot be used.
    """
    _quieten(log)
    server = uvicorn.Server(_settings(app, config))
    with _listening(config) as listening:
        host, port = listening.getsockname()[:2]
        log.info("serving", host=host, port=port, tls=config.certificate_file is not None)
        server.run(sockets=[listening])


def _settings(app: FastAPI, config: ApiConfig) -> uvicorn.Config:
    settings = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=FINISH_S,
        ssl_certfile=config.certificate_file, ssl_keyfile=config.key_file,
        ssl_keyfile_password="none",  # noqa: S106 - else OpenSSL asks the terminal for that of an encrypted key
    )  # fmt: skip
    try:
        settings.load()
    except (OSError, ssl.SSLError) as error:
        raise ApiError(
            f"api.certificate_file and api.key_file cannot be used ({error.strerror or error.args[-1]}); give PEM "
            "files that belong together, the key without a password"
        ) from error
    return settings


@contextmanager
def _listening(config: ApiConfig) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        made = socket.create_server((config.host, config.port), family=family)
    except OSError as error:
        raise ApiError(
            f"api.port {config.port} on {config.host} cannot be opened ({error.strerror}); give another one, 0 for any"
        ) from error
    with made:
        yield made


class _Heard(logging.Handler):
    """Passes on that the server complained, and not of what: that may be a piece of a request."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on one complaint."""
        self._log.warning("server", level=record.levelname.lower(), where=record.name)


def _quieten(log: Log) -> None:
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = ([_Heard(log)] if name != "uvicorn" else []), False
