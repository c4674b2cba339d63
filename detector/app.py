"""The program: replay a log, or run live. Reads the clock, the signals and the environment; nothing else does."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final, Protocol

from alerts.alert import Alert
from alerts.lines import send_alerts
from detector.config import Config
from detector.errors import ConfigError
from detector.feed import Feed
from detector.metrics import Metrics
from streams import Tokens, load_or_create_key

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
        feed: what read it, closed; its shard knows what was learned.
        alerts: in their final state, by ``opened_at``, then id.
        complete: false when a signal ended it early.
    """

    feed: Feed
    alerts: tuple[Alert, ...]
    complete: bool


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
    names = config.source.paths or (*kafka.servers, f"{kafka.topic}-{kafka.partition}")
    name = blake2b("\n".join(names).encode(), digest_size=4).hexdigest()
    return state_home() / f"deadletters-{name}.jsonl"


def replay(config: Config, tokens: Tokens, dead_letters: Path, watch: Callable[[Feed], None] | None = None) -> Replayed:
    """Judge a log to its end, from the last checkpoint if there is a state folder.

    Args:
        config: the configuration; its source names the log.
        tokens: makes the pseudonyms.
        dead_letters: where rejected records go without a state folder.
        watch: called after every batch.

    Raises:
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    feed = Feed(config, tokens, dead_letters)
    try:
        with _stopping() as stop:
            while not stop.signal and not feed.source.finished:
                count, _ = feed.advance()
                if not count and not feed.source.finished:
                    time.sleep(IDLE_S)
                if watch is not None:
                    watch(feed)
        if stop.signal:
            if feed.pending:
                feed.checkpoint([])
        else:
            feed.conclude(_arrived(config))
            if watch is not None:
                watch(feed)
        return Replayed(feed, tuple(feed.alerts()), not stop.signal)
    finally:
        feed.close()


def run(config: Config, tokens: Tokens, out: BinaryIO, log: Log) -> int:
    """Watch live until the log ends or a signal comes; every alert, after its commit, is a line on ``out``.

    Returns:
        the exit code: 130 after SIGINT, else 0.

    Raises:
        ConfigError: there is no state folder.
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    if config.state.folder is None:
        raise ConfigError("state.folder is not set; a live run keeps its state there, so name a folder")
    feed = Feed(config, tokens, config.state.folder, time.monotonic)
    metrics = Metrics(list(feed.shard.engine.detections))
    try:
        with _stopping() as stop, metrics.served(config.metrics):
            log.info("started", resumed=feed.resumed is not None, events=feed.shard.counts["events"])
            if feed.resumed is not None and feed.resumed.fallback:
                log.warning("the newest state was damaged; going on from the one before")
            _loop(config, feed, stop, _Teller(out, log, metrics))
        log.info(
            "stopped",
            signal=stop.signal,
            events=feed.shard.counts["events"],
            alerts=feed.shard.counts["alerts"],
        )
        return INTERRUPTED if stop.signal == signal.SIGINT else 0
    finally:
        feed.close()


@dataclass(frozen=True, slots=True)
class _Teller:
    out: BinaryIO
    log: Log
    metrics: Metrics

    def tell(self, feed: Feed, changed: list[Alert], seconds: float) -> None:
        self.metrics.update(feed, seconds)  # first, so that whoever reads an alert finds it counted
        send_alerts(self.out, changed)
        for alert in changed:
            self.log.info("alert", alert_id=alert.alert_id, severity=alert.severity.value, actor=alert.actor)


def _loop(config: Config, feed: Feed, stop: Stop, teller: _Teller) -> None:
    while not stop.signal and not feed.source.finished:
        began = time.monotonic()
        count, changed = feed.advance()
        if count:
            teller.tell(feed, changed, time.monotonic() - began)
        elif not feed.source.finished:
            time.sleep(IDLE_S)
    began = time.monotonic()
    if stop.signal:
        if feed.pending:
            feed.checkpoint([])
    else:
        teller.tell(feed, feed.conclude(_arrived(config)), time.monotonic() - began)


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
