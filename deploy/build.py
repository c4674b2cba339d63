"""Writes what in this folder is generated: `make dashboards`, after a change of a dashboard or of the catalogue."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.detection_quality import detection_quality
from deploy.grafana.pipeline_health import pipeline_health
from deploy.grafana.soc_overview import soc_overview
from detector.catalogue import DELIVER, EVERY, RUN, SERVE, Metric

FOLDER: Final = Path(__file__).parent
ENDINGS: Final = {"counter": "_total", "gauge": "", "histogram": "", "tally": ""}


def board_text(board: Callable[[], Dashboard]) -> str:
    """A dashboard as Grafana reads it."""
    return json.dumps(board().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def metrics_text() -> str:
    """The catalogue of metrics as a page."""
    words = (
        "Written by `make dashboards` out of `detector/catalogue.py`. Labels have few values, known beforehand; none\n"
        "is about a person. Beside these each process tells `process_*`: memory, processor time, open files, start."
    )
    parts = [
        "# Metrics",
        words,
        "## Of every process",
        _table(EVERY),
        "## Of `innerwatch run` (`metrics.port`)",
        _table([metric for metric in RUN if metric not in EVERY]),
        "## Of `innerwatch deliver` (`metrics.deliver_port`)",
        _table([metric for metric in DELIVER if metric not in EVERY]),
        "## Of `innerwatch serve` (`/metrics` of the API, with a token)",
        _table([metric for metric in SERVE if metric not in EVERY]),
    ]
    return "\n\n".join(parts) + "\n"


def _table(metrics: Sequence[Metric]) -> str:
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for one in metrics:
        kind, labels = one.kind.replace("tally", "histogram"), ", ".join(one.labels)
        rows.append(f"| `{one.name}{ENDINGS[one.kind]}` | {kind} | {labels} | {one.help} |")
    return "\n".join(rows)


GENERATED: Final[dict[Path, Callable[[], str]]] = {
    FOLDER / "grafana" / "dashboards" / "soc-overview.json": lambda: board_text(soc_overview),
    FOLDER / "grafana" / "dashboards" / "detection-quality.json": lambda: board_text(detection_quality),
    FOLDER / "grafana" / "dashboards" / "pipeline-health.json": lambda: board_text(pipeline_health),
    FOLDER / "prometheus" / "METRICS.md": metrics_text,
}
"""Each file that is written, and what is in it."""


if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.write_text(text(), "utf-8")
