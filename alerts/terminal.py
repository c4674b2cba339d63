"""Alerts as rich renderables, for a caller's console of any width, with or without colour.

Whatever an alert holds is shown as plain text: nothing in it is read as markup, and characters that would
steer the terminal are shown escaped.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alerts.alert import Alert, Severity
from alerts.escape import escape
from alerts.finding import Finding
from alerts.rarity import rarity
from alerts.techniques import technique_of

STYLES = {
    Severity.LOW: "green",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "bold red",
    Severity.CRITICAL: "bold white on red",
}

SHORTEST_ID = 8
"""Characters of an id shown at least: four billion ids, and few enough to type."""


def alert_table(alerts: Sequence[Alert], zone: tzinfo = UTC) -> Table:
    """A row for each alert, in order: id, opened, who, severity, risk, detections and the first sentence.

    Ids are cut to the shortest length at which those shown differ; times are in `zone`. Fits 80 columns.
    """
    table = Table(box=None, pad_edge=False, expand=False, padding=(0, 2, 0, 0))
    width = _id_width([alert.alert_id for alert in alerts])
    table.add_column("id", no_wrap=True, min_width=SHORTEST_ID)
    table.add_column("opened", no_wrap=True, min_width=len("2026-03-02"))
    table.add_column("who", overflow="fold", min_width=6, max_width=16)
    table.add_column("severity", no_wrap=True, min_width=len("critical"))
    table.add_column("risk", justify="right", no_wrap=True, min_width=len("100.0"))
    table.add_column("what", overflow="fold", ratio=1)
    for alert in alerts:
        detections = dict.fromkeys(finding.detection for finding in alert.findings)
        table.add_row(
            _plain(alert.alert_id[:width]),
            _plain(f"{alert.opened_at.astimezone(zone):%Y-%m-%d\n%H:%M}", lines=True),
            _plain(alert.actor),
            Text(alert.severity.value, style=STYLES[alert.severity]),
            Text(f"{alert.risk:.1f}"),
            Group(_plain(", ".join(detections), style="bold"), _plain(alert.findings[0].sentence)),
        )
    return table


def alert_detail(alert: Alert, zone: tzinfo = UTC) -> Group:
    """Everything an analyst can check about one alert, and the first steps to take; times are in `zone`."""
    facts = _facts(
        ("alert", _plain(alert.alert_id)),
        ("who", _plain(", ".join(part for part in (alert.actor, alert.role, alert.department) if part))),
        ("opened", _moment(alert.opened_at, zone)),
        ("updated", _moment(alert.updated_at, zone)),
        (
            "risk",
            Text.assemble(f"{alert.risk:.2f} of 100, ", (alert.severity.value, STYLES[alert.severity])),
        ),
        ("position", _plain(alert.position)),
    )
    parts: list[RenderableType] = [facts]
    for number, finding in enumerate(alert.findings, start=1):
        parts += [Text(), _plain(f"{number}. {finding.sentence}", style="bold")]
        parts.append(Padding(_finding_facts(finding, zone), (0, 0, 0, 3)))
    steps = dict.fromkeys(step for finding in alert.findings for step in technique_of(finding.technique).first_steps)
    parts += [Text(), Text("First steps", style="bold"), _steps(steps)]
    return Group(*parts)


def _finding_facts(finding: Finding, zone: tzinfo) -> Table:
    technique = technique_of(finding.technique)
    named = "" if technique.name == finding.technique else f" {technique.name}"
    return _facts(
        ("detection", _plain(f"{finding.detection}, model {finding.model_version}")),
        ("when", _moment(finding.time, zone)),
        ("observed", _plain(_amount(finding.observed, finding.unit))),
        ("own normal", _plain(_normal(finding.expected, finding.unit, finding.sample_size, "own day"))),
        ("peers", _plain(_normal(finding.peer_expected, finding.unit, finding.peer_sample_size, "peer"))),
        ("how rare", _plain(_how_rare(finding))),
        ("no alert", _plain(_no_alert(finding))),
        ("events", _plain(_events(finding))),
        ("data", _plain(_data(finding))),
        ("technique", _plain(f"ATT&CK {finding.technique}{named}")),
    )


def _data(finding: Finding) -> str:
    if finding.customers is None:
        return "not known"
    amounts = (
        f"about {finding.customers:,} customers, {finding.records:,} records disclosed, {finding.exported:,} taken out"
    )
    return f"{amounts}, most sensitive class {finding.data_class or 'not known'}; all of that day"


def _normal(expected: float | None, unit: str, sample_size: int, noun: str) -> str:
    sample = f"{sample_size:,} {noun}{'' if sample_size == 1 else 's'}"
    return f"not known ({sample})" if expected is None else f"{_amount(expected, unit)} (from {sample})"


def _how_rare(finding: Finding) -> str:
    if finding.certain:
        return "certain: this needs no statistics"
    return f"{rarity(finding.p_value)} (p = {finding.p_value:.2g})"


def _no_alert(finding: Finding) -> str:
    if finding.certain:
        return "none: one such event is enough"
    if finding.threshold is None:
        return "no single number decides"
    side = "no more" if finding.observed >= finding.threshold else "no less"
    return f"if it had been {side} than {_amount(finding.threshold, finding.unit)}"


def _events(finding: Finding) -> str:
    rest = finding.event_count - len(finding.event_ids)
    more = f"{rest:,} more" if finding.event_ids else f"{rest:,}, none named"
    return ", ".join((*finding.event_ids, more) if rest else finding.event_ids) or "none"


def _amount(number: float, unit: str) -> str:
    digits = f"{number:,.0f}" if number == round(number) or abs(number) >= 1000 else f"{number:.3g}"
    return f"{digits} {unit}"


def _facts(*rows: tuple[str, Text]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=len("own normal"))
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _steps(steps: Iterable[str]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for step in steps:
        table.add_row("-", Text(step))
    return table


def _moment(time: datetime, zone: tzinfo) -> Text:
    return _plain(f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}")


def _plain(text: str, style: str = "", *, lines: bool = False) -> Text:
    shown = "\n".join(map(escape, text.split("\n"))) if lines else escape(text)
    return Text(shown, style=style, overflow="fold")


def _id_width(alert_ids: Sequence[str]) -> int:
    longest = max(map(len, alert_ids), default=0)
    distinct = len(set(alert_ids))
    for width in range(SHORTEST_ID, longest):
        if len({alert_id[:width] for alert_id in alert_ids}) == distinct:
            return width
    return longest
