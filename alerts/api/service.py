"""What every operation needs: a desk for as long as it takes, and who asks."""

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, LifoQueue
from typing import Annotated, Final, Protocol, cast

import msgspec
from fastapi import Depends, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from alerts.access import FORM, Role, Token
from alerts.desk import Desk
from alerts.inbound.inbound import Inbound
from alerts.pipeline import Stage
from alerts.work import By

DESKS: Final = 4
"""Requests that may be at the database at one time; others wait, without a thread of their own."""


class Desks:
    """Desks that are opened when they are needed, and kept for the next request. The first is opened at once."""

    def __init__(self, open_desk: Callable[[], Desk]) -> None:
        self._open = open_desk
        self._free: LifoQueue[Desk] = LifoQueue()
        self._free.put(open_desk())

    def take(self) -> Desk:
        """One that nobody has."""
        try:
            return self._free.get_nowait()
        except Empty:
            return self._open()

    def give_back(self, desk: Desk) -> None:
        """Let others have it."""
        self._free.put(desk)

    def close(self) -> None:
        """Let go of those that nobody has."""
        while not self._free.empty():
            self._free.get_nowait().close()


class Measured(Protocol):
    """Counts what is done, from any thread."""

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """A request was answered; the operation is "" where the path or the method is none."""

    def came(self, receiver: str, result: str) -> None:
        """A message of a receiver's tool came: a word of `Heard`, or of `WHY` it was refused."""

    def page(self) -> bytes:
        """All that was counted, in the text format of Prometheus."""


class Service(msgspec.Struct, frozen=True):
    """The desks, what decides who is told when alerts are taken in, the clock (Unix seconds), who may post, counts."""

    desks: Desks
    stages: Sequence[Stage]
    receivers: Sequence[str]
    now: Callable[[], float]
    inbound: Inbound
    measured: Measured


def service_of(request: Request) -> Service:
    """That of the application which was asked."""
    return cast(Service, request.app.state.service)


Asked = Annotated[Service, Depends(service_of)]
_BEARER = HTTPBearer(scheme_name="token", auto_error=False, description="A token of `innerwatch tokens add`.")


def _credentials(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> str:
    """What may be a token; whatever cannot be one does not get as far as the database."""
    if given is None or not FORM.fullmatch(given.credentials):
        raise _unknown()
    return given.credentials


def _desk(service: Asked, shown: Annotated[str, Depends(_credentials)]) -> Iterator[tuple[Desk, Token]]:
    desk = service.desks.take()
    try:
        token = desk.bearer(shown, service.now())
        if token is None:
            raise _unknown()
        yield desk, token
    finally:
        service.desks.give_back(desk)


_At = Annotated[tuple[Desk, Token], Depends(_desk, scope="function", max_concurrency=DESKS)]


def queue_of(at: _At, service: Asked) -> Desk:
    """A desk for a request with a valid token, with alerts that wait taken in: those who look at the queue do that."""
    desk, _ = at
    desk.take_in(service.stages, service.receivers, service.now())
    return desk


def bearer_of(at: _At) -> Token:
    """Who asks."""
    return at[1]


Bearer = Annotated[Token, Depends(bearer_of, scope="function")]


class Allowed:
    """Refuses those whose role is not enough; otherwise says who acts, and when."""

    def __init__(self, role: Role) -> None:
        self._role = role

    def __call__(self, token: Annotated[Token, Depends(bearer_of)], service: Asked) -> By:
        """Who acts, upon whatever has come about."""
        if not token.role.allows(self._role):
            raise HTTPException(403, f"this needs a token of the role {self._role.value}")
        return By(token.name, service.now())


Queue = Annotated[Desk, Depends(queue_of, scope="function")]
Analyst = Annotated[By, Depends(Allowed(Role.ANALYST), scope="function")]
Admin = Annotated[By, Depends(Allowed(Role.ADMIN), scope="function")]


def _seen(
    by: Analyst,
    if_match: Annotated[str, Header(description="The ETag of the incident as you have seen it.", max_length=1_000)],
) -> By:
    """Who acts upon which versions; a weak one is never the same, and * is any (RFC 9110, section 13.1.1)."""
    if if_match.strip() == "*":
        return by
    tags = [tag.strip() for tag in if_match.split(",")]
    return msgspec.structs.replace(by, seen=[tag[1:-1] for tag in tags if tag.startswith('"') and tag.endswith('"')])


Seen = Annotated[By, Depends(_seen, scope="function")]


def _unknown() -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="innerwatch"'})
