"""Pictures as PNG files, drawn without a display."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from detector.portrait import Portrait

INK, ACCENT, SHADE = "#1f4e79", "#b03a2e", "#f5d0c9"
MOST_BARS: Final = 14
DPI: Final = 130
INCHES: Final = (10.0, 4.5)


def draw_risk(
    path: Path,
    title: str,
    days: Sequence[date],
    risks: Sequence[float],
    told: Sequence[date],
    story: tuple[date, date] | None,
) -> None:
    """One actor's risk, 0 to 100, over days of activity; marks the alerts ``told``, shades the days of a story."""
    figure, axes = _figure()
    if story is not None:
        axes.axvspan(_number(story[0]), _number(story[1]) + 1.0, color=SHADE, label="what was planted")
    at = [_number(day) for day in days]
    axes.plot(at, list(risks), color=INK, marker="o", markersize=3, label="risk")
    for number, day in enumerate(told):
        axes.axvline(_number(day), color=ACCENT, linestyle="--", label="alert" if number == 0 else None)
    axes.set(title=title, ylabel="risk, 0 to 100", ylim=(0, 102))
    axes.xaxis_date()
    axes.legend(loc="upper left")
    figure.autofmt_xdate()
    _save(figure, path)


def draw_portrait(path: Path, portrait: Portrait) -> None:
    """An actor's hours of presence, and how each measure's own normal compares with the peers'."""
    figure = Figure(figsize=(INCHES[0], 2 * INCHES[1]), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    hours = np.arange(24)
    top.bar(hours - 0.2, 100 * portrait.hours[:24], 0.4, color=INK, label="working days")
    top.bar(hours + 0.2, 100 * portrait.hours[24:], 0.4, color=ACCENT, label="days off")
    top.set(title=f"{portrait.pseudonym}: hours of presence", xlabel="hour of the day", ylabel="% of presence")
    top.legend()
    known = [m for m in portrait.measures if m.own is not None and m.peers is not None and m.peers + m.own > 0]
    known = known[:MOST_BARS]
    places = np.arange(len(known))
    bottom.barh(places + 0.2, [m.own or 0.0 for m in known], 0.4, color=INK, label="own normal")
    bottom.barh(places - 0.2, [m.peers or 0.0 for m in known], 0.4, color=SHADE, label=f"peers ({portrait.group})")
    bottom.set_yticks(places, [m.unit for m in known])
    bottom.set(title="a working day", xscale="symlog")
    bottom.invert_yaxis()
    bottom.legend()
    _save(figure, path)


def _number(day: date) -> float:
    return float((day - date(1970, 1, 1)).days)  # matplotlib counts days from there


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=INCHES, layout="constrained")
    return figure, figure.subplots()


def _save(figure: Figure, path: Path) -> None:
    with mpl.rc_context({"svg.hashsalt": "innerwatch"}):
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
