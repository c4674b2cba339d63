"""Data out: what it costs beside a plain replay, and whether its memory grows with the rows."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from detector.export.folder import read_manifest
from tests.bench.load import figure, make_log
from tests.bench.replay import children_cpu_s, watch

EVENTS = 100_000
TIMES = 4
LEAST_RATIO = 0.5


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print rows a second of processor time, the share of a replay's speed, and the memory for one and four logs."""
    say("events, features and alerts in one replay, start-up included, one core; and a log four times as long")
    few = run(say, int(EVENTS * scale), full=False)
    many = run(say, int(EVENTS * scale) * TIMES, full=True)
    say(figure("most resident memory, the shorter log", f"{few:.0f} MB"))
    say(figure("most resident memory, the longer log", f"{many:.0f} MB", f"({many / few:.2f} of the shorter one's)"))


def run(say: Callable[[str], None], count: int, *, full: bool) -> float:
    """Export a log of so many events; the most resident memory, MB."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        log, out = make_log(folder, count), folder / "out"
        (folder / "bench.toml").write_text('[privacy]\nkey_file = "bench.key"\n', "utf-8")
        began = children_cpu_s()
        memory = max(watch(folder, ["export", "features", "--also", "events", "--also", "alerts", "--out", out, log]))
        export_s = children_cpu_s() - began
        if full:
            watch(folder, ["replay", log, "--out", folder / "alerts.jsonl"])
            replay_s = children_cpu_s() - began - export_s
            watch(folder, ["export", "features", "--out", folder / "features", log])
            features_s = children_cpu_s() - began - export_s - replay_s
            files = read_manifest(out).files
            rows = sum(file.rows for file in files)
            size = sum((out / file.path).stat().st_size for file in files)
            say(figure("rows per second of processor time", f"{rows / export_s:,.0f}", f"({rows:,} rows)"))
            say(figure("all tables / replay", f"{replay_s / export_s:.2f}", f"(at least {LEAST_RATIO} wanted)"))
            say(figure("features alone / replay", f"{replay_s / features_s:.2f}"))
            say(figure("bytes of each row", f"{size / rows:,.0f}", "(the log has some 450 an event)"))
    return memory
