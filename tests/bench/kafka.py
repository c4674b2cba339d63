"""A partition of a real broker: the client alone, our source, and the whole program, over the same records."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from kafka import KafkaConsumer, TopicPartition

from detector.app import replay
from detector.feed import BATCH_RECORDS
from streams import Tokens
from streams.kafka import KafkaConfig, KafkaPartition
from tests.bench.load import KEY, all_cores, configuration, figure, make_log, one_core
from tests.bench.speed import timed
from tests.real.broker import Broker, running_broker
from tests.real.postgres import Postgres, running_postgres

EVENTS = 200_000
TOPIC = "bench"
LEAST_SHARE = 0.5


def measure(say: Callable[[str], None], scale: float) -> None:
    """Print records a second of processor time of each, the broker on any core, and the program's share."""
    count = int(EVENTS * scale)
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = make_log(folder, count)
        all_cores()  # the servers are not to share ours
        with running_broker(folder) as broker, running_postgres() as postgres:
            with log.open("rb") as file:
                broker.publish(TOPIC, [line.rstrip(b"\n") for line in islice(file, count)])
            one_core()
            seconds = run(broker, postgres, folder, count)
    rate = {part: count / taken for part, taken in seconds.items()}
    say(f"{count:,} simulated events in one partition; records per second of processor time on one core")
    say(figure("kafka-python's poll alone", f"{rate['poll']:,.0f}"))
    say(figure("our source", f"{rate['source']:,.0f}"))
    say(figure("the program, all detections, state in SQLite", f"{rate['program']:,.0f}"))
    say(figure("the same, state in PostgreSQL", f"{rate['postgres']:,.0f}"))
    say(figure("program / poll", f"{rate['program'] / rate['poll']:.2f}", f"(at least {LEAST_SHARE} wanted)"))


def run(broker: Broker, postgres: Postgres, folder: Path, count: int) -> dict[str, float]:
    """Processor seconds of each part, the client's own thread included."""
    seconds: dict[str, float] = {}
    partition, done = TopicPartition(TOPIC, 0), 0
    bare = KafkaConsumer(bootstrap_servers=broker.address, group_id=None, enable_auto_commit=False)
    bare.assign([partition])
    bare.seek(partition, 0)
    with timed(seconds, "poll"):
        while done < count:
            done += sum(map(len, bare.poll(timeout_ms=500, max_records=BATCH_RECORDS).values()))
    bare.close()
    source = KafkaPartition(KafkaConfig((broker.address,), TOPIC), 0)
    with timed(seconds, "source"):
        while not source.finished:
            source.next_batch(BATCH_RECORDS)
    source.close()
    kafka = {"servers": [broker.address], "topic": TOPIC}
    letters = {"folder": str(folder / "letters")}
    database = {"database": postgres.url(postgres.new_database()), "password_file": str(postgres.password_file)}
    states = {"program": {"folder": str(folder / "state")}, "postgres": letters | database}
    for name, state in states.items():
        config = configuration(folder, source={"kafka": kafka}, state=state)
        with timed(seconds, name):
            replay(config, Tokens(KEY), folder / "dead")
    return seconds
