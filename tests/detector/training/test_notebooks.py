"""The notebooks run as they are, in a real kernel; from an export into the shadow takes few lines."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from detector.bundles import read_bundle
from detector.config import Config, load_config
from detector.home import Home
from models.bundles import write_key
from tests.detector.feeding import fed

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ROOT / "deploy" / "notebooks"


@pytest.fixture
def bench(exported: Path, busily: Path, config: Config, tmp_path: Path) -> Path:
    """A folder as the notebooks ask for it."""
    shutil.copytree(exported, tmp_path / "features")
    shutil.copytree(busily, tmp_path / "labels")
    write_key(tmp_path / "training.key")
    (tmp_path / "innerwatch.toml").write_text(
        f"[risk]\nwarm_up_days = {config.risk.warm_up_days}\nbudget = {config.risk.budget}\n"
        '[state]\nfolder = "state"\n[bundles]\ntrusted_keys = ["training.key.pub"]\n'
    )
    Home(load_config(tmp_path / "innerwatch.toml").state).close()
    return tmp_path


def run(name: str, folder: Path) -> Any:
    """The notebook with its outputs, after all of its cells have run."""
    binaries = str(Path(sys.executable).parent)
    env = os.environ | {
        "PATH": os.pathsep.join([binaries, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(folder / ".ipython"),
        "USER": "dana",
    }
    command = [sys.executable, "-m", "tests.real.notebook", NOTEBOOKS / f"{name}.py", folder]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / f"{name}.ipynb", 4)


def shown(notebook: Any, kind: str) -> list[str]:
    """What the cells show of a MIME type, in order."""
    every = [one["data"] for cell in notebook.cells for one in cell.get("outputs", []) if "data" in one]
    return [data[kind] for data in every if kind in data]


def test_from_an_export_into_the_shadow_are_fewer_than_30_lines_of_ones_own() -> None:
    cells = [cell for cell in jupytext.read(NOTEBOOKS / "own_model.py").cells if cell.cell_type == "code"]
    yours = [cell.source for cell in cells if "yours" in cell.metadata.get("tags", [])]
    lines = [line for source in yours for line in source.splitlines() if line.strip() and line[0] != "#"]
    text = "\n".join(lines)
    assert all(word in text for word in ("Workbench(", "Custom(", ".compare(", ".train(", "bundles shadow"))
    assert len(lines) < 30
    others = "\n".join(cell.source for cell in cells if cell.source not in yours)
    assert not any(word in others for word in ("sklearn", "Custom", ".train(", "bundles add", "bundles shadow"))


@pytest.mark.slow
def test_features_are_explored_in_pictures_and_tables(bench: Path) -> None:
    notebook = run("explore_features", bench)
    assert len(shown(notebook, "image/png")) == 5
    assert all(len(picture) > 5_000 for picture in shown(notebook, "image/png"))
    tables = shown(notebook, "text/html")
    assert "known when the day closed" in tables[0]
    assert "without any past" in tables[1] or "null without" in tables[1]
    assert "rank correlation" in tables[2]


@pytest.mark.slow
def test_a_model_of_ones_own_goes_from_an_export_into_the_shadow_and_is_scored_there(
    bench: Path, config: Config
) -> None:
    notebook = run("own_model", bench)
    assert any("<th>density</th>" in table and "average_precision" in table for table in shown(notebook, "text/html"))
    assert "# Bundle density" in shown(notebook, "text/markdown")[0]
    settings = load_config(bench / "innerwatch.toml")
    bundle = read_bundle(bench / "density.bundle", settings.bundles)
    with closing(Home(settings.state, read_only=True)) as home:
        assert home.store.bundle_roles().challenger == bundle.digest
        assert home.store.bundle_roles().champion == ""
    engine = fed(config, challenger=bundle)
    assert engine.shadow.digest == bundle.digest
    assert engine.shadow.days > 10
    assert engine.shadow.both + engine.shadow.alone["challenger"] > 0
