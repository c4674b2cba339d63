"""What holds for every request: a bound on its body, headers that keep browsers out, no word of our insides."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.api.problems import problem

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Those of the OWASP REST Security Cheat Sheet."""
PROBES: Final = ("healthz", "readyz", "metrics")
"""What is asked every few seconds; that it went well is no news."""
LONGEST_BODY: Final = 256 * 1_024
ONLY_TLS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Log(Protocol):
    """Takes what happened, one event with its facts at a time; a structlog logger is one."""

    def info(self, event: str, **facts: Any) -> Any:
        """Note an ordinary event."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Note one that a person should look at."""


class Guard:
    """Wraps an application: bounds bodies, adds headers to answers, notes and counts each, and answers when it fails.

    What is noted is the operation and the status, and of a failure its kind and place: a path, a message and whoever
    asks may be personal or secret.
    """

    def __init__(
        self, app: ASGIApp, log: Log, now: Callable[[], float], answered: Callable[[str, int, float], None]
    ) -> None:
        self._app, self._log, self._now, self._answered = app, log, now, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = HEADERS | (ONLY_TLS if scope["scheme"] == "https" else {})
        status, began = 0, self._now()

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(headers)
            await send(message)

        try:
            await self._app(scope, _bounded(scope, receive), guarded)
        except Exception as error:
            self._log.warning("failed", operation=_operation(scope), kind=type(error).__name__, where=_place(error))
            if not status:
                await problem(500)(scope, receive, guarded)
        self._answered(_operation(scope), status, max(self._now() - began, 0.0))
        if status != 200 or _operation(scope) not in PROBES:
            self._log.info("request", operation=_operation(scope), status=status)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Receives a body up to the bound, whether or not its length was said before."""
    said = Headers(scope=scope).get("content-length", "0")
    left = LONGEST_BODY

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0 or not said.isdecimal() or int(said) > LONGEST_BODY:
            raise HTTPException(413)
        return message

    return bounded


def _operation(scope: Scope) -> str:
    """Which one, "" where the path or the method is none."""
    return str(getattr(scope.get("route"), "name", ""))


def _place(error: Exception) -> str:
    """The module and line that raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"
