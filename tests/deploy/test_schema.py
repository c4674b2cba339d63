"""The dashboards are of the types that Grafana itself publishes, checked by TypeScript."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.deploy.boards import boards, panels
from tests.real.prometheus import ROOT

MODULES: Final = ROOT / ".venv" / "node" / "node_modules"
RAW: Final = "./node_modules/@grafana/schema/dist/esm/raw/composable"
OPTIONS: Final = {
    "bargauge": ("bargauge/panelcfg/x/BarGaugePanelCfg_types.gen", "Options"),
    "stat": ("stat/panelcfg/x/StatPanelCfg_types.gen", "Options"),
    "table": ("table/panelcfg/x/TablePanelCfg_types.gen", "Options"),
    "timeseries": ("timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen", "Options"),
}
PLAIN: Final = """
// What TypeScript calls an enum is a text or a number in JSON.
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object
  ? { [K in keyof T]: Plain<T[K]> } : T;
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> Path:
    if not (MODULES / ".bin" / "tsc").exists() or shutil.which("node") is None:
        pytest.skip("needs Node.js with Grafana's types; run make packages")
    return MODULES


def checked(modules: Path, folder: Path, name: str, source: str) -> str:
    """What TypeScript says of a file beside the modules; "" when all is well."""
    (folder / "node_modules").exists() or (folder / "node_modules").symlink_to(modules)
    (folder / name).write_text(source, "utf-8")
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    command = [modules / ".bin" / "tsc", *options, name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


def source_of(board: dict[str, Any]) -> str:
    """The dashboard, its panels' options and its lines' looks as typed values."""
    for annotation in board["annotations"]["list"]:
        for key in ("expr", "step", "titleFormat", "target"):  # the data sources' own, which the common type lacks
            annotation.pop(key, None)
    for variable in board["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):  # of intervals alone; the kit writes them for all
            variable.pop(key, None)
    lines = ['import type { Dashboard, GraphFieldConfig } from "@grafana/schema";', PLAIN]
    for kind, (module, name) in OPTIONS.items():
        lines.append(f'import type {{ {name} as Of_{kind} }} from "{RAW}/{module}.js";')
    lines.append(f"export const board: Plain<Dashboard> = {json.dumps(board)};")
    for panel in panels(board):
        place = f"{panel['type']}_{panel['id']}"
        if "options" in panel:
            lines.append(f"export const {place}: Plain<Partial<Of_{panel['type']}>> = {json.dumps(panel['options'])};")
        if panel["type"] == "timeseries":
            custom = panel["fieldConfig"]["defaults"]["custom"]
            lines.append(f"export const {place}_looks: Plain<GraphFieldConfig> = {json.dumps(custom)};")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", list(boards()))
def test_it_is_of_the_types_that_grafana_publishes(name: str, node: Path, tmp_path: Path) -> None:
    assert checked(node, tmp_path, f"{name}.mts", source_of(boards()[name])) == ""


def test_what_is_of_no_such_type_would_be_found(node: Path, tmp_path: Path) -> None:
    board = boards()["soc-overview"]
    board["graphTooltip"] = "sometimes"
    panels(board)[0]["options"]["graphMode"] = "wavy"
    said = checked(node, tmp_path, "wrong.mts", source_of(board))
    assert "DashboardCursorSync" in said
    assert "wavy" in said
