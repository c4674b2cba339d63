"""A log that is judged again from its beginning: what its shards have in common, their feeds, and how one is read."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from detector.bundles import BundleFiles
from detector.config import Config, StateConfig, without_context
from detector.context import present_context
from detector.errors import ConfigError
from detector.feed import Feed
from detector.home import Home
from detector.keeper import Keeper, Setting
from detector.shard import SHARD, partition_shard
from detector.trail import History
from streams import Rejected, Tokens

IDLE_S: Final = 0.2


class NoLetters:
    """Keeps no rejected records: they are kept by whoever runs the detector."""

    def write(self, rejected: Rejected) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """There is nothing to wait for."""


def setting_of(
    config: Config,
    tokens: Tokens,
    recorded: StateConfig | None,
    stack: ExitStack,
    bundles: BundleFiles | None = None,
) -> Setting:
    """What the shards of a replay have in common.

    Args:
        config: the configuration.
        tokens: of the key of this installation.
        recorded: the state of a run whose contexts are met again.
        stack: closes what is opened.
        bundles: judge instead of those of the registry.

    Raises:
        ConfigError: bundles are named, and a run whose own are to be met again.
    """
    if recorded is not None and bundles is not None:
        raise ConfigError("a run that is repeated goes by its own bundles; name either bundles or that run")
    home = stack.enter_context(closing(Home(config.state))) if config.state.kept else None
    history = None
    if recorded is not None:
        store = stack.enter_context(closing(Home(recorded, read_only=True))).store
        history = History(store, config, tokens)
    known = home.store if home is not None and history is None else None
    context = present_context(config if history is None else without_context(config), tokens, known)
    if bundles is not None:
        champion, challenger = bundles.opened(config.bundles)
        context = replace(context, champion=champion, challenger=challenger)
    return Setting(config, tokens, context, home, history=history, adopts=history is None)


def feeds_of(setting: Setting, dead_letters: Path, only: Sequence[str] = ()) -> Iterator[Feed]:
    """A feed for each shard, or for those of some names, opened when it is asked for.

    Raises:
        ConfigError: there is no shard of such a name.
    """
    kafka = setting.config.source.kafka
    names, places = [SHARD], [dead_letters]
    if kafka.servers:
        from streams.kafka import count_partitions  # noqa: PLC0415 - see KafkaSourceConfig.client

        count = count_partitions(kafka.client())
        names = [partition_shard(kafka.topic, partition, count) for partition in range(count)]
        if count > 1:
            places = [dead_letters.with_name(f"{dead_letters.name}.{name}") for name in names]
    if unknown := sorted(set(only) - set(names)):
        raise ConfigError(f"there is no shard {unknown[0]!r} here; the shards are {', '.join(names)}")
    for partition, (name, place) in enumerate(zip(names, places, strict=True)):
        if not only or name in only:
            yield Feed(setting.config, Keeper(setting, name, place), partition)


def read_through(
    feed: Feed,
    enough: Callable[[], bool],
    step: Callable[[], int],
    watch: Callable[[Feed], None] | None,
    *,
    waits: bool = True,
) -> None:
    """Read a log to its end by steps that give how many records there were, until it is enough.

    Where there are none and the log has not ended, it waits for more, or not.
    """
    while not feed.finished and not enough():
        if not step() and not feed.finished:
            if not waits:
                return
            time.sleep(IDLE_S)
        if watch is not None:
            watch(feed)
