"""The program itself over a long log: speed end to end, and whether its memory grows."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from tests.bench.load import figure, make_log, resident_mb

EVENTS = 400_000
LEAST_RATE = 25_000
SAMPLE_S = 0.1


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print events a second of ``innerwatch replay``, start-up included, and its memory early and late."""
    count = int(EVENTS * scale)
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = make_log(folder, count)
        (folder / "bench.toml").write_text('[privacy]\nkey_file = "bench.key"\n', "utf-8")
        began, cpu = monotonic(), children_cpu_s()
        samples = watch(folder, ["replay", log, "--out", folder / "alerts.jsonl"])
        wall, cpu = monotonic() - began, children_cpu_s() - cpu
    early, late = max(samples[: len(samples) // 2]), max(samples[len(samples) // 2 :])
    say(f"innerwatch replay of {count:,} simulated events, start-up included, one core")
    say(figure("events per second of processor time", f"{count / cpu:,.0f}", f"(at least {LEAST_RATE:,} wanted)"))
    say(figure("events per second of wall time", f"{count / wall:,.0f}"))
    say(figure("most resident memory in the first half", f"{early:.0f} MB"))
    say(figure("most resident memory in the second half", f"{late:.0f} MB"))


def watch(folder: Path, arguments: Sequence[str | Path]) -> list[float]:
    """Run the program over a simulated log's folder and note its resident memory, MB, until it ends."""
    command = [sys.executable, "-m", "detector.cli", *arguments, "--config", folder / "bench.toml"]
    command += ["--roster", folder / "roster.csv", "--honey", folder / "honey.txt"]
    samples: list[float] = []
    with (folder / "errors").open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        while process.poll() is None:
            samples.append(resident_mb(process.pid))
            sleep(SAMPLE_S)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} failed: {(folder / 'errors').read_text('utf-8', 'replace')}")
    return samples


def children_cpu_s() -> float:
    """Processor seconds of finished children."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
