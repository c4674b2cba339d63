"""``make large``: tens of millions of rows exported and trained on, and how much memory and time that takes.

The log of one simulated insurer is told many times over, each time by other people, in the order of time and by a
pipe, so that nothing but the export itself has to have room for it. Beside the training stands what one would write
with pandas and scikit-learn: read all features, and fit and score an isolation forest.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from detector.export.folder import read_manifest
from detector.simulation import SimulationConfig, simulate

STAFF, DAYS, SEED = 1_000, 60, 721
ROWS: Final = 50_000_000
LIMIT_GB: Final = 8.0
PLAIN: Final = """
import sys
import pandas
from sklearn.ensemble import IsolationForest
frame = pandas.read_parquet(sys.argv[1])
seen = frame[[name for name in frame.columns if name.startswith("total_")]]
IsolationForest(n_estimators=100, max_samples=1024, random_state=1).fit(seen).score_samples(seen)
"""


def told(log: Path, times: int) -> Iterator[bytes]:
    """The lines of a log, each told so many times, by other people each time."""
    with log.open("rb") as lines:
        for line in lines:
            before, event, rest = line.partition(b'"event_id":"')
            middle, actor, after = rest.partition(b'"actor":{"id":"')
            for copy in range(times):
                mark = b"%02d-" % copy
                yield b"".join((before, event, mark, middle, actor, mark, after))


def fed(command: Sequence[str], lines: Iterator[bytes] | None) -> tuple[float, float]:
    """Run a command, on these lines; its seconds of processor time and its most resident memory, GB."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE if lines is not None else subprocess.DEVNULL)
    if lines is not None:
        assert process.stdin is not None
        _write(process.stdin, lines)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def _write(pipe: IO[bytes], lines: Iterator[bytes]) -> None:
    began, count = time.monotonic(), 0
    with pipe:
        for line in lines:
            pipe.write(line)
            count += 1
            if count % 5_000_000 == 0:
                print(f"  {count:,} events, {count / (time.monotonic() - began):,.0f} a second", flush=True)


def main(words: list[str] | None = None) -> int:
    """Print the figures; 0 when neither needed more memory than the limit."""
    parser = argparse.ArgumentParser(prog="make large", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of events, at least")
    parser.add_argument("--log", type=Path, help="the log to tell; one is simulated without it")
    chosen = parser.parse_args(words)
    program = [str(Path(sys.executable).with_name("innerwatch"))]
    with TemporaryDirectory(prefix="large-") as name:
        place = Path(name)
        log = chosen.log
        if log is None:
            simulate(SimulationConfig(STAFF, DAYS, SEED), place / "insurer")
            log = place / "insurer" / "events.jsonl"
        with log.open("rb") as lines:
            times = -(-chosen.rows // sum(1 for _ in lines))
        (place / "large.toml").write_text('[privacy]\nkey_file = "large.key"\n', "utf-8")
        usual = ["--config", str(place / "large.toml")]
        out = place / "out"
        command = [*program, "export", "features", "--also", "events", "-", "--out", str(out), *usual]
        export_s, export_gb = fed(command, told(log, times))
        rows = {
            table: sum(one.rows for one in read_manifest(out).files if one.path.startswith(table))
            for table in ("events", "features")
        }
        say = _sayer()
        say("rows exported", f"{rows['events']:,} events, {rows['features']:,} days")
        say("export: processor time, memory", f"{export_s:,.0f} s, {export_gb:.2f} GB")
        fed([*program, "bundles", "key", str(place / "training.key")], None)
        command = [*program, "train", str(out), "--key", str(place / "training.key"), "--owner", "large"]
        train_s, train_gb = fed([*command, "--out", str(place / "large.bundle"), *usual], None)
        say("train: processor time, memory", f"{train_s:,.0f} s, {train_gb:.2f} GB")
        plain_s, plain_gb = fed([sys.executable, "-c", PLAIN, str(out / "features")], None)
        say("pandas and scikit-learn on the same days", f"{plain_s:,.0f} s, {plain_gb:.2f} GB")
        say(
            "train / pandas and scikit-learn",
            f"{plain_s / train_s:.2f} of the speed, {train_gb / plain_gb:.2f} of the memory",
        )
    return 0 if max(export_gb, train_gb) < LIMIT_GB else 1


def _sayer() -> Callable[[str, str], None]:
    return lambda what, figure: print(f"{what:<45} {figure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
