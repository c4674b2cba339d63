"""The operation by which receivers' tools say what people did there."""

from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from alerts.api.problems import documented
from alerts.api.resources import Taken
from alerts.api.service import Asked
from alerts.errors import MalformedError, RefusedError, UnavailableError
from alerts.inbound.inbound import WHY

MOST_BYTES: Final = 64 << 10
BODY: Final[dict[str, Any]] = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}

router = APIRouter(prefix="/inbound", tags=["inbound"])


@router.post(
    "/{name}",
    summary="Take what a receiver's tool says of alerts that it was told of",
    responses=documented(401, 404, 413, 422, 503),
    openapi_extra=BODY,
)
async def take_message(name: str, request: Request, service: Asked) -> Taken:
    """What the message itself holds is its authentication: a signature, or a secret that the tool was given."""
    if name not in service.inbound.senders:
        raise HTTPException(404)
    body = await _body(request)
    try:
        heard = await run_in_threadpool(service.inbound.take, name, dict(request.headers), body)
    except RefusedError as refusal:
        service.measured.came(name, WHY[type(refusal)])
        if isinstance(refusal, MalformedError):
            raise HTTPException(422, str(refusal)) from None
        # Which part was wrong is for nobody who does not know the secret.
        raise HTTPException(401, "not genuine, or not of now", {"WWW-Authenticate": "Signature"}) from None
    except UnavailableError:
        raise HTTPException(503, headers={"Retry-After": "30"}) from None
    service.measured.came(name, heard.value)
    return Taken(heard=heard)


async def _body(request: Request) -> bytes:
    """The body, of which no more is read than is allowed."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"a message has at most {MOST_BYTES:,} bytes")
    return body
