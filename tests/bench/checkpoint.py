"""How long a shard stands still while a checkpoint is written and committed."""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from detector.config import Config
from detector.context import read_context
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.snapshot import packed
from streams import Rejected, Tokens
from tests.bench.load import KEY, all_cores, configuration, figure, one_core
from tests.bench.memory import BEGIN, EMPLOYEES, WORKDAYS, access, feed
from tests.real.postgres import running_postgres

TIMES = 5
MOST_S = 0.5

Result = TypeVar("Result")


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print the pause with state in a folder and in PostgreSQL, and where the time goes."""
    count = int(EMPLOYEES * scale)
    say(f"a shard with {count:,} profiles, {WORKDAYS} days each; medians of {TIMES} checkpoints")
    with TemporaryDirectory() as folder:
        keeper = filled(configuration(state={"folder": folder}), count)
        taken, state = timed(keeper.shard.snapshot)
        written, (content, _) = timed(lambda: packed(state))
        say(figure("size, compressed", f"{len(content) / 1e6:.1f} MB"))
        say(figure("taking the state", f"{taken:.2f} s"))
        say(figure("packing and compressing it", f"{written:.2f} s"))
        del state, content
        say(figure("pause, folder and SQLite", *pause(keeper)))
    del keeper
    all_cores()  # the server is not to share our core
    with running_postgres() as postgres:
        one_core()
        state = {"database": postgres.url(postgres.new_database()), "password_file": str(postgres.password_file)}
        keeper = filled(configuration(state=state), count)
        say(figure("pause, PostgreSQL alone", *pause(keeper)))
        keeper.close()


class NoLetters:
    """Nothing is rejected here."""

    def write(self, rejected: Rejected) -> None:
        raise AssertionError(rejected)

    def flush(self) -> None:
        return


def filled(config: Config, count: int) -> Keeper:
    """A shard that knows so many employees."""
    tokens = Tokens(KEY)
    setting = Setting(config, tokens, read_context(config, tokens), Home(config.state), time.monotonic, NoLetters())
    keeper = Keeper(setting, "bench")
    for day in range(WORKDAYS):
        moments = (BEGIN + timedelta(days=day, seconds=n * 30_000 / count) for n in range(count))
        feed(keeper.shard.engine, (access(f"E{n}", n, moment) for n, moment in enumerate(moments)))
    return keeper


def pause(keeper: Keeper) -> tuple[str, str]:
    """Seconds of a checkpoint, and how many of them the processor worked: other work makes us wait for it."""
    keeper.commit()  # the first has no predecessor to drop
    keeper.checkpoint_seconds.clear()
    began = time.process_time()
    for _ in range(TIMES):
        keeper.commit()
    worked = (time.process_time() - began) / TIMES
    return f"{median(keeper.checkpoint_seconds):.2f} s", f"({worked:.2f} s of processor time; at most {MOST_S} wanted)"


def timed(act: Callable[[], Result]) -> tuple[float, Result]:
    """Median seconds, and what came of it."""
    taken = []
    for _ in range(TIMES):
        began = time.monotonic()
        result = act()
        taken.append(time.monotonic() - began)
    return median(taken), result
