"""A process that hangs, for tests: it holds its connections and answers nothing."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STOP_S: Final = 10.0


def freeze(pid: int) -> None:
    """Stop a process and wait until each of its threads stands still: the signal itself waits for none of them."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + STOP_S
    while moving := [thread for thread in Path(f"/proc/{pid}/task").iterdir() if not _stands(thread)]:
        if time.monotonic() > until:
            raise RuntimeError(f"{len(moving)} threads of process {pid} do not stand still")
        time.sleep(0.002)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process until the block ends."""
    try:
        freeze(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stands(thread: Path) -> bool:
    try:
        # The name, in brackets, may hold anything (proc_pid_stat(5)); the state follows it.
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] in "TXZ"
    except (FileNotFoundError, ProcessLookupError):
        return True
