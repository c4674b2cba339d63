"""What comes back from a tool that was told of alerts, and what a sender promises."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from alerts.incident import Verdict

TOLERANCE_S: Final = 300.0
"""How far the time at which a message was signed may be from ours, as Standard Webhooks recommends."""


class Act(StrEnum):
    """What people did there."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in progress"
    CLOSED = "closed"
    REOPENED = "reopened"
    NOTED = "noted"  # nothing that changes an incident, and worth a line in its history


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said of alerts.

    `event_id` is the sender's, the same whenever it says the same again, and `time` when it happened there, in Unix
    seconds. It is about the alerts of `alert_ids`, and about the one that the sender calls `remote_id`. `by` is whoever
    did it. `word` is how it is called there, such as a resolution; `verdict` is what that means here, `Verdict.NONE`
    where the configuration does not say; `reason` is what people wrote about it.
    """

    event_id: str
    time: float
    act: Act
    by: str
    alert_ids: tuple[str, ...] = ()
    remote_id: str = ""
    word: str = ""
    verdict: Verdict = Verdict.NONE
    reason: str = ""


class SenderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a sender is believed and understood.

    Each line of `secret_file` is a secret; any of them is good, so that one can take the place of another. `verdicts`
    gives what a sender's words for how it ended mean here; upper and lower case are the same.
    """

    secret_file: str
    verdicts: dict[str, Verdict] = msgspec.field(default_factory=dict)


class Sender(Protocol):
    """Tells whether a message is from a tool that knows our secret, and what it says."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return if the message is genuine at `now`, in Unix seconds. Names of headers are in lower case.

        Raises:
            ForgedError: nobody who knows a secret has sent this.
            StaleError: it was sent too long ago, or is not yet.
        """

    def read(self, headers: Mapping[str, str], body: bytes) -> Said | None:
        """What a genuine message says; None where it is about nothing of ours.

        Raises:
            MalformedError: it cannot be read.
        """


def verdict_of(words: Iterable[str], verdicts: Mapping[str, Verdict]) -> Verdict:
    """What the first of the words that means anything means.

    >>> verdict_of(["Won't Do", "DONE"], {"Done": Verdict.TRUE_POSITIVE})
    <Verdict.TRUE_POSITIVE: 'true_positive'>
    """
    known = {word.casefold(): verdict for word, verdict in verdicts.items()}
    return next((known[word.casefold()] for word in words if word.casefold() in known), Verdict.NONE)
