"""Processes of innerwatch as a supervisor starts and ends them, on an example configuration moved to other places."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer

from detector.cli import app
from detector.config import MetricsConfig

PATIENCE_S: Final = 120.0
COMMANDS: Final = frozenset(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"{what} takes too long"
        time.sleep(0.1)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is killed at the end, should it still run; what it says is added to a file."""
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def succeeds(command: Sequence[str]) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, capture_output=True, env=environment(), timeout=PATIENCE_S).returncode == 0


def ended(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE_S)


def environment() -> dict[str, str]:
    """Nothing that would lead Python back to this checkout."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def counted(port: int, *names: str) -> float:
    """The sum of metrics over their labels, 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    starts = tuple(f"{name}{end}" for name in names for end in " {")
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(starts))


def moved(text: str, places: Mapping[str, str]) -> str:
    """A configuration with each place in it, which must be there, replaced by another."""
    for place, other in places.items():
        assert place in text, f"{place} is not in the example"
        text = text.replace(place, other)
    return text


def serves_metrics(command: str) -> bool:
    """Whether a command has an endpoint for metrics."""
    return command == "run" or (command == "deliver" and "deliver_port" in MetricsConfig.model_fields)
