"""What is measured of the process, for Prometheus, which shows a token as everybody does."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from alerts.api.problems import documented
from alerts.api.service import Asked, Bearer

EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT: Final[dict[str, Any]] = {
    "description": "The text format of Prometheus.",
    "content": {"text/plain": {"example": 'innerwatch_requests_total{operation="list_incidents",status="2xx"} 12.0\n'}},
}

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    summary="Tell what is measured of this process",
    response_class=PlainTextResponse,
    responses={200: TEXT, **documented(401, 503)},
)
async def metrics(_: Bearer, service: Asked) -> Response:
    """Requests by operation and status, what receivers' tools posted, memory, processor time."""
    return Response(service.measured.page(), media_type=EXPOSITION)
