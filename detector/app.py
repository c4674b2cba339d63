"""The program: replay a log, or run live. Reads the clock, the signals and the environment; nothing else does."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from alerts.alert import Alert
from alerts.lines import send_alerts
from detector.config import Config
from detector.context import read_context
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.metrics import Metrics
from detector.shard import SHARD, Known, Shard, partition_shard
from streams import Tokens, load_or_create_key

if TYPE_CHECKING:
    from detector.worker import Worker

IDLE_S: Final = 0.2
"""Between two looks at a file that did not grow: with a batch's own time, well below a second to an alert."""
INTERRUPTED: Final = 130


class Log(Protocol):
    """Takes what happened, one event with its facts at a time; a structlog logger is one."""

    def info(self, event: str, **facts: Any) -> Any:
        """Note an ordinary event."""

    def warning(self, event: str, **facts: Any) -> Any:
        """Note one that a person should look at."""


@dataclass(slots=True)
class Stop:
    """The signal that asked to stop, 0 for none."""

    signal: int = 0


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replayed log.

    Attributes:
        keepers: of its shards: one, or one for each partition of a topic; closed, but they know what was learned.
        alerts: in their final state, by ``opened_at``, then id.
        complete: false when a signal ended it early.
    """

    keepers: tuple[Keeper, ...]
    alerts: tuple[Alert, ...]
    complete: bool

    @property
    def shards(self) -> tuple[Shard, ...]:
        """What the keepers keep."""
        return tuple(keeper.shard for keeper in self.keepers)

    @property
    def known(self) -> dict[str, Known]:
        """Who is behind the pseudonyms of the alerts."""
        return {name: known for shard in self.shards for name, known in shard.known.items()}


def state_home() -> Path:
    """Where this user's key and dead letters are: ``$XDG_STATE_HOME/innerwatch`` or ``~/.local/state/innerwatch``."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state") / "innerwatch"


def key_path(config: Config) -> Path:
    """The file of the key that pseudonyms and tokens are made with."""
    return config.privacy.key_file or state_home() / "key"


def load_tokens(config: Config) -> Tokens:
    """The tokens of this installation; makes the key on first use."""
    return Tokens(load_or_create_key(key_path(config)))


def dead_letters_path(config: Config, out: Path | None) -> Path:
    """Where the dead letters of a replay go that has no state folder: beside its output, else to this user's state."""
    if out is not None:
        return out.with_name(f"{out.name}.deadletters.jsonl")
    kafka = config.source.kafka
    names = config.source.paths or (*kafka.servers, kafka.topic)
    name = blake2b("\n".join(names).encode(), digest_size=4).hexdigest()
    return state_home() / f"deadletters-{name}.jsonl"


def replay(config: Config, tokens: Tokens, dead_letters: Path, watch: Callable[[Feed], None] | None = None) -> Replayed:
    """Judge a log to its end, from the last checkpoint if state is kept; of a topic, each partition in turn.

    Args:
        config: the configuration; its source names the log.
        tokens: makes the pseudonyms.
        dead_letters: where rejected records go if no state is kept; of a topic's partitions, beside it.
        watch: called after every batch.

    Raises:
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    with ExitStack() as stack, _stopping() as stop:
        home = stack.enter_context(closing(Home(config.state))) if config.state.kept else None
        setting = Setting(config, tokens, read_context(config, tokens), home)
        feeds = [stack.enter_context(closing(feed)) for feed in _feeds(setting, dead_letters)]
        for feed in feeds:
            _replay(feed, stop, _arrived(config), watch)
        keepers = tuple(feed.keeper for feed in feeds)
        alerts = home.store.alerts() if home is not None else [alert for keeper in keepers for alert in keeper.alerts()]
        alerts.sort(key=lambda alert: (alert.opened_at, alert.alert_id))
        return Replayed(keepers, tuple(alerts), not stop.signal)


def _feeds(setting: Setting, dead_letters: Path) -> list[Feed]:
    kafka = setting.config.source.kafka
    if not kafka.servers:
        return [Feed(setting.config, Keeper(setting, SHARD, dead_letters))]
    from streams.kafka import count_partitions  # noqa: PLC0415 - see KafkaSourceConfig.client

    count = count_partitions(kafka.client())
    names = [partition_shard(kafka.topic, partition, count) for partition in range(count)]
    places = [dead_letters] if count == 1 else [dead_letters.with_name(f"{dead_letters.name}.{name}") for name in names]
    return [
        Feed(setting.config, Keeper(setting, name, place), partition)
        for partition, (name, place) in enumerate(zip(names, places, strict=True))
    ]


def _replay(feed: Feed, stop: Stop, arrived: float, watch: Callable[[Feed], None] | None) -> None:
    while not stop.signal and not feed.finished:
        count, _ = feed.advance()
        if not count and not feed.finished:
            time.sleep(IDLE_S)
        if watch is not None:
            watch(feed)
    if stop.signal:
        feed.settle()
        return
    feed.keeper.conclude(arrived)
    if watch is not None:
        watch(feed)


def run(config: Config, tokens: Tokens, out: BinaryIO, log: Log) -> int:
    """Watch live until the log ends or a signal comes; every alert, after its commit, is a line on ``out``.

    Returns:
        the exit code: 130 after SIGINT, else 0.

    Raises:
        ConfigError: no state is kept.
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    with ExitStack() as stack, _stopping() as stop:
        home = stack.enter_context(closing(Home(config.state)))
        setting = Setting(config, tokens, read_context(config, tokens), home, time.monotonic)
        hand = stack.enter_context(closing(_hand(setting)))
        metrics = Metrics()
        stack.enter_context(metrics.served(config.metrics))
        teller = _Teller(out, log, metrics)
        log.info("started", source=config.source.kafka.topic if config.source.kafka.servers else "files")
        teller.meet(hand)
        _loop(hand, stop, teller)
        if not stop.signal and isinstance(hand, Feed):
            teller.tell(hand, hand.keeper.conclude(_arrived(config)), 0.0)
        log.info(
            "stopped",
            signal=stop.signal,
            events=sum(keeper.shard.counts["events"] for keeper in hand.keepers),
            alerts=sum(keeper.shard.counts["alerts"] for keeper in hand.keepers),
        )
        return INTERRUPTED if stop.signal == signal.SIGINT else 0


def _hand(setting: Setting) -> "Feed | Worker":
    kafka = setting.config.source.kafka
    if not kafka.servers:
        return Feed(setting.config, Keeper(setting, SHARD))
    from detector.worker import Worker  # noqa: PLC0415 - see KafkaSourceConfig.client

    return Worker(setting, kafka.client(), time.sleep)


class _Teller:
    def __init__(self, out: BinaryIO, log: Log, metrics: Metrics) -> None:
        self._out, self._log, self._metrics = out, log, metrics
        self._here: list[Keeper] = []

    def meet(self, hand: "Feed | Worker") -> None:
        """Say which shards have come and gone."""
        for keeper in hand.keepers:
            if keeper not in self._here:
                self._log.info("shard is here", shard=keeper.shard.name, resumed_at=keeper.position)
                if keeper.resumed is not None and keeper.resumed.fallback:
                    self._log.warning("the newest state was damaged; going on from the one before")
        for keeper in self._here:
            if keeper not in hand.keepers:
                self._log.info("shard is gone", shard=keeper.shard.name)
        self._here = hand.keepers

    def tell(self, hand: "Feed | Worker", changed: list[Alert], seconds: float) -> None:
        """Update the metrics, then tell alerts, so that whoever reads an alert finds it counted."""
        self._metrics.update(hand.keepers, seconds)
        send_alerts(self._out, changed)
        for alert in changed:
            self._log.info("alert", alert_id=alert.alert_id, severity=alert.severity.value, actor=alert.actor)


def _loop(hand: "Feed | Worker", stop: Stop, teller: _Teller) -> None:
    while not stop.signal and not hand.finished:
        began = time.monotonic()
        count, changed = hand.advance()
        teller.meet(hand)
        if count or changed:
            teller.tell(hand, changed, time.monotonic() - began)
        elif not hand.finished:
            time.sleep(IDLE_S)
    if stop.signal:
        teller.tell(hand, hand.settle(), 0.0)


@contextmanager
def _stopping() -> Iterator[Stop]:
    """Turn the first SIGINT or SIGTERM into a wish; a second one acts as usual."""
    stop = Stop()

    def wish(number: int, _: FrameType | None) -> None:
        stop.signal = number
        restore()

    former = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, action in former.items():
            signal.signal(number, action)

    try:
        yield stop
    finally:
        restore()


def _arrived(config: Config) -> float:
    """When the input is known to have existed: its files' newest time, or now for standard input and Kafka."""
    paths = [Path(name) for name in config.source.paths]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    times = [file.stat().st_mtime for file in files if file.is_file()]
    return max(times, default=datetime.now(UTC).timestamp())
