"""Decode alone, the engine, and its peer in river, over the same events on one core."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from streams import Admitted, NativeFormat, Tokens
from tests.bench.load import KEY, Intake, batches, configuration, drive, figure, fresh_engine, make_log
from tests.bench.river_peer import RiverPeer

EVENTS = 150_000
LEAST_RATIO = 10.0


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note the processor seconds of a block: other work on the machine does not count in them."""
    began = process_time()
    yield
    seconds[name] = process_time() - began


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print events a second of each, and the ratios."""
    count = int(EVENTS * scale)
    with TemporaryDirectory() as folder:
        log = make_log(Path(folder), count)
        seconds, found = run(Path(folder), log)
    rate = {name: count / taken for name, taken in seconds.items()}
    say(f"{count:,} simulated events, the same for all; events per second of processor time on one core")
    say(figure("decode alone", f"{rate['decode']:,.0f}"))
    say(figure("engine, from decoded events to findings", f"{rate['engine']:,.0f}", f"({found['engine']} told)"))
    say(figure("river, the same features and measures", f"{rate['river']:,.0f}", f"({found['river']} found)"))
    whole = count / (seconds["decode"] + seconds["guard"] + seconds["engine"])
    say(figure("decode, order and engine together", f"{whole:,.0f}"))
    ratio = rate["engine"] / rate["river"]
    say(figure("engine / river", f"{ratio:.1f}", f"(at least {LEAST_RATIO:.0f} wanted)"))
    say(figure("together / decode alone", f"{whole / rate['decode']:.1%}"))


def run(folder: Path, log: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Processor seconds of each part, and how much each found."""
    seconds: dict[str, float] = {}
    config = configuration(folder)
    raw = list(batches(log))
    decoder = NativeFormat(Tokens(KEY))
    with timed(seconds, "decode"):
        for records in raw:
            for record in records:
                decoder.decode(record)
    admitted: list[Admitted] = []
    intake = Intake()
    with timed(seconds, "guard"):
        for records in raw:
            admitted += intake.admit(records)
    seconds["guard"] = max(seconds["guard"] - seconds["decode"], 0.0)
    engine, context = fresh_engine(config)
    with timed(seconds, "engine"):
        told = drive(engine, admitted)
    peer = RiverPeer(context, config.time.zone)
    with timed(seconds, "river"):
        found = [one for item in admitted if (one := peer.process_one(item.event)) is not None]
    return seconds, {"engine": len(told), "river": len(found)}
