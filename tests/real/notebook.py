"""Runs a notebook that is kept as text in a real kernel: ``python -m tests.real.notebook TEXT FOLDER``.

The notebook runs in the folder, and is left there with its outputs. A process of its own, since a kernel's sockets and
threads outlive what a test can wait for.
"""

import sys
from pathlib import Path
from typing import Any, Final

import jupytext
import nbformat
from nbclient import NotebookClient

CELL_S: Final = 600


def executed(text: Path, folder: Path) -> Path:
    """The notebook with its outputs; raises on the first cell that does."""
    notebook = jupytext.read(text)
    NotebookClient(notebook, timeout=CELL_S, resources={"metadata": {"path": str(folder)}}).execute()
    place = folder / f"{text.stem}.ipynb"
    nbformat.write(notebook, place)
    return place


def outputs(notebook: Any, kind: str) -> list[Any]:
    """What the cells of a notebook show of a MIME type, in order."""
    shown = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    return [one["data"][kind] for one in shown if kind in one.get("data", {})]


if __name__ == "__main__":
    executed(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
