"""Long lists, page by page: a cursor says after what the next page begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError

Place = TypeVar("Place")

Key = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
"""A text in a cursor; PostgreSQL knows no NUL."""
LONGEST_PAGE: Final = 200
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="`next` of the page before; without it, the first page.")
]


def cursor(place: tuple[Any, ...]) -> str:
    """The cursor after a place in the order.

    >>> place(cursor((72.5, "0123")), tuple[float, str])
    (72.5, '0123')
    """
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place(given: str | None, kind: type[Place]) -> Place | None:
    """The place that a cursor is after, None for the beginning.

    Raises:
        RequestValidationError: it is no cursor of such a list.
    """
    if given is None:
        return None
    try:
        text = urlsafe_b64decode(given + "=" * (-len(given) % 4))
        return msgspec.json.decode(text, type=kind)
    except (Error, ValueError, msgspec.DecodeError) as error:
        fault = {"loc": ("query", "cursor"), "msg": "give next of the page before", "type": "cursor"}
        raise RequestValidationError([fault]) from error


def link(request: Request, following: str | None) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288), relative to this one; none after the last."""
    if following is None:
        return {}
    url = request.url.include_query_params(cursor=following)
    return {"Link": f'<?{url.query}>; rel="next"'}
