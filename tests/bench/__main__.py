"""``make bench``: every figure that the README quotes, each section in a process of its own, most on one core."""

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import burst, checkpoint, export, kafka, latency, memory, replay, speed, workers
from tests.bench.load import one_core

Section = Callable[[Callable[[str], None], float], None]
SECTIONS: dict[str, Section] = {
    "speed": speed.measure,
    "replay": replay.measure,
    "employees": memory.employees,
    "strangers": memory.strangers,
    "latency": latency.measure,
    "kafka": kafka.measure,
    "workers": workers.measure,
    "checkpoint": checkpoint.measure,
    "burst": burst.measure,
    "export": export.measure,
}


def say(line: str) -> None:
    """Print at once, so that a long run can be followed."""
    print(line, flush=True)


def machine() -> str:
    """The processor's name and the Python that runs."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, one core; Python {platform.python_version()}"


def main() -> int:
    """Run the sections asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all if none is named")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size, such as 0.1")
    chosen = parser.parse_args()
    if len(chosen.sections) == 1:
        one_core()
        try:
            SECTIONS[chosen.sections[0]](say, chosen.scale)
        except pytest.skip.Exception as left_out:
            say(f"  left out: {left_out}")
        return 0
    say(machine())
    status = 0
    for name in chosen.sections or SECTIONS:
        say(f"\n{name}")
        command = [sys.executable, "-m", "tests.bench", name, "--scale", str(chosen.scale)]
        status |= subprocess.run(command, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
