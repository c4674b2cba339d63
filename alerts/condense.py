"""Many findings about one actor become one alert an episode."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.alert import MAX_FINDINGS, Alert, alert_id_of, require_risk, severity_of
from alerts.errors import ContractError, SnapshotError
from alerts.finding import Finding, require_utc

DAY_S = 86_400.0
MAX_EPISODE_S = 366 * DAY_S
SNAPSHOT_VERSION = 1


class Reason(StrEnum):
    """What a submission did to the actor's alert."""

    OPENED = "opened"
    """No episode was open: this is a new alert."""
    JOINED = "joined"
    """A detection that was not in the open alert joined it."""
    UPDATED = "updated"
    """A detection already there got stronger or fired on another day, or the peak risk rose."""
    UNCHANGED = "unchanged"
    """Nothing an analyst would want to know: there is nothing to write."""


class Decision(msgspec.Struct, frozen=True):
    """What was decided, and the actor's alert as it now stands."""

    reason: Reason
    alert: Alert


class CondenserConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How findings are condensed.

    `episode_s` is how long, in seconds from its opening, an alert takes in further findings; ten days cover
    a drip over two working weeks with one alert. `zone` is the IANA time zone whose days count as one.
    `max_open` bounds the open episodes kept; beyond it the one opened first is forgotten.

    Raises:
        ContractError: an episode outside 0 s to a year, no room for an episode, or an unknown zone.
    """

    episode_s: float = 10 * DAY_S
    zone: str = "UTC"
    max_open: int = 100_000

    def __post_init__(self) -> None:
        if not 0.0 < self.episode_s <= MAX_EPISODE_S:
            raise ContractError(f"condenser: episode_s is {self.episode_s}; give up to {MAX_EPISODE_S:.0f} seconds")
        if self.max_open < 1:
            raise ContractError(f"condenser: max_open is {self.max_open}; give at least 1")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError) as error:
            raise ContractError(
                f"condenser: zone {self.zone!r} is unknown; give one such as 'Asia/Shanghai'"
            ) from error


class Condenser:
    """Keeps at most one open alert per actor.

    A pure function of what was submitted and expired, in order: no clock, no randomness. The order of the
    findings within one submission does not matter.
    """

    def __init__(self, config: CondenserConfig) -> None:
        self._config = config
        self._episode = timedelta(seconds=config.episode_s)
        self._zone = ZoneInfo(config.zone)
        self._open: dict[str, Alert] = {}  # in order of opening

    def submit(
        self, actor: str, findings: Sequence[Finding], risk: float, time: datetime, shard: str, position: str
    ) -> Decision:
        """Condense an actor's findings at one position of a shard's log into the actor's alert.

        `risk` is the actor's from 0 to 100 and `time` aware UTC. A new alert takes its id from the shard,
        the position, the actor and the alphabetically first detection, never from a score. An open alert
        keeps the strongest finding of each detection and local day, and the highest risk so far.

        Raises:
            ContractError: no finding, a risk out of bounds or a time that is not aware UTC; nothing has
            changed.
        """
        where = f"submission of {actor!r} at {shard} {position}"
        require_utc(time, f"{where}: time")
        require_risk(risk, where)
        if not findings:
            raise ContractError(f"{where}: no finding; submit only what was found")
        former = self.open_alert(actor, time)
        if former is not None:
            return self._join(former, findings, risk, time)
        strongest, peak = self._strongest(findings), round(float(risk), 2)
        alert = Alert(
            alert_id=alert_id_of(shard, position, actor, min(finding.detection for finding in findings)),
            actor=actor,
            opened_at=time,
            updated_at=time,
            risk=peak,
            severity=severity_of(peak, _any_certain(strongest)),
            findings=strongest,
            position=position,
        )
        self._open.pop(actor, None)
        self._open[actor] = alert
        if len(self._open) > self._config.max_open:
            del self._open[next(iter(self._open))]
        return Decision(Reason.OPENED, alert)

    def open_alert(self, actor: str, time: datetime) -> Alert | None:
        """The alert of the actor whose episode has not ended by `time` (aware UTC), or None."""
        alert = self._open.get(actor)
        return alert if alert is not None and time < alert.opened_at + self._episode else None

    def expire(self, time: datetime) -> None:
        """Forget the episodes that have ended by `time` (aware UTC)."""
        self._open = {actor: alert for actor, alert in self._open.items() if self.open_alert(actor, time)}

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain JSON values, in order of opening."""
        return {"version": SNAPSHOT_VERSION, "open": msgspec.to_builtins(list(self._open.values()))}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Replace the state by one that `snapshot` gave.

        Raises:
            SnapshotError: another version, or not a snapshot; the state is as before.
        """
        version = snapshot.get("version")
        if version != SNAPSHOT_VERSION:
            raise SnapshotError(
                f"condenser: snapshot version {version!r} is unknown, this release reads {SNAPSHOT_VERSION}; "
                "restore with the release that wrote it"
            )
        try:
            alerts = msgspec.convert(snapshot.get("open"), list[Alert])
        except msgspec.ValidationError as error:
            raise SnapshotError(f"condenser: not a snapshot ({error}); restore the previous generation") from error
        self._open = {alert.actor: alert for alert in alerts}

    def _join(self, former: Alert, findings: Sequence[Finding], risk: float, time: datetime) -> Decision:
        strongest = self._strongest([*former.findings, *findings])
        peak = max(round(float(risk), 2), former.risk)
        if strongest == former.findings and peak == former.risk:
            return Decision(Reason.UNCHANGED, former)
        alert = msgspec.structs.replace(
            former,
            updated_at=max(time, former.updated_at),
            risk=peak,
            severity=severity_of(peak, _any_certain(strongest)),
            findings=strongest,
        )
        self._open[former.actor] = alert
        known = {finding.detection for finding in former.findings}
        joined = any(finding.detection not in known for finding in strongest)
        return Decision(Reason.JOINED if joined else Reason.UPDATED, alert)

    def _strongest(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        kept: dict[tuple[str, date], Finding] = {}
        for finding in sorted(findings, key=_strength):
            kept.setdefault((finding.detection, finding.time.astimezone(self._zone).date()), finding)
        return tuple(kept.values())[:MAX_FINDINGS]


def _any_certain(findings: Iterable[Finding]) -> bool:
    return any(finding.certain for finding in findings)


def _strength(finding: Finding) -> tuple[bool, float, str, datetime, bytes]:
    # A total order (the last term settles what is left), so that any order of arrival keeps the same
    # findings.
    return not finding.certain, finding.p_value, finding.detection, finding.time, msgspec.json.encode(finding)
