"""Bytes of a profile, and the bound when somebody invents actors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from detector.engine import Engine
from streams import AccessEvent, Actor, Admitted, Position, Record, Resource, Src
from tests.bench.load import BATCH, configuration, figure, fresh_engine, resident_mb

EMPLOYEES, WORKDAYS = 100_000, 2
STRANGERS, ROOM = 1_000_000, 20_000
MOST_BYTES = 1_536
BEGIN = datetime(2026, 3, 2, 1, tzinfo=UTC)


def employees(say: Callable[[str], None], scale: float) -> None:
    """Print the bytes of each of 100,000 profiles: all arrays that a snapshot would hold."""
    count = int(EMPLOYEES * scale)
    fixed = held(fresh_engine(configuration())[0])
    engine = fresh_engine(configuration())[0]
    for day in range(WORKDAYS):
        feed(
            engine,
            (access(f"E{n}", n, BEGIN + timedelta(days=day, seconds=n * 30_000 / count)) for n in range(count)),
        )
    engine.finish()
    total = held(engine)
    each = (total - fixed) / count
    say(f"{len(engine.people) - 1:,} employees, {WORKDAYS} days each")
    say(figure("bytes of each profile", f"{each:,.0f}", f"(at most {MOST_BYTES:,} wanted)"))
    say(figure("arrays in all, shared ones included", f"{total / 1e6:.1f} MB"))
    say(figure("resident memory of the process", f"{resident_mb():.0f} MB"))


def strangers(say: Callable[[str], None], scale: float) -> None:
    """Print rows and memory while a million actor ids are invented, with room for 20,000."""
    count = int(STRANGERS * scale)
    engine = fresh_engine(configuration(profiles={"max_actors": ROOM}))[0]
    say(f"{count:,} invented actor ids in ten days, room for {ROOM:,} (profiles.max_actors)")
    for tenth in range(10):
        first = tenth * count // 10
        last = (tenth + 1) * count // 10
        moments = (BEGIN + timedelta(days=tenth, seconds=(n - first) * 300_000 / count) for n in range(first, last))
        feed(
            engine,
            (access(f"X{n}", n, moment) for n, moment in zip(range(first, last), moments, strict=True)),
        )
        if tenth in (1, 4, 9):
            rows, arrays = len(engine.people), held(engine) / 1e6
            note = f"({arrays:.1f} MB of arrays, {resident_mb():.0f} MB resident)"
            say(figure(f"rows after {last:,} ids", f"{rows:,}", note))


def access(actor: str, number: int, moment: datetime) -> Admitted:
    """One ordinary access."""
    event = AccessEvent(
        event_id=f"{actor}-{moment.timestamp():.3f}",
        time=moment,
        actor=Actor(id=actor, role=f"role-{number % 20}"),
        action="read",
        resource=Resource(system="claims", type="claim"),
        outcome="success",
        subjects=(f"{number % 65_536:016x}",),
        serials=(number,),
        src=Src(
            ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            host=f"WS-{number}",
            channel="ui",
        ),
    )
    return Admitted(event, Record(b"", Position("bench", number)), event.time.timestamp(), late=False)


def feed(engine: Engine, admitted: Iterator[Admitted]) -> None:
    """Process a stream in batches, holding one at a time."""
    batch: list[Admitted] = []
    for item in admitted:
        batch.append(item)
        if len(batch) == BATCH:
            engine.process(batch)
            batch = []
    engine.process(batch)


def held(engine: Engine) -> int:
    """Bytes of all arrays of a snapshot."""
    return sum(array.nbytes for array in engine.snapshot().values())
