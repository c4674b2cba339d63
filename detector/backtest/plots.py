"""Plots of a report as SVG, drawn without a display; the same report gives the same bytes."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alerts.escape import escape
from detector.backtest.figures import Figures
from detector.backtest.report import Report
from detector.pictures import ACCENT, INK
from detector.span import number_of

COLOURS: Final = (INK, ACCENT)
INCHES: Final = (7.0, 3.4)
MOST_DEPARTMENTS: Final = 20
LOOKS: Final[dict[Any, Any]] = {
    "svg.hashsalt": "innerwatch",
    "svg.fonttype": "none",  # text stays text, in the reader's fonts
    "font.family": ["sans-serif"],
    "font.size": 10.0,
    "text.parse_math": False,  # a department may be called $x$
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
}


def recall_plot(report: Report) -> bytes:
    """Recall over multiples of the budget, a line a contestant."""
    with _drawn() as (figure, axes):
        for place, (name, figures) in enumerate(_contestants(report)):
            times = [one.times for one in figures.recall_at]
            recall = [100.0 * (one.recall or 0.0) for one in figures.recall_at]
            style = "-" if place == 0 else "--"
            axes.plot(times, recall, style, color=COLOURS[place], marker="o" if place == 0 else "s", label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(times, [f"{one:g}x" for one in times])
        axes.set(xlabel="times the budget", ylabel="% of misuse found", ylim=(0, 104))
        return _svg(figure, axes)


def days_plot(report: Report) -> bytes:
    """Alerts that opened on each day, side by side."""
    with _drawn() as (figure, axes):
        for place, (name, figures) in enumerate(_contestants(report)):
            at = np.array([number_of(day) for day in figures.days], np.float64)
            axes.bar(at + (0.4 * place - 0.2), list(figures.days.values()), 0.4, color=COLOURS[place], label=name)
        axes.set(xlim=(number_of(report.first) - 1, number_of(report.last) + 1), ylabel="alerts that opened")
        axes.xaxis_date()
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.autofmt_xdate()
        return _svg(figure, axes)


def departments_plot(report: Report) -> bytes:
    """Alerts in 1,000 employee-days of each department, beside those of all."""
    contestants = _contestants(report)
    alerts = {one.name: 0 for _, figures in contestants for one in figures.departments}
    for _, figures in contestants:
        for one in figures.departments:
            alerts[one.name] += one.alerts
    names = sorted(alerts, key=lambda name: (-alerts[name], name))[:MOST_DEPARTMENTS]
    with _drawn(height=1.2 + 0.42 * max(len(names), 3)) as (figure, axes):
        at = np.arange(len(names))
        for place, (name, figures) in enumerate(contestants):
            rates = {one.name: one.per_thousand or 0.0 for one in figures.departments}
            widths = [rates.get(one, 0.0) for one in names]
            axes.barh(at + (0.38 * place - 0.19), widths, 0.38, color=COLOURS[place], label=name)
            axes.axvline(figures.per_thousand or 0.0, color=COLOURS[place], linestyle=":" if place else "--")
        axes.set_yticks(at, [_short(one or "unknown") for one in names])
        axes.set(xlabel="alerts in 1,000 employee-days; the broken lines are those of all")
        axes.invert_yaxis()
        return _svg(figure, axes)


def delays_plot(report: Report) -> bytes:
    """The share of stories that were found within so many days of their start."""
    with _drawn() as (figure, axes):
        longest = max((delay for one in report.figures for delay in one.delays), default=1.0)
        for place, (name, figures) in enumerate(_contestants(report)):
            stories = sum(count.of for source, count in figures.by_source.items() if source != "verdicts")
            found = [100.0 * count / max(stories, 1) for count in range(len(figures.delays) + 1)]
            days = [0.0, *figures.delays, 1.05 * longest]
            style = "-" if place == 0 else "--"
            axes.step(days, [*found, found[-1]], style, where="post", color=COLOURS[place], label=name)
        axes.set(
            xlabel="days from a story's start", ylabel="% of stories found", ylim=(0, 104), xlim=(0, 1.05 * longest)
        )
        return _svg(figure, axes)


def _contestants(report: Report) -> Sequence[tuple[str, Figures]]:
    return [(_short(named.name), one) for named, one in zip(report.bundles, report.figures, strict=True)]


def _short(name: str) -> str:
    return escape(name if len(name) <= 32 else f"{name[:31]}…")


@contextmanager
def _drawn(height: float = INCHES[1]) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(LOOKS), warnings.catch_warnings():
        # The reader's fonts have letters that those here need not have.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(INCHES[0], height), layout="constrained")
        yield figure, figure.subplots()


def _svg(figure: Figure, axes: Axes) -> bytes:
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, borderaxespad=0.2)
    body = BytesIO()
    figure.savefig(body, format="svg", metadata={"Date": None, "Creator": None})
    return body.getvalue()
