"""Asking receivers what people did there, where they cannot reach us."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from alerts.errors import MalformedError
from alerts.inbound.sender import Said
from alerts.receivers.http import Answer
from alerts.receivers.receiver import Outcome, Result

POLL_BYTES: Final = 1 << 20
"""Of an answer: 50 changes with all that comes with them."""


class Page(msgspec.Struct, frozen=True):
    """What one call came to: `said` in any order, and how to ask for what follows, "" where nothing does."""

    outcome: Outcome
    said: tuple[Said, ...] = ()
    following: str = ""


class Poll(Protocol):
    """Asks one receiver. It never raises for what the other side does."""

    def read(self, since: float, now: float, page: str) -> Page:
        """One call: a page of what was done since, both in Unix seconds; the first page is ""."""

    def close(self) -> None:
        """Let go of connections; closing twice is harmless."""


def page_of(
    answer: Answer, path: tuple[str, ...], read: Callable[[Any], Said | None], following: Callable[[int], str]
) -> Page:
    """The page that an answer is, of a list at a path; a row that cannot be read is left out, and said.

    `following` gives the next page, by how many rows this one has.
    """
    if not answer.delivered:
        return Page(answer.outcome)
    rows = answer.field(*path)
    if not isinstance(rows, list):
        return Page(Outcome(Result.RETRY, "not answered with a list, or with too much"))
    said, unread = [], 0
    for row in rows:
        try:
            one = read(row)
        except MalformedError:
            unread += 1
        else:
            said += [one] if one is not None else []
    detail = f"{unread} changes cannot be read" if unread else ""
    return Page(Outcome(Result.DELIVERED, detail), tuple(said), following(len(rows)))
