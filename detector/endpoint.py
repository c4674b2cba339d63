"""The endpoint of a process that runs: metrics for Prometheus, and whether it lives and is ready for probes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from detector.config import MetricsConfig
from detector.errors import MetricsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Probe = Callable[[], str]
"""What is wrong, in words; "" when all is well."""
PLAIN: Final = ("Content-Type", "text/plain; charset=utf-8")


@contextmanager
def served(
    config: MetricsConfig, registry: CollectorRegistry, alive: Probe, ready: Probe, key: str = "port"
) -> Iterator[int]:
    """Serve ``/metrics``, ``/livez`` and ``/readyz`` on a loopback address until the block ends.

    ``key`` is that of the port in the configuration. A probe answers 200, or 503 with what is wrong. Gives the port, 0
    where the endpoint is turned off.

    Raises:
        MetricsError: the address is taken.
    """
    if not config.enabled:
        yield 0
        return
    port: int = getattr(config, key)
    application = _application(make_wsgi_app(registry), {"/livez": alive, "/readyz": ready})
    try:
        server = make_server(config.host, port, application, _Server, _Quiet)
    except OSError as error:
        raise MetricsError(
            f"metrics.{key} {port} on {config.host} cannot be opened ({error.strerror}); give another one, 0 "
            "for any, or set metrics.enabled to false"
        ) from error
    thread = Thread(target=server.serve_forever, name="endpoint", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(metrics: "WSGIApplication", probes: dict[str, Probe]) -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        path = environ["PATH_INFO"]
        if path in probes:
            wrong = probes[path]()
            start_response("503 Service Unavailable" if wrong else "200 OK", [PLAIN])
            return [f"{wrong or 'ok'}\n".encode()]
        if path == "/metrics":
            return list(metrics(environ, start_response))
        start_response("404 Not Found", [PLAIN])
        return [b"/metrics, /livez and /readyz are here\n"]

    return application


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing: a scrape every few seconds is no news."""
