"""``make pictures``: draws what every panel of the dashboards gets from a real run, as PNG; Grafana takes no part.

It draws the queries' results where Grafana would put the panels, so that one sees whether they say something.
"""

import argparse
import math
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import matplotlib as mpl
import pytest

from detector.app import now
from tests.deploy.boards import boards, panels, promql, sql
from tests.deploy.test_observed import CHOICES
from tests.real.broker import running_broker
from tests.real.observed import Observed, running_observed
from tests.real.postgres import running_postgres
from tests.real.site import ended_in_order

UNIT_IN: Final = 0.62, 0.36
"""Inches of a unit of the grid."""
STEP_S: Final = 1.0
ROWS: Final = 8


def main(words: list[str] | None = None) -> int:
    """Run, draw, and say where the pictures are."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=Path("dashboard-pictures"))
    out = parser.parse_args(words).out
    out.mkdir(parents=True, exist_ok=True)
    try:
        with ended_in_order(), ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="innerwatch-", ignore_cleanup_errors=True)))
            (folder / "broker").mkdir()
            postgres = stack.enter_context(running_postgres())
            broker = stack.enter_context(running_broker(folder / "broker"))
            observed = stack.enter_context(running_observed(folder, broker, postgres))
            for name, board in boards().items():
                draw(observed, board, out / f"{name}.png")
                sys.stdout.write(f"{out / name}.png\n")
    except pytest.skip.Exception as left_out:
        sys.stdout.write(f"left out: {left_out}\n")
        return 1
    return 0


def draw(observed: Observed, board: dict[str, Any], path: Path) -> None:
    """One dashboard."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = plt.figure(figsize=(24 * UNIT_IN[0], height * UNIT_IN[1]))
    for panel in panels(board):
        place = panel["gridPos"]
        left, bottom = (place["x"] + 1.2) / 24, 1 - (place["y"] + place["h"] - 1.6) / height
        axes = figure.add_axes((left, bottom, (place["w"] - 1.6) / 24, (place["h"] - 2.6) / height))
        axes.set_title(
            f"{panel['title']} ({panel.get('fieldConfig', {}).get('defaults', {}).get('unit', 'table')})", fontsize=7
        )
        axes.tick_params(labelsize=5)
        {"timeseries": _lines, "stat": _number, "bargauge": _bars, "table": _rows}[panel["type"]](observed, panel, axes)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _lines(observed: Observed, panel: dict[str, Any], axes: Any) -> None:
    for target in panel["targets"]:
        for one in observed.prometheus.query_range(promql(target["expr"]), observed.began, now(), STEP_S):
            points = [(float(time) - observed.began, float(value)) for time, value in one["values"]]
            kept = [(time, value) for time, value in points if math.isfinite(value)]
            axes.plot(*zip(*kept, strict=True), linewidth=0.8, label=_legend(target, one)) if kept else None
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=4, loc="upper left", ncols=2)


def _number(observed: Observed, panel: dict[str, Any], axes: Any) -> None:
    found = [observed.prometheus.query(promql(target["expr"])) for target in panel["targets"]]
    shown = [f"{float(one[0]['value'][1]):.4g}" if one else "no data" for one in found]
    axes.axis("off")
    axes.text(0.5, 0.4, ", ".join(shown), ha="center", va="center", fontsize=14)


def _bars(observed: Observed, panel: dict[str, Any], axes: Any) -> None:
    for target in panel["targets"]:
        found = observed.prometheus.query(promql(target["expr"]))
        axes.barh([_legend(target, one) for one in found], [float(one["value"][1]) for one in found])


def _rows(observed: Observed, panel: dict[str, Any], axes: Any) -> None:
    columns, rows = observed.rows(sql(panel["targets"][0]["rawSql"], CHOICES))
    axes.axis("off")
    shown = axes.table(
        [[str(value)[:24] for value in row] for row in rows[:ROWS]], colLabels=columns, loc="upper center"
    )
    shown.auto_set_font_size(False)
    shown.set_fontsize(5)


def _legend(target: dict[str, Any], series: dict[str, Any]) -> str:
    text: str = target.get("legendFormat", "")
    for label, value in series["metric"].items():
        text = text.replace(f"{{{{{label}}}}}", value)
    return text


if __name__ == "__main__":
    sys.exit(main())
