"""Writes the dashboards into the folder beside this file: `make dashboards`, after a change of one of them."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.detection_quality import detection_quality
from deploy.grafana.pipeline_health import pipeline_health
from deploy.grafana.soc_overview import soc_overview

BOARDS: Final = {
    "soc-overview": soc_overview,
    "detection-quality": detection_quality,
    "pipeline-health": pipeline_health,
}
"""By the name of the file."""
FOLDER: Final = Path(__file__).with_name("dashboards")


def text_of(name: str) -> str:
    """A dashboard as Grafana reads it."""
    return json.dumps(BOARDS[name]().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board}.json").write_text(text_of(board), "utf-8")
