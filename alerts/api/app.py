"""The application: every router in one literal list, every answer guarded, every error a problem."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI

from alerts.api import exceptions, health, inbound, incidents, metrics, queue, silences
from alerts.api.description import complete
from alerts.api.guard import Guard, Log
from alerts.api.problems import add_problems, documented
from alerts.api.service import Service

DESCRIPTION: Final = """\
The incident queue: all that `innerwatch incidents`, `silences`, `exceptions`, `deliveries` and `feedback` do.

Every act needs a token, and its author is the token's name. An act on an incident says by `If-Match` which version was
seen, and is refused where somebody was faster. Every error is a problem (RFC 9457). People are pseudonyms throughout.
"""
ROUTERS: Final[tuple[tuple[str, APIRouter], ...]] = (
    ("/v1", incidents.router),
    ("/v1", queue.router),
    ("/v1", silences.router),
    ("/v1", exceptions.router),
    ("", health.router),
    ("", inbound.router),
    ("", metrics.router),
)
"""What is served, and below which path."""


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description of the API, made once."""
        if self.openapi_schema is None:
            complete(super().openapi())
        return super().openapi()


def create_app(service: Service, log: Log, version: str) -> FastAPI:
    """The application over desks, of some release."""
    app = _Api(
        title="innerwatch",
        version=version,
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    for prefix, router in ROUTERS:
        app.include_router(router, prefix=prefix, responses=documented(401, 500, 503) if prefix else documented(500))
    add_problems(app)
    app.add_middleware(Guard, log=log, now=service.now, answered=service.measured.answered)
    return app
