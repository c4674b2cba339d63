"""``make soak``: do workers hold for long? A steady stream, a kill every two minutes, servers restarted."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from detector.simulation import SimulationConfig, simulate
from tests.real.demo import WARM_UP_DAYS, sections
from tests.real.site import Member, Metrics, Site, ended_in_order, running_site
from tests.real.stream import Message, Stream, Watch, resident_mb

PARTITIONS: Final = 4
STAFF, DAYS, SEED = 60, 28, 9
"""Whole weeks, so that a weekday stays one when the log begins again."""
RATE: Final = 3_000.0
SAMPLE_S: Final = 10.0
KILL_EVERY_S, GONE_S = 120.0, 5.0
WARM_S, WARM_SHARE = 300.0, 0.4
"""What a slope leaves out at the beginning, whichever is shorter: evidence and ids fill their bounds, by design."""
MOST_MB_A_MINUTE: Final = 1.0
BEHIND_S: Final = 2.0
"""The lag has come back when it is less than what comes in this time."""
DRAIN_S: Final = 60.0
EVENT: Final = re.compile(rb'\{"event_id":"([^"]+)","time":"([^"]+)"(.*"actor":\{"id":"([^"]+)".*)', re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """How it stood at one moment: seconds since the start, and what each worker held then."""

    moment: float
    resident: tuple[float, ...]
    files: tuple[int, ...]
    lag: int
    sent: int
    checkpoint_s: float


@dataclass
class Disturbance:
    """What was done to the site, when, and after how many seconds the lag had come back."""

    what: str
    moment: float
    back_s: float | None = None


def main(words: list[str] | None = None) -> int:
    """Run for so long; 0 when memory stands still and the lag comes back."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second")
    chosen = parser.parse_args(words)
    try:
        with ended_in_order():
            return soak(60.0 * chosen.minutes, chosen.rate)
    except pytest.skip.Exception as left_out:
        print(f"left out: {left_out}")
        return 1
    except RuntimeError as error:
        print(f"it went wrong: {error}")
        return 1
    except KeyboardInterrupt:
        print("interrupted; servers and workers have ended, nothing is left")
        return 130


def soak(seconds: float, rate: float) -> int:
    """Disturb a site under load for so long, then say how it held."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="insurer-")))
        simulate(SimulationConfig(STAFF, DAYS, SEED, warm_up_days=WARM_UP_DAYS), folder)
        site = stack.enter_context(running_site(sections(folder)))
        site.make_topics(PARTITIONS)
        watch = stack.enter_context(closing(Watch(site, PARTITIONS)))
        stream = Stream(site.broker.address, endless((folder / "events.jsonl").read_bytes().splitlines()), rate)
        session = Session(site, watch, stream, seconds, rate)
        session.run()
        return report(session)


def endless(lines: Sequence[bytes]) -> Iterator[Message]:
    """A log that begins again where it ends, on later days and with other event ids, for ever."""
    parts = [match.groups() for line in lines if (match := EVENT.fullmatch(line))]
    times = [datetime.fromisoformat(moment.decode()) for _, moment, _, _ in parts]
    for turn in count():
        later = timedelta(days=DAYS * turn)
        for (name, _, rest, actor), moment in zip(parts, times, strict=True):
            stamp = (moment + later).isoformat(timespec="milliseconds").encode()
            yield actor, b'{"event_id":"%s-%d","time":"%s"%s' % (name, turn, stamp, rest)


class Session:
    """Two workers under load: the first is left alone, the second is killed again and again.

    Args:
        site: where they run.
        watch: of the site.
        stream: the load.
        seconds: how long.
        rate: of the load, events a second.
    """

    def __init__(self, site: Site, watch: Watch, stream: Stream, seconds: float, rate: float) -> None:
        self.site, self.watch, self.stream, self.seconds, self.rate = site, watch, stream, seconds, rate
        self.samples: list[Sample] = []
        self.disturbances: list[Disturbance] = []
        self.drained = False
        self._began = time.monotonic()
        self._checkpoints = (0.0, 0.0)

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def run(self) -> None:
        """From the first event to the drained topic."""
        steady, other = self.site.join("worker-1"), self.site.join("worker-2")
        while len(set(self.watch.look().owners.values())) < 2:
            time.sleep(0.2)
        self._began = time.monotonic()
        self.stream.start()
        plan = self._planned(other)
        print(f"{'s':>6} {'events':>11} {'lag':>8} {'MB':>11} {'files':>9} {'checkpoint':>10}", flush=True)
        try:
            while self.now < self.seconds:
                while plan and plan[0][0] <= self.now:
                    _, what, act = plan.pop(0)
                    print(f"{self.now:6.0f} {what}", flush=True)
                    if what != BACK:
                        self.disturbances.append(Disturbance(what, self.now))
                    act()
                self._sample(steady, other)
                time.sleep(max(min(SAMPLE_S * len(self.samples), plan[0][0] if plan else self.seconds) - self.now, 0.0))
        finally:
            self.stream.end()
        until = self.now + DRAIN_S
        while not self.drained and self.now < until:
            self.drained = self.watch.drained()
            time.sleep(0.2)
        for member in (steady, other):
            if code := member.stop():
                raise RuntimeError(f"{member.name} ended with {code}: {member.log()}")

    def _planned(self, other: Member) -> list[tuple[float, str, Callable[[], None]]]:
        steps: list[tuple[float, str, Callable[[], None]]] = [
            (0.45 * self.seconds, "the broker is killed and started", self._restart_broker),
            (0.7 * self.seconds, "PostgreSQL is stopped and started", self.site.postgres.restart),
        ]
        moment = KILL_EVERY_S
        while moment < self.seconds - 2 * GONE_S:
            steps += [(moment, "worker-2 is killed", other.kill), (moment + GONE_S, BACK, other.start)]
            moment += KILL_EVERY_S
        return sorted(steps, key=lambda step: step[0])

    def _restart_broker(self) -> None:
        self.site.broker.kill()
        time.sleep(GONE_S)
        self.site.broker.start()

    def _sample(self, *members: Member) -> None:
        look = self.watch.look()
        resident = tuple(map(resident_mb, members))
        files = tuple(map(open_files, members))
        taken = self._checkpoint_s(members[0].metrics())
        sample = Sample(self.now, resident, files, look.lag, self.stream.sent, taken)
        self.samples.append(sample)
        for one in self.disturbances:
            since_s = sample.moment - one.moment
            settled = since_s >= SAMPLE_S / 2 and len(look.owners) == PARTITIONS  # a lag is old while nobody can ask
            if one.back_s is None and settled and look.lag <= BEHIND_S * self.rate:
                one.back_s = since_s
        memory, held = " ".join(f"{mb:5.0f}" for mb in resident), " ".join(f"{number:4}" for number in files)
        took = f"{1e3 * taken:7.1f} ms"
        print(f"{sample.moment:6.0f} {sample.sent:11,} {sample.lag:8,} {memory} {held} {took}", flush=True)
        for member in members:
            if member.pid is None and not member.killed:
                raise RuntimeError(f"{member.name} ended by itself: {member.log()}")

    def _checkpoint_s(self, metrics: Metrics) -> float:
        name = "innerwatch_checkpoint_seconds"
        total, number = (metrics.get(f"{name}_{part}", {}).get("", 0.0) for part in ("sum", "count"))
        before, self._checkpoints = self._checkpoints, (total, number)
        return (total - before[0]) / max(number - before[1], 1.0)


BACK: Final = "worker-2 is started"


def report(session: Session) -> int:
    """How it held; 1 when memory grew or the lag did not come back."""
    warm = min(WARM_S, WARM_SHARE * session.seconds)
    kept = [sample for sample in session.samples if sample.moment >= warm]
    growth = slope([(sample.moment / 60.0, sample.resident[0]) for sample in kept])
    rate = session.stream.sent / session.samples[-1].moment
    behind = [one for one in session.disturbances if one.back_s is None]
    slowest = max((one.back_s or 0.0 for one in session.disturbances), default=0.0)
    print(f"\n{session.seconds / 60.0:.0f} minutes, {session.stream.sent:,} events, {rate:,.0f} a second")
    for number, name in enumerate(("worker-1, never killed", "worker-2, killed and started again")):
        most = max(sample.resident[number] for sample in session.samples)
        print(f"  {name:<44}{most:8.0f} MB at most")
    print(f"  {'memory of worker-1 grows, after ' + f'{warm:.0f} s,':<44}{growth:+8.2f} MB a minute")
    print(f"  {'its open files, first and last':<44}{kept[0].files[0]:8} {kept[-1].files[0]}")
    print(
        f"  {'its checkpoints, mean and longest of 10 s':<44}{1e3 * mean(kept):8.1f} ms, {1e3 * longest(kept):.1f} ms"
    )
    print(f"  {'largest lag, events':<44}{max(sample.lag for sample in session.samples):8,}")
    for one in session.disturbances:
        back = "it did not come back" if one.back_s is None else f"back {one.back_s:.0f} s later"
        print(f"  {f'{one.moment:.0f} s: {one.what}':<44}{back:>8}")
    print(f"  {'slowest to come back':<44}{slowest:8.0f} s")
    print(f"  {'messages that the producer could not send':<44}{session.stream.failed:8,}")
    print(f"  {'read and told to the end':<44}{'yes' if session.drained else 'no':>8}")
    good = growth <= MOST_MB_A_MINUTE and not behind and session.drained and not session.stream.failed
    print("It held." if good else "It did not hold.")
    return 0 if good else 1


def mean(samples: Sequence[Sample]) -> float:
    """Seconds of a checkpoint."""
    return sum(sample.checkpoint_s for sample in samples) / len(samples)


def longest(samples: Sequence[Sample]) -> float:
    """Seconds of the slowest ones."""
    return max(sample.checkpoint_s for sample in samples)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs (Theil and Sen): a worker that holds more shards for a while is no
    growth.

    >>> slope([(0, 100.0), (1, 101.0), (2, 190.0), (3, 103.0)])
    1.0
    """
    return median((there[1] - here[1]) / (there[0] - here[0]) for here, there in combinations(points, 2))


def open_files(member: Member) -> int:
    """File descriptors of a worker; 0 while it does not run."""
    try:
        return sum(1 for _ in Path(f"/proc/{member.pid}/fd").iterdir())
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
