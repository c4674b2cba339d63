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
    """A row for each incident. Fits 80 columns."""
    table = Table(box=None, pad_edge=False)
    for column in ("incident", "risk", "severity", "opened", "changed"):
        table.add_column(column, no_wrap=True)
    for column in ("state", "actor"):
        table.add_column(column, overflow="fold", min_width=9)
    for one in incidents:
        owner = f" with {one.owner}" if one.owner else ""
        verdict = f"merged into {one.merged_into[:8]}" if one.merged_into else one.verdict.value
        _row(
            table,
            one.incident_id[:8],
            f"{one.risk:.1f}",
            one.severity.value,
            f"{one.opened_at.astimezone(zone):%Y-%m-%d}",
            f"{one.updated_at.astimezone(zone):%Y-%m-%d}",
            escape(f"{one.state.value}{owner}{', ' * bool(verdict)}{verdict}"),
            escape(one.actor),
        )
    return table


def incident_detail(found: Dossier, zone: tzinfo) -> Group:
    """Everything about one incident."""
    parts: list[RenderableType] = [incident_table([found.incident], zone)]
    for alert in found.alerts:
        parts += [Text(), alert_detail(alert, zone)]
        decided = _table("revision", "stage", "why", "detail")
        for revision, stage, why, detail in found.decisions[alert.alert_id]:
            _row(decided, str(revision), stage, why, escape(detail))
        parts += [Text(), Text("Who is told, and why", style="bold"), decided]
    history = _table("when", "who", "what", "words")
    for entry in found.entries:
        when = datetime.fromtimestamp(entry.time, UTC).astimezone(zone)
        _row(history, f"{when:%Y-%m-%d %H:%M:%S}", escape(entry.author), entry.act, escape(entry.text))
    return Group(*parts, Text(), Text("History", style="bold"), history, Text(), delivery_table(found.tasks))


def delivery_table(tasks: Sequence[Task]) -> Table:
    """A row for each delivery."""
    table = _table("receiver", "alert", "revision", "phase", "state", "attempts", "said", "known there as")
    for one in tasks:
        _row(
            table,
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
        _row(
            table,
            str(one.silence_id),
            escape(", ".join(parts)),
            escape(one.owner),
            escape(one.reason),
            _day(ends, zone),
        )
    return table


def feedback_table(found: Sequence[tuple[Feedback, int]], zone: tzinfo) -> Table:
    """A row for each thing said to the detector, with the days on which it made a difference. Fits 80 columns."""
    table = _table()
    for column in ("number", "until", "days"):
        table.add_column(column, no_wrap=True)
    table.add_column("said", overflow="fold")
    for one, days in found:
        incident = f", incident {one.incident_id[:8]}" if one.incident_id else ""
        about = f"{one.verdict} of {one.actor}{incident}: {', '.join(one.detections)}"
        lines = [
            about,
            f"by {one.author}: {one.reason}",
            *([f"taken back by {one.withdrawn_by}"] * bool(one.withdrawn_by)),
        ]
        ends = datetime.fromtimestamp(one.ends, UTC).astimezone(zone)
        _row(table, str(one.number), f"{ends:%Y-%m-%d}", str(days), "\n".join(map(escape, lines)))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    """Add a row, nothing of which is read as markup."""
    table.add_row(*map(Text, cells))


def _day(time: datetime, zone: tzinfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def token_table(tokens: Sequence[Token], now: float, zone: tzinfo) -> Table:
    """A row for each token."""
    table = _table("name", "role", "made", "until", "lets in")
    for one in tokens:
        made, until = (datetime.fromtimestamp(time, UTC) for time in (one.created, one.revoked or one.expires))
        valid = "yes" if one.valid(now) else "no, revoked" if one.revoked is not None else "no, ended"
        _row(table, escape(one.name), one.role.value, _day(made, zone), _day(until, zone), valid)
    return table
