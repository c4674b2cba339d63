"""Two workers of a group against one, over the same four partitions, with everything on this machine."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.load import all_cores, figure, make_log
from tests.real.site import Site, cpu_s, running_site
from tests.real.stream import Stream, Watch, keyed

EVENTS = 200_000
PARTITIONS = 4
HELD = 16
"""Events that a shard may hold back until later ones agree with their clock."""
LOOK_S = 0.2
PATIENCE_S = 300.0


class Taken(NamedTuple):
    """Seconds on the clock, and of processors."""

    wall: float
    workers: float
    broker: float
    postgres: float


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print events a second of one and of two workers, and the processor seconds of everything that took part."""
    count = int(EVENTS * scale)
    all_cores()
    with TemporaryDirectory() as name:
        log = make_log(Path(name), count)
        with log.open("rb") as file:
            lines = list(islice(file, count))
        one, two = (run(Path(name), lines, number) for number in (1, 2))
    say(f"{count:,} simulated events in {PARTITIONS} partitions, read by innerwatch run with its state in PostgreSQL;")
    say(f"{os.cpu_count()} cores for workers, broker and PostgreSQL together; start-up and joining left out")
    say(figure("one worker, events per second of wall time", f"{count / one.wall:,.0f}", spent(one)))
    say(figure("two workers, events per second of wall time", f"{count / two.wall:,.0f}", spent(two)))
    say(figure("two workers / one", f"{one.wall / two.wall:.2f}"))
    busy = (two.workers + two.broker + two.postgres) / two.wall
    say(figure("cores that were busy with two", f"{busy:.2f}", f"(of {os.cpu_count()})"))


def spent(taken: Taken) -> str:
    """The processor seconds, for the end of a line."""
    return f"(cores: workers {taken.workers:.1f} s, broker {taken.broker:.1f} s, PostgreSQL {taken.postgres:.1f} s)"


def run(folder: Path, lines: list[bytes], number: int) -> Taken:
    """So many workers join; stopped, they wait until the topic is full; then the clock runs until all is read."""
    sections = {"context": {"roster": str(folder / "roster.csv"), "honey": str(folder / "honey.txt")}}
    with ExitStack() as stack:
        site = stack.enter_context(running_site(sections))
        site.make_topics(PARTITIONS)
        watch = stack.enter_context(closing(Watch(site, PARTITIONS)))
        members = [site.join(f"worker-{one}") for one in range(1, number + 1)]
        wait(lambda: len(watch.look().owners) == PARTITIONS and len(set(watch.look().owners.values())) == number)
        for member in members:
            member.signal(signal.SIGSTOP)
        stream = Stream(site.broker.address, keyed(lines), 0.0)
        stream.start()
        stream.join()
        before = seconds(site)
        for member in members:
            member.signal(signal.SIGCONT)
        wait(lambda: read(watch, len(lines)))
        return Taken(*(after - since for after, since in zip(seconds(site), before, strict=True)))


def read(watch: Watch, count: int) -> bool:
    """Whether all has been read; a lag alone may be an old one."""
    look = watch.look()
    return look.events >= count - PARTITIONS * HELD and look.lag == 0


def seconds(site: Site) -> Taken:
    """The clock and what each has used so far."""
    workers = sum(cpu_s(member.pid) for member in site.members if member.pid is not None)
    return Taken(time.monotonic(), workers, cpu_s(site.broker.pid), cpu_s(site.postgres.pid))


def wait(done: Callable[[], bool]) -> None:
    """Until it is so; SystemExit when that takes too long."""
    until = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > until:
            raise SystemExit(f"the workers were not done after {PATIENCE_S:.0f} s")
        time.sleep(LOOK_S)
