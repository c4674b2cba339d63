"""Looking things up that a replay or a run left behind, without disturbing it."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from alerts.alert import Alert
from alerts.contents import Contents
from alerts.database import Database
from alerts.lines import read_alerts
from alerts.schema import upgrade
from detector.config import Config, StateConfig
from detector.context import read_context
from detector.errors import CheckpointError, NotFoundError
from detector.home import Home, database_of
from detector.shard import SHARD, Known, Shard
from detector.state import unpacked_values
from detector.trail import History
from streams import SourceError, Tokens


def alert_in_file(path: Path, alert_id: str) -> Alert:
    """The alert of a file whose id is, or alone begins with, ``alert_id``.

    Raises:
        NotFoundError: there is none, or more than one.
        LinesError: the file cannot be read.
    """
    found = [alert for alert in read_alerts(path) if alert_id and alert.alert_id.startswith(alert_id.lower())]
    if len(found) != 1:
        how_many = "no alert begins" if not found else f"{len(found)} alerts begin"
        raise NotFoundError(f"{path}: {how_many} with {alert_id!r}; give an id of this file, or more of it")
    return found[0]


def alert_in_state(config: StateConfig, alert_id: str) -> Alert:
    """The alert of a state whose id is, or alone begins with, ``alert_id``."""
    with closing(Home(config, read_only=True)) as home:
        return home.store.alert(alert_id)


def known_in_state(config: StateConfig) -> Mapping[str, Known]:
    """Who is behind the pseudonyms of a state's alerts."""
    known: dict[str, Known] = {}
    with closing(Home(config, read_only=True)) as home:
        for shard in home.store.shards():
            known |= msgspec.convert(unpacked_values(home.saved(shard).state["shard"])["known"], dict[str, Known])
    return known


def contents_of(config: StateConfig) -> Contents:
    """What is in the database of a state; a look at every row comes before."""
    with closing(Home(config, read_only=True)) as home:
        return home.store.contents()


def upgraded(config: StateConfig) -> tuple[str, str | None, str]:
    """Bring the database of a state up to date: where it is, its version before, None if empty, and after."""
    with closing(Database(database_of(config, must_exist=True), config.password_file)) as database:
        return database.place, *upgrade(database)


def resting_shards(config: Config, tokens: Tokens) -> list[Shard]:
    """The shards as the state of the configuration has them, without bundles; without a state one that knows nothing.

    Raises:
        CheckpointError: there is no state, or a damaged one.
    """
    if not config.state.kept:
        return [Shard(SHARD, config, read_context(config, tokens), tokens, lambda _: None)]
    shards = []
    with closing(Home(config.state, read_only=True)) as home:
        history = History(home.store, config, tokens)
        for name in home.store.shards():
            state = home.saved(name).state
            digest = unpacked_values(state["feed"]).get("context", "")
            context = history.without_bundles(digest) if digest else read_context(config, tokens)
            shard = Shard(name, config, context, tokens, lambda _: None)
            shard.restore(state)
            shards.append(shard)
    return shards


def has_state(config: StateConfig) -> bool:
    """Whether a replay or run has committed anything there."""
    try:
        with closing(Home(config, read_only=True)) as home:
            return bool(home.store.shards())
    except CheckpointError:
        return False


def checked_files(config: Config) -> list[str]:
    """A line for each file that the configuration names.

    Raises:
        SourceError: a path of the source is missing.
    """
    lines = []
    for name in config.source.paths:
        if name != "-" and not Path(name).exists():
            raise SourceError(f"source.paths: {name}: no such file or folder; check the path")
        lines.append(f"source: {name} ({config.source.mapping})")
    kafka = config.source.kafka
    if kafka.servers:
        lines.append(f"source: {kafka.topic} at {', '.join(kafka.servers)} ({config.source.mapping})")
    if config.context.topic:
        return [*lines, f"context: {config.context.topic} at {', '.join(kafka.servers)}"]
    for key in ("roster", "assignments", "honey", "vips"):
        path = getattr(config.context, key)
        if path is not None and not path.is_file():
            raise SourceError(f"context.{key}: {path}: no such file; check the path")
        lines.append(f"{key}: {path or 'none'}")
    return lines
