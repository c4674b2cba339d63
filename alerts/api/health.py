"""Whether the process lives and can work, for probes; nobody needs a token to ask."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException

from alerts.api.problems import documented
from alerts.api.resources import Health
from alerts.api.service import Asked
from alerts.errors import StoreError, UnavailableError

router = APIRouter(tags=["health"])


def _ready(service: Asked) -> None:
    try:
        desk = service.desks.take()
        try:
            desk.check()
        finally:
            service.desks.give_back(desk)
    except UnavailableError as error:
        raise HTTPException(503, "the database is away or busy") from error
    except StoreError as error:
        raise HTTPException(503, "the database cannot be used as it is; innerwatch db check says why") from error


# One look at a time: whoever has no token takes no more than one desk.
_Ready = Annotated[None, Depends(_ready, scope="function", max_concurrency=1)]


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Health:
    """Answered without the database, by the loop that answers everything."""
    return Health(status="ok")


@router.get("/readyz", summary="Whether it can work", responses=documented(503))
async def readyz(_: _Ready) -> Health:
    """The database can be reached, and is of this release's version."""
    return Health(status="ok")
