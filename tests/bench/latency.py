"""How long one event waits for its findings when events come one by one."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from tests.bench.load import Intake, batches, configuration, drive, fresh_engine, make_log

WARM, TIMED = 60_000, 5_000


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print quantiles of the time from a record's bytes to its findings, after a warm-up in full batches."""
    warm, timed = int(WARM * scale), int(TIMED * scale)
    with TemporaryDirectory() as folder:
        log = make_log(Path(folder), warm + timed)
        records = [record for batch in batches(log) for record in batch]
        engine, _ = fresh_engine(configuration(Path(folder)))
    intake = Intake()
    drive(engine, intake.admit(records[:warm]))
    taken = []
    for record in records[warm:]:
        began = perf_counter()
        engine.process(intake.admit([record]))
        taken.append(perf_counter() - began)
    p50, p99, worst = 1e3 * np.quantile(taken, [0.5, 0.99, 1.0])
    say(f"{timed:,} events one at a time, from bytes to findings, after {warm:,} in batches")
    say(f"  p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {worst:.0f} ms (a day closes)")
