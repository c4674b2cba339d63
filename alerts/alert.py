"""What an analyst reads: one episode of one actor, with the findings that made it."""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

import msgspec

from alerts.errors import ContractError
from alerts.finding import Finding, require_utc

MAX_FINDINGS = 32
"""Findings kept in one alert: three a day over a ten-day episode; more is not read."""


class Severity(StrEnum):
    """How urgent an alert is, mildest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITY_FLOORS: tuple[tuple[float, Severity], ...] = (
    (90.0, Severity.CRITICAL),
    (70.0, Severity.HIGH),
    (40.0, Severity.MEDIUM),
    (0.0, Severity.LOW),
)
"""The lowest risk of each severity: the bands of CVSS v3.1 section 5 (9.0, 7.0, 4.0) on a scale of 100."""

CERTAIN_FLOOR = Severity.HIGH
"""A certain finding is at least this severe, whatever the risk says."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one actor. Its JSON object has these keys in this order.

    `actor` is a pseudonym. `opened_at` and `updated_at` are aware UTC: when the episode began, and when
    what an analyst reads last changed. `risk` is the actor's peak over the episode, 0 to 100, two decimals.
    `findings`, strongest first, holds at most one per detection and local day, and at most 32. `role` and
    `department` are filled in by whoever knows the roster (`msgspec.structs.replace`). `position` says
    where in the log the episode opened.

    Raises:
        ContractError: a time that is not aware UTC, a risk outside 0 to 100, no finding or more than 32.
    """

    alert_id: str
    actor: str
    opened_at: datetime
    updated_at: datetime
    risk: float
    severity: Severity
    findings: tuple[Finding, ...]
    role: str | None = None
    department: str | None = None
    position: str

    def __post_init__(self) -> None:
        where = f"alert {self.alert_id!r}"
        require_utc(self.opened_at, f"{where}: opened_at")
        require_utc(self.updated_at, f"{where}: updated_at")
        require_risk(self.risk, where)
        if not 1 <= len(self.findings) <= MAX_FINDINGS:
            raise ContractError(f"{where}: {len(self.findings)} findings; give 1 to {MAX_FINDINGS}")


def require_risk(risk: float, where: str) -> None:
    """Refuse a risk outside 0 to 100.

    Raises:
        ContractError: naming `where`.
    """
    if not 0.0 <= risk <= 100.0:
        raise ContractError(f"{where}: risk is {risk}; give a number from 0 to 100")


def severity_of(risk: float, certain: bool) -> Severity:
    """The severity of a risk from 0 to 100: the first band of `SEVERITY_FLOORS` it reaches.

    A certain finding is never below `CERTAIN_FLOOR`.

    Raises:
        ContractError: the risk is out of bounds.

    >>> severity_of(69.99, certain=False), severity_of(70.0, certain=False)
    (<Severity.MEDIUM: 'medium'>, <Severity.HIGH: 'high'>)
    >>> severity_of(3.0, certain=True)
    <Severity.HIGH: 'high'>
    """
    require_risk(risk, "severity")
    scale = list(Severity)
    reached = next(severity for floor, severity in SEVERITY_FLOORS if risk >= floor)
    return max(reached, CERTAIN_FLOOR, key=scale.index) if certain else reached


def worst_day(alert: Alert) -> Finding:
    """The finding of the day on which most records were disclosed, and of those days with most customers."""
    return max(alert.findings, key=lambda finding: (finding.records or 0, finding.customers or 0))


def alert_id_of(shard: str, position: str, actor: str, detection: str) -> str:
    """20 hexadecimal characters that name the episode opened at a position, the same in every replay.

    BLAKE2b (RFC 7693) with a 10-byte digest over the four texts, each preceded by its length. No score
    takes part, so an id survives a change in a score's last digit. The actor takes part because the closing
    of one time window can open episodes of several actors at one position.

    >>> alert_id_of("claims/0", "1841", "E-7f3a", "bulk_export")
    '1ffdad4278a68ff9a8d9'
    """
    digest = blake2b(digest_size=10)
    for text in (shard, position, actor, detection):
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()
