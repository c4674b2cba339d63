"""What a receiver promises, what it is given, and what it answers."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from alerts.alert import Alert


class Phase(StrEnum):
    """Where an alert stands in its life."""

    FIRING = "firing"  # it opened, changed, or is still open
    RESOLVED = "resolved"  # its incident was closed


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One alert to be told to one receiver.

    `key` is the same whenever the same revision is told again, and different for every other: by it, or by the
    alert's id, a receiver tells a repeat. `revision` grows with each change. `language` is the reader's, "en" or
    "zh"; `link` leads to the alert, "" where there is no console. A `test` is marked as one wherever it is shown.
    `level` is that of the escalation by which it is told, because nobody acknowledged the incident; 0 for none.
    """

    key: str
    alert: Alert
    revision: int
    phase: Phase = Phase.FIRING
    language: str = "en"
    link: str = ""
    test: bool = False
    level: int = 0


class Result(StrEnum):
    """What became of a notice."""

    DELIVERED = "delivered"  # the receiver has it, from now or from an earlier attempt
    RETRY = "retry"  # not now, or nobody knows: the same again later is harmless
    REFUSED = "refused"  # this receiver will never take it as it is: a person must look
    GONE = "gone"  # the receiver takes nothing any more: stop


class Outcome(msgspec.Struct, frozen=True):
    """What a receiver answered to a notice.

    `detail` says why, in words, without secrets and without what the alert says. `retry_after_s` is the shortest wait
    that the receiver asked for. `remote_id` is what the receiver calls the alert, where it says so.
    """

    result: Result
    detail: str = ""
    retry_after_s: float | None = None
    remote_id: str = ""


class Limits(msgspec.Struct, frozen=True):
    """How much a receiver bears: `calls` in `per_s` seconds, and `batch` notices in one call.

    A receiver that forgets wants what still fires again, unchanged, within every `resend_s`; None: once is enough.
    """

    calls: int
    per_s: float
    batch: int = 1
    resend_s: float | None = None


class Receiver(Protocol):
    """Tells alerts to people or to their tools. Telling the same notice again never makes a second incident.

    A receiver never raises for what the other side does: every failure is an outcome.
    """

    @property
    def limits(self) -> Limits:
        """What the other side bears."""

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """Tell at most `limits.batch` notices, at `now` in Unix seconds; an outcome for each, in order."""

    def reach(self) -> str:
        """Why the other side cannot be reached, in words; "" when it can. It is told nothing."""

    def close(self) -> None:
        """Let go of connections; closing twice is harmless."""
