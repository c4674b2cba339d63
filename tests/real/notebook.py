"""Runs a notebook that is kept as text in a real kernel: ``python -m tests.real.notebook TEXT FOLDER``.

The notebook runs in the folder, and is left there with its outputs. A process of its own, since a kernel's sockets and
threads outlive what a test can wait for.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

START_S: Final = 600
CELL_S: Final = 900


def executed(text: Path, folder: Path) -> None:
    """Write the notebook with its outputs; raises what its first cell that fails has raised."""
    notebook = jupytext.read(text)
    with TemporaryDirectory(prefix="kernel-") as sockets:  # whose paths must be short; no port has to be free
        os.environ["JUPYTER_RUNTIME_DIR"] = sockets
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/socket"}})
        place = {"metadata": {"path": str(folder)}}
        client = NotebookClient(notebook, timeout=CELL_S, startup_timeout=START_S, config=config, resources=place)
        client.execute()
    nbformat.write(notebook, folder / f"{text.stem}.ipynb")


if __name__ == "__main__":
    executed(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
