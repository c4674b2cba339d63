"""``make demo-kafka``: workers of one group share a topic, one is killed, and nothing is lost or told wrongly."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from rich.console import Console

from detector.simulation import SimulationConfig, simulate
from tests.real.comparison import Comparison, Told, compared
from tests.real.screen import Screen
from tests.real.site import ALERTS, LETTERS, TOPIC, Sections, Site, ended_in_order, running_site
from tests.real.stream import Stream, Watch, keyed, torn

PARTITIONS: Final = 4
SEED: Final = 9
WARM_UP_DAYS: Final = 5
BROKEN: Final = 5_000
"""Every so many records one is torn, to be found among the dead letters."""
SESSION_S: Final = 3.0
KILL_AT, JOIN_AT = 0.4, 0.65
"""After which share of the events a worker is killed, and a third one joins."""
DRAIN_S: Final = 90.0


@dataclass(frozen=True)
class Size:
    """How much is shown: employees, days, and events a second."""

    staff: int = 60
    days: int = 30
    rate: float = 5_000.0


def main(words: list[str] | None = None) -> int:
    """Show it; 0 when the workers told what one uninterrupted replay tells."""
    parser = argparse.ArgumentParser(prog="make demo-kafka", description=__doc__)
    parser.add_argument("--staff", type=int, default=Size.staff, help="employees, at least 40")
    parser.add_argument("--days", type=int, default=Size.days, help="calendar days")
    parser.add_argument("--rate", type=float, default=Size.rate, help="events a second, 0 for as fast as can be")
    chosen = parser.parse_args(words)
    console = Console()
    try:
        with ended_in_order():
            return show(console, Size(chosen.staff, chosen.days, chosen.rate))
    except pytest.skip.Exception as left_out:
        console.print(f"left out: {left_out}")
        return 1
    except RuntimeError as error:
        console.print(f"it went wrong: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; servers and workers have ended, nothing is left")
        return 130


def show(console: Console, size: Size) -> int:
    """From the first server to the comparison."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="insurer-")))
        made = simulate(SimulationConfig(size.staff, size.days, SEED, warm_up_days=WARM_UP_DAYS), folder)
        console.print(f"An insurer of {size.staff} employees, {size.days} days, {made.events:,} events is simulated;")
        console.print("a Kafka broker and a PostgreSQL server start here, for this machine alone.")
        site = stack.enter_context(running_site(sections(folder)))
        console.print(f"\n$ innerwatch topics create --config site.toml --partitions {PARTITIONS}")
        console.print(site.make_topics(PARTITIONS).rstrip(), highlight=False)
        console.print("$ innerwatch run --config worker-1.toml &\n$ innerwatch run --config worker-2.toml &\n")
        told = stack.enter_context(closing(Told(site.broker.address, PARTITIONS)))
        lines = (folder / "events.jsonl").read_bytes().splitlines()
        act(console, site, told, lines, size.rate)
        console.print("\nOne process reads the same topic from its beginning, in state of its own.")
        result = compared(site, told)
    return report(console, result)


def sections(folder: Path) -> Sections:
    """A configuration for a few weeks of a small company."""
    return {
        "source": {"kafka": {"session_timeout_s": SESSION_S}},
        "context": {"roster": str(folder / "roster.csv"), "honey": str(folder / "honey.txt")},
        "risk": {"warm_up_days": WARM_UP_DAYS, "budget": 30.0},
        "state": {"checkpoint_events": 5_000, "checkpoint_s": 1.0},
    }


def act(console: Console, site: Site, told: Told, lines: list[bytes], rate: float) -> None:
    """Produce and detect; kill one worker in the middle, let a third one join, and stop when all is read."""
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(console, len(lines)))
        watch = stack.enter_context(closing(Watch(site, PARTITIONS)))
        stream = Stream(site.broker.address, keyed(torn(lines, BROKEN)), rate)

        def step() -> None:
            for revision, alert in told.news(200):
                screen.tell(alert, revision)
            look = watch.look()
            screen.show(stream, look)
            require_alive(site)

        first, second = site.join("worker-1"), site.join("worker-2")
        until(lambda: len(set(watch.look().owners.values())) == 2, step, "two workers share the partitions")
        stream.start()
        stack.callback(stream.end)
        until(lambda: stream.sent >= KILL_AT * len(lines), step, "enough is produced to kill a worker")
        first.kill()
        screen.say(f"worker-1 is killed (SIGKILL); Kafka gives it up after {SESSION_S:.0f} s, here")
        until(lambda: stream.sent >= JOIN_AT * len(lines), step, "enough is produced for a third worker")
        third = site.join("worker-3")
        screen.say("worker-3 joins")
        until(lambda: stream.done, step, "all is produced")
        screen.say(f"all {stream.sent:,} events are produced; the workers read on to the end")
        until(lambda: len(set(watch.look().owners.values())) == 2 and watch.drained(), step, "all is read and told")
        for member in (second, third):
            screen.say(f"{member.name} ends by SIGTERM, with code {member.stop()}")


def until(done: Callable[[], bool], step: Callable[[], None], what: str) -> None:
    """Step until it is so.

    Raises:
        RuntimeError: it takes too long.
    """
    patience = time.monotonic() + DRAIN_S
    while not done():
        if time.monotonic() > patience:
            raise RuntimeError(f"after {DRAIN_S:.0f} s it is still not so that {what}")
        step()


def require_alive(site: Site) -> None:
    """RuntimeError with the log of a worker that ended by itself."""
    for member in site.members:
        if member.pid is None and not member.killed:
            raise RuntimeError(f"{member.name} ended by itself: {member.log()}")


def report(console: Console, result: Comparison) -> int:
    """The comparison, what it means, and what to do next."""
    console.print()
    console.print(result.table())
    console.print(
        "\nBoth stop where the topic stops. `innerwatch replay` also judges the end of a log,\n"
        f"which a live run never sees; here that opens or changes {result.at_end} alerts, not compared.",
        highlight=False,
    )
    console.print("Nothing is missing, nothing is extra." if result.same else "The workers differ from the replay.")
    console.print(
        "\nWhat to do next\n"
        "  name source.kafka, state.database, topics.alerts and topics.dead_letters in a\n"
        f"  configuration F (here: {TOPIC}, {ALERTS}, {LETTERS}), then\n"
        "  innerwatch topics create --config F      makes the topics that are missing\n"
        "  innerwatch topics check --config F       says what in them would lose records\n"
        "  innerwatch run --config F                on as many hosts as you like\n"
        "  innerwatch db check --config F           what is in the database",
        highlight=False,
        markup=False,
    )
    return 0 if result.same else 1


if __name__ == "__main__":
    sys.exit(main())
