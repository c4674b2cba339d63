"""A report as tables and lines for a person at a terminal."""

from collections.abc import Callable

from rich.table import Table

from alerts.escape import escape
from detector.backtest.figures import Figures
from detector.backtest.report import Named, Report


def columns(report: Report) -> list[tuple[Named, Figures]]:
    """The contestants with their figures, the champion first."""
    return list(zip(report.bundles, report.figures, strict=True))


ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("alerts", lambda one: f"{one.alerts:,}"),
    ("the budget for these days", lambda one: f"{one.allowed:,.1f}"),
    ("alerts in 1,000 employee-days", lambda one: decimal(one.per_thousand)),
    ("misuse found", lambda one: of(one.found, one.cases)),
    ("benign twins told of", lambda one: of(one.benign.found, one.benign.of)),
    ("days to the first alert, median", lambda one: decimal(one.delay_days, 1)),
    ("judged alerts that are true", lambda one: of(one.true, one.judged)),
)
"""The figures of a contestant that are shown first: what they are, and how they read."""


def figures_table(report: Report) -> Table:
    """The contestants side by side."""
    table = _table("", *(escape(named.name) for named in report.bundles))
    for title, words in ROWS:
        table.add_row(title, *(words(one) for one in report.figures))
    return table


def department_table(report: Report) -> Table:
    """Departments with their alerts, for each contestant."""
    table = _table("department", *(escape(f"{named.name}: alerts (false of judged)") for named in report.bundles))
    rows = {name: [one for figures in report.figures for one in figures.departments if one.name == name]
            for name in sorted({one.name for figures in report.figures for one in figures.departments})}  # fmt: skip
    for name, found in rows.items():
        if any(one.alerts for one in found):
            table.add_row(
                escape(name or "unknown"), *(f"{one.alerts:,} ({one.false:,} of {one.judged:,})" for one in found)
            )
    return table


def report_lines(report: Report) -> list[str]:
    """Whether it passes, why, and what moved, in words."""
    moves, (champion, challenger) = report.moves, (report.bundles[0].name, report.bundles[-1].name)
    alone = f"{moves.champion_alone:,} by {champion} alone, {moves.challenger_alone:,} by {challenger} alone"
    lines = [f"{moves.both:,} alerts are told by both, {alone}"]
    if moves.correlation is not None:
        lines.append(f"mean rank correlation of the levels within days: {moves.correlation:.3f}")
    for named, figures in columns(report):
        lines += [
            f"{named.name}: department {one.name or 'unknown'} has {one.ratio:.1f} times as many alerts in 1,000 "
            "employee-days as all have"
            for one in figures.departments
            if one.unusual and one.ratio is not None
        ]
    lines += report.log.remarks
    lines += [f"- {reason}" for reason in report.reasons]
    verdict = "passes" if report.passes else "does not pass"
    return [escape(line) for line in (*lines, f"{challenger} {verdict} against {champion}")]


def of(part: int, whole: int) -> str:
    """A part of a whole with its share.

    >>> of(3, 4), of(0, 0)
    ('3 of 4 (75 %)', 'not known')
    """
    return f"{part:,} of {whole:,} ({100.0 * part / whole:.0f} %)" if whole else "not known"


def decimal(value: float | None, places: int = 2) -> str:
    """A number to read.

    >>> decimal(1.234), decimal(None)
    ('1.23', 'not known')
    """
    return f"{value:,.{places}f}" if value is not None else "not known"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table
