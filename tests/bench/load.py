"""What the sections measure with: a simulated insurer's log, one core, and memory read from the kernel."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from detector.config import Config
from detector.context import Context, read_context
from detector.engine import Engine
from detector.feed import BATCH_RECORDS
from detector.simulation import SimulationConfig, simulate
from detector.telling import Told
from streams import Admitted, Guard, GuardConfig, NativeFormat, Record, Tokens, open_sources

KEY = bytes(range(32))
SEED = 20_261_123
BATCH = BATCH_RECORDS


def one_core() -> int:
    """Keep this process and its children on one core; returns which."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def all_cores() -> None:
    """Let this process, and children that it starts from now on, run anywhere."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


def figure(name: str, value: str, note: str = "") -> str:
    """One line of the report."""
    return f"  {name:<44}{value:>10}   {note}".rstrip()


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def make_log(folder: Path, events: int) -> Path:
    """The first ``events`` lines of a simulated insurer of 161 staff; roster and honey list beside them."""
    days = max(30, round(events / 400_000 * 60))
    simulate(SimulationConfig(staff=161, days=days, seed=SEED), folder)
    log = folder / "first.jsonl"
    with (folder / "events.jsonl").open("rb") as source, log.open("wb") as target:
        written = sum(target.write(line) > 0 for line in islice(source, events))
    if written < events:
        raise SystemExit(f"the simulated log has only {written} events; {events} are needed")
    return log


def configuration(folder: Path | None = None, **sections: dict[str, object]) -> Config:
    """The defaults, with the context files of a simulated folder."""
    context = {"roster": folder / "roster.csv", "honey": folder / "honey.txt"} if folder is not None else {}
    return Config.model_validate({"context": context, **sections})


def fresh_engine(config: Config) -> tuple[Engine, Context]:
    """An engine that has seen nothing, and its context."""
    context = read_context(config, Tokens(KEY))
    return Engine(config, context), context


def batches(log: Path) -> Iterator[list[Record]]:
    """The raw records of a log, a batch at a time."""
    source = open_sources([str(log)], NativeFormat(Tokens(KEY)).framing, None)
    while not source.finished:
        records = source.next_batch(BATCH)
        if records:
            yield list(records)


class Intake:
    """Decode and guard, as the program does it."""

    def __init__(self) -> None:
        self._format = NativeFormat(Tokens(KEY))
        self._guard = Guard(GuardConfig())

    def admit(self, records: list[Record]) -> list[Admitted]:
        """The events of a batch that may be scored."""
        admitted: list[Admitted] = []
        for record in records:
            event = self._format.decode(record)
            admitted += [item for item in self._guard.admit(event, record) if isinstance(item, Admitted)]  # type: ignore[arg-type]
        return admitted


def drive(engine: Engine, admitted: list[Admitted]) -> list[Told]:
    """Process in batches."""
    told: list[Told] = []
    for start in range(0, len(admitted), BATCH):
        told += engine.process(admitted[start : start + BATCH])
    return told
