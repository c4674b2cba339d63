"""The queue of incidents as rich renderables for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.access import Token
from alerts.browse import Dossier, Task
from alerts.escape import escape
from alerts.feedback import Feedback
from alerts.incident import Incident
from alerts.pipeline import Silence
from alerts.terminal import alert_detail


def incident_table(incidents: Sequence[Incident], zone: tzinfo) -> Table:
    """A row for each incident."""
    table = _table("incident", "state", "risk", "severity", "actor", "opened", "changed", "owner", "verdict")
    for one in incidents:
        table.add_row(
            one.incident_id[:8],
            one.state.value,
            f"{one.risk:.1f}",
            one.severity.value,
            escape(one.actor),
            _day(one.opened_at, zone),
            _day(one.updated_at, zone),
            escape(one.owner),
            f"merged into {one.merged_into[:8]}" if one.merged_into else one.verdict.value,
        )
    return table


def incident_detail(found: Dossier, zone: tzinfo) -> Group:
    """Everything about one incident."""
    parts: list[RenderableType] = [incident_table([found.incident], zone)]
    for alert in found.alerts:
        parts += [Text(), alert_detail(alert, zone)]
        decided = _table("revision", "stage", "why", "detail")
        for revision, stage, why, detail in found.decisions[alert.alert_id]:
            decided.add_row(str(revision), stage, why, escape(detail))
        parts += [Text(), Text("Who is told, and why", style="bold"), decided]
    history = _table("when", "who", "what", "words")
    for entry in found.entries:
        when = datetime.fromtimestamp(entry.time, UTC).astimezone(zone)
        history.add_row(f"{when:%Y-%m-%d %H:%M:%S}", escape(entry.author), entry.act, escape(entry.text))
    return Group(*parts, Text(), Text("History", style="bold"), history, Text(), delivery_table(found.tasks))


def delivery_table(tasks: Sequence[Task]) -> Table:
    """A row for each delivery."""
    table = _table("receiver", "alert", "revision", "phase", "state", "attempts", "said", "known there as")
    for one in tasks:
        table.add_row(
            one.receiver,
            one.alert_id[:8],
            str(one.revision),
            f"{one.phase.value}, level {one.level}" if one.level else one.phase.value,
            one.state,
            str(one.attempts),
            escape(one.detail),
            escape(one.remote_id),
        )
    return table


def silence_table(silences: Sequence[Silence], zone: tzinfo) -> Table:
    """A row for each silence."""
    table = _table("silence", "matches", "owner", "reason", "until")
    for one in silences:
        matcher = one.matcher
        parts = (*matcher.actors, *matcher.detections, *matcher.departments, *matcher.roles)
        ends = datetime.fromtimestamp(one.ends, UTC)
        table.add_row(
            str(one.silence_id), escape(", ".join(parts)), escape(one.owner), escape(one.reason), _day(ends, zone)
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _day(time: datetime, zone: tzinfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def feedback_table(found: Sequence[tuple[Feedback, int]], zone: tzinfo) -> Table:
    """A row for each verdict that teaches or taught, with the days on which it made a difference."""
    table = _table("number", "incident", "actor", "verdict", "detections", "by", "why", "ends", "days", "taken back by")
    for one, days in found:
        table.add_row(
            str(one.number),
            one.incident_id[:8],
            escape(one.actor),
            one.verdict.value,
            ", ".join(one.detections),
            escape(one.author),
            escape(one.reason),
            _day(datetime.fromtimestamp(one.ends, UTC), zone),
            str(days),
            escape(one.withdrawn_by),
        )
    return table


def token_table(tokens: Sequence[Token], now: float, zone: tzinfo) -> Table:
    """A row for each token."""
    table = _table("name", "role", "made", "until", "lets in")
    for one in tokens:
        made, until = (datetime.fromtimestamp(time, UTC) for time in (one.created, one.revoked or one.expires))
        valid = "yes" if one.valid(now) else "no, revoked" if one.revoked is not None else "no, ended"
        table.add_row(escape(one.name), one.role.value, _day(made, zone), _day(until, zone), valid)
    return table
