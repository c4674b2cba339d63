"""What a person works on: alerts that belong together, from the first to a verdict."""

from datetime import datetime
from enum import StrEnum

import msgspec

from alerts.alert import Severity


class State(StrEnum):
    """Where the work on an incident stands, in the order of work."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    INVESTIGATING = "investigating"
    CONTAINED = "contained"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What an incident turned out to be, in Microsoft Sentinel's words for a closed incident."""

    NONE = ""
    TRUE_POSITIVE = "true_positive"  # it was misuse
    BENIGN_POSITIVE = "benign_positive"  # it happened, and was allowed
    FALSE_POSITIVE = "false_positive"  # it did not happen as was said
    UNDETERMINED = "undetermined"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts that are worked on together: those about one actor, and whatever somebody merged into it.

    `incident_id` is the id of the alert that opened it, and `actor` whom that is about. `severity` and `risk` are the
    highest of its alerts, and `updated_at` the time in the log when one last changed. `owner` is who works on it, ""
    for nobody. `verdict` and `reason` say how it was closed. An incident that was merged is closed without a verdict;
    `merged_into` is the incident that has its alerts now, "" for all others.
    """

    incident_id: str
    actor: str
    state: State
    severity: Severity
    risk: float
    opened_at: datetime
    updated_at: datetime
    owner: str = ""
    verdict: Verdict = Verdict.NONE
    reason: str = ""
    merged_into: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One line of an incident's history: what was done, by whom, when (Unix seconds)."""

    time: float
    author: str
    act: str
    text: str
