"""The operation by which senders say what people did in their tools."""

from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from alerts.errors import MalformedError, RefusedError, UnavailableError
from alerts.inbound.inbound import Inbound

MOST_BYTES: Final = 64 << 10
RESPONSES: Final[dict[int | str, dict[str, object]]] = {
    400: {"description": "The message is genuine, and not in the sender's form."},
    401: {"description": "The message is not genuine, or not of now."},
    404: {"description": "No receiver of this name says anything back."},
    413: {"description": f"The message has more than {MOST_BYTES:,} bytes."},
    503: {"description": "The database is away; the same again later is harmless."},
}


def router_of(inbound: Inbound) -> APIRouter:
    """The router of `POST /inbound/{name}`; what a message holds is its only authentication."""
    router = APIRouter(prefix="/inbound", tags=["inbound"])

    @router.post(
        "/{name}",
        operation_id="takeMessage",
        summary="Take what a receiver's tool says of alerts that it was told of",
        responses=RESPONSES,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def take(name: str, request: Request) -> dict[str, str]:
        if name not in inbound:
            raise HTTPException(404, "no receiver of this name says anything back")
        body = await _body(request)
        try:
            heard = await run_in_threadpool(inbound.take, name, dict(request.headers), body)
        except MalformedError as refusal:
            raise HTTPException(400, str(refusal)) from None
        except RefusedError:
            # Which part was wrong is for nobody who does not know the secret.
            raise HTTPException(401, "not genuine, or not of now", {"WWW-Authenticate": "Signature"}) from None
        except UnavailableError:
            raise HTTPException(503, "the database is away", {"Retry-After": "30"}) from None
        return {"heard": heard.value}

    return router


async def _body(request: Request) -> bytes:
    """The body, of which no more is read than is allowed."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"a message has at most {MOST_BYTES:,} bytes")
    return body
