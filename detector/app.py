"""The program: replay a log, or run live. Reads the clock, the signals and the environment; nothing else does."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, Final

from alerts.access import SECRET_BYTES
from alerts.alert import Alert
from alerts.desk import DESK
from alerts.errors import StoreError
from alerts.outbox import Delivery
from alerts.store import Store
from detector.bundles import BundleFiles
from detector.config import Config, StateConfig
from detector.context import Context, present_context
from detector.endpoint import served
from detector.errors import ConfigError
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.live import Live, Log
from detector.lookout import Lookout
from detector.memory import map_large_arrays
from detector.replaying import NoLetters, feeds_of, read_through, setting_of
from detector.shard import SHARD, Known, Shard
from streams import StreamError, Tokens, load_or_create_key

if TYPE_CHECKING:
    from detector.export.job import Exported, Order
    from detector.worker import Worker

IDLE_S: Final = 0.2
"""Between two looks at a file that did not grow: with a batch's own time, well below a second to an alert."""
PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Between two attempts to start: doubled each time up to this."""
INTERRUPTED: Final = 130
HUNG: Final = 75
"""Exit code of a process that the watchdog ended: EX_TEMPFAIL, so that a supervisor starts it again."""


@dataclass(slots=True)
class Stop:
    """The signal that asked to stop, 0 for none."""

    signal: int = 0

    def wait(self, seconds: float) -> None:
        """Sleep for so long, or until a signal."""
        until = time.monotonic() + seconds
        while not self.signal and time.monotonic() < until:
            time.sleep(IDLE_S)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replayed log.

    Attributes:
        keepers: of its shards: one, or one for each partition of a topic; closed, but they know what was learned.
        alerts: in their final state, by ``opened_at``, then id.
        complete: false when a signal ended it early.
        complaints: what was left out of the context, in words.
    """

    keepers: tuple[Keeper, ...]
    alerts: tuple[Alert, ...]
    complete: bool
    complaints: tuple[str, ...] = ()

    @property
    def shards(self) -> tuple[Shard, ...]:
        """What the keepers keep."""
        return tuple(keeper.shard for keeper in self.keepers)

    @property
    def known(self) -> dict[str, Known]:
        """Who is behind the pseudonyms of the alerts."""
        return {name: known for shard in self.shards for name, known in shard.known.items()}


def now() -> float:
    """The time, in Unix seconds."""
    return time.time()


def deliver(config: Config, log: Log) -> int:
    """Tell receivers of alerts until a signal comes; the exit code: 130 after SIGINT, else 0.

    Raises:
        DetectorError, AlertsError: in words for the person who started it.
    """
    # A run does not need the receivers.
    from detector.deliver import Delivering, DeliveryLog, open_desk, open_dispatcher  # noqa: PLC0415
    from detector.desk_metrics import DeskMetrics  # noqa: PLC0415
    from detector.inbound import open_poller  # noqa: PLC0415

    if not config.delivery.receivers:
        raise ConfigError("delivery.receivers is empty; name at least one in a table [delivery.receivers.NAME]")
    with ExitStack() as stack, stopping() as stop:
        desk = stack.enter_context(closing(open_desk(config)))
        desk.acquire()
        log.info("delivering", to=sorted(config.delivery.receivers))
        metrics = DeskMetrics(config.delivery.receivers)
        heard = DeliveryLog(log, metrics)
        dispatcher = open_dispatcher(config, desk, stack, heard)
        poller = open_poller(config, desk, stack, dispatcher.may_call, heard.asked)
        delivering = Delivering(desk, dispatcher, poller, metrics, now, heard.away)
        endpoint = served(config.metrics, metrics.registry, delivering.alive, delivering.ready, key="deliver_port")
        stack.enter_context(endpoint)
        tried = delivering.until(stop)
        log.info("stopped", signal=stop.signal, tried=tried)
        return INTERRUPTED if stop.signal == signal.SIGINT else 0


def new_secret() -> bytes:
    """What nobody can guess, for a token."""
    return token_bytes(SECRET_BYTES)


def serve(config: Config, log: Log) -> int:
    """Serve the API until a signal comes; the exit code: 130 after SIGINT, else 0.

    Raises:
        DetectorError, AlertsError: in words for the person who started it.
    """
    from detector.serve import opened  # noqa: PLC0415 - nothing else needs a web server
    from detector.serve import serve as serve_until  # noqa: PLC0415

    with stopping() as stop, opened(config, now, log) as app:
        if not stop.signal:
            serve_until(app, config.api, log)
        log.info("stopped", signal=stop.signal)
        return INTERRUPTED if stop.signal == signal.SIGINT else 0


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


def replay(
    config: Config,
    tokens: Tokens,
    dead_letters: Path,
    watch: Callable[[Feed], None] | None = None,
    recorded: StateConfig | None = None,
    bundles: BundleFiles | None = None,
) -> Replayed:
    """Judge a log to its end, from the last checkpoint if state is kept; of a topic, each partition in turn.

    Args:
        config: the configuration; its source names the log.
        tokens: makes the pseudonyms.
        dead_letters: where rejected records go if no state is kept; of a topic's partitions, beside it.
        watch: called after every batch.
        recorded: the state of a live run, whose changes of context are met again where it met them; what the
            configuration says of a context is then left aside.
        bundles: judge instead of those of the registry, if there are any.

    Raises:
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    with ExitStack() as stack, stopping() as stop:
        setting = setting_of(config, tokens, recorded, stack, bundles)
        home, context = setting.home, setting.context
        feeds = [stack.enter_context(closing(feed)) for feed in feeds_of(setting, dead_letters)]
        for feed in feeds:
            _replay(feed, stop, arrived(config), watch)
        keepers = tuple(feed.keeper for feed in feeds)
        alerts = home.store.alerts() if home is not None else [alert for keeper in keepers for alert in keeper.alerts()]
        alerts.sort(key=lambda alert: (alert.opened_at, alert.alert_id))
        return Replayed(keepers, tuple(alerts), not stop.signal, context.complaints)


def export(
    config: Config,
    tokens: Tokens,
    order: "Order",
    recorded: StateConfig | None = None,
    watch: Callable[[Feed], None] | None = None,
) -> "Exported":
    """Replay a log and write what its shards see, judge and tell; nothing of a run that reads it as well is touched.

    Args:
        config: the configuration; its source names the log.
        tokens: makes the pseudonyms.
        order: what is wanted, and where.
        recorded: the state of a live run, as for ``replay``.
        watch: called after every batch.

    Raises:
        KeyboardInterrupt: a signal asked to stop; nothing is left of the export.
        StreamError, DetectorError, AlertsError: in words for the person who started it.
    """
    from detector.export.job import write  # noqa: PLC0415 - pyarrow need not be there

    with ExitStack() as stack, stopping() as stop:
        setting = replace(setting_of(config, tokens, recorded, stack), letters=NoLetters())

        def read(feed: Feed, enough: Callable[[], bool], step: Callable[[], int]) -> None:
            # A file that grows has no end but that there is nothing more at the moment.
            read_through(feed, lambda: stop.signal > 0 or enough(), step, watch, waits=not config.source.follow)
            if stop.signal:
                raise KeyboardInterrupt
            if not order.goes_on and not enough():
                feed.keeper.conclude(arrived(config))

        return write(order, setting, feeds_of(setting, Path(), order.shards), read)


def _replay(feed: Feed, stop: Stop, arrived: float, watch: Callable[[Feed], None] | None) -> None:
    read_through(feed, lambda: stop.signal > 0, lambda: feed.advance()[0], watch)
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
    map_large_arrays()
    with ExitStack() as stack, stopping() as stop:
        hand = _started(config, tokens, log, stop, stack)
        if hand is None:
            return INTERRUPTED if stop.signal == signal.SIGINT else 0
        live = Live(hand, config.run, out, log, time.monotonic, now)
        stack.enter_context(served(config.metrics, live.metrics.registry, live.alive, live.ready))
        log.info("started", source=config.source.kafka.topic if config.source.kafka.servers else "files")
        with _watched(live, log):
            while not stop.signal and not hand.finished:
                if not live.round() and not hand.finished:
                    time.sleep(IDLE_S)
            if stop.signal:
                live.settle()
            else:
                live.conclude(arrived(config))
        log.info(
            "stopped",
            signal=stop.signal,
            events=sum(keeper.shard.counts["events"] for keeper in hand.keepers),
            alerts=sum(keeper.shard.counts["alerts"] for keeper in hand.keepers),
        )
        return INTERRUPTED if stop.signal == signal.SIGINT else 0


@contextmanager
def _watched(live: Live, log: Log) -> Iterator[None]:
    """End the process when a step hangs, such as a call to a client that never returns; nothing committed is lost."""
    over = Event()

    def watch() -> None:
        while not over.wait(1.0):
            if wrong := live.alive():
                log.warning("hanging, so this process ends", why=wrong)
                os._exit(HUNG)

    thread = Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _started(config: Config, tokens: Tokens, log: Log, stop: Stop, stack: ExitStack) -> "Feed | Worker | None":
    """What reads, opened; after a failure once more, for as long as the configuration says; None after a signal."""
    until, pause = time.monotonic() + config.run.start_s, PAUSE_S
    while not stop.signal:
        with ExitStack() as opened:
            try:
                hand = _hand(config, tokens, opened)
            except (StreamError, StoreError) as error:
                if time.monotonic() + pause > until:
                    raise
                log.warning("cannot start yet", why=str(error), again_in_s=pause)
            else:
                stack.enter_context(opened.pop_all())
                return hand
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return None


def _hand(config: Config, tokens: Tokens, stack: ExitStack) -> "Feed | Worker":
    home = stack.enter_context(closing(Home(config.state)))
    context = present_context(config, tokens, home.store)
    setting = Setting(config, tokens, context, home, time.monotonic, receivers=(DESK,))
    lookout = _lookout(config, tokens, home.store, context)
    if not config.source.kafka.servers:
        return stack.enter_context(closing(Feed(config, Keeper(setting, SHARD), lookout=lookout)))
    # The client takes a seventh of a second to import, which a log of files should not pay.
    from detector.outlet import BODIES, RECEIVER, Outlet  # noqa: PLC0415
    from detector.worker import Worker  # noqa: PLC0415
    from streams.kafka import LetterWriter, TopicWriter  # noqa: PLC0415

    kafka, topics = config.source.kafka.client(), config.topics
    outlet = None
    if topics.dead_letters:
        letters = stack.enter_context(closing(LetterWriter(kafka, topics.dead_letters)))
        setting = replace(setting, letters=letters)
    if topics.alerts:
        writer = TopicWriter[Delivery](kafka, topics.alerts)
        outlet = stack.enter_context(closing(Outlet(home.store, writer, BODIES[topics.alerts_format])))
        setting = replace(setting, receivers=(DESK, RECEIVER))
    return stack.enter_context(closing(Worker(setting, kafka, time.sleep, outlet, lookout)))


def _lookout(config: Config, tokens: Tokens, store: Store, first: Context) -> Lookout:
    """Looks again at the context's topic, at verdicts and at bundles; files are read at the start alone."""

    def read() -> Context:
        return present_context(config, tokens, store, lookout.context)

    lookout = Lookout(read, first, config.context.refresh_s, time.monotonic)
    return lookout


@contextmanager
def stopping() -> Iterator[Stop]:
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


def arrived(config: Config) -> float:
    """When the input is known to have existed: its files' newest time, or now for standard input and Kafka."""
    paths = [Path(name) for name in config.source.paths]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    times = [file.stat().st_mtime for file in files if file.is_file()]
    return max(times, default=datetime.now(UTC).timestamp())
