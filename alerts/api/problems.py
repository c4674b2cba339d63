"""Every error as a document of RFC 9457, in the answer and in the description of the API."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from alerts.errors import ChangedError, IncidentError, StoreError, UnavailableError, UnknownAlertError

MEDIA_TYPE: Final = "application/problem+json"
DETAILS: Final[Mapping[int, str]] = {
    401: "give a valid token: Authorization: Bearer iwt_...; innerwatch tokens add makes one",
    403: "this needs a token of the role analyst",
    404: "nothing is here",
    405: "this cannot be done here",
    406: "the answer comes as application/json or text/csv",
    409: "incident 0123456789abcdef0123 is closed; reopen it first",
    412: "incident 0123456789abcdef0123 has changed since; look at it again",
    413: "the body is too large",
    422: "the request is not as the API wants it",
    428: "say which version you have seen: give its ETag as If-Match",
    500: "something went wrong here that is not your doing; the log has it",
    503: "the database is away or busy; try again later",
}
"""What is said of a status where nothing else is known; in the description, what is said for example."""


class Fault(BaseModel):
    """One thing that is wrong with a request: where, such as "body.verdict", and what."""

    where: str
    what: str


class Problem(BaseModel):
    """Why something was not done (RFC 9457). `title` goes with the status, `detail` says what to do about it."""

    type: str = Field(description='Always "about:blank": the status says what kind of problem it is.')
    title: str
    status: int
    detail: str
    errors: list[Fault] = Field(default=[], description="What is wrong with the request, where the status is 422.")


def problem(status: int, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """The answer that says why."""
    words = detail or DETAILS.get(status, "")
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": words, **more}
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers of an operation that are problems, as its description has them."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": "about:blank",
                        "title": HTTPStatus(status).phrase,
                        "status": status,
                        "detail": DETAILS[status],
                    },
                }
            },
        }
        for status in statuses
    }


def add_problems(app: FastAPI) -> None:
    """Let the application answer each error that is known with a problem, which tells nothing of its insides."""

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:  # how FastAPI calls a body that is not JSON, if not all
            return problem(422, errors=[{"where": "body", "what": "not JSON"}])
        usual = error.detail == HTTPStatus(error.status_code).phrase
        return problem(error.status_code, "" if usual else error.detail, error.headers)

    async def malformed(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _malformed(error)

    async def known(_: Request, error: Exception) -> JSONResponse:
        return _known(error)

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, malformed)
    for kind in (IncidentError, StoreError):
        app.add_exception_handler(kind, known)


def _known(error: Exception) -> JSONResponse:
    match error:
        case ChangedError():
            return problem(412, str(error))
        case IncidentError():
            return problem(409, str(error))
        case UnknownAlertError():
            return problem(404, str(error))
        case UnavailableError():
            return problem(503, headers={"Retry-After": "5"})
        case _:
            return problem(500)


def _malformed(error: RequestValidationError) -> JSONResponse:
    """No value that was sent is repeated: it may be a secret in the wrong place."""
    places = [(".".join(str(part) for part in one["loc"]), one) for one in error.errors()]
    if any(one["loc"][0] == "path" for _, one in places):
        return problem(404)
    if any(place == "header.if-match" and one["type"] == "missing" for place, one in places):
        return problem(428)
    faults = [{"where": place, "what": one["msg"].removeprefix("Value error, ")} for place, one in places]
    return problem(422, errors=faults)
