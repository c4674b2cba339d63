"""Looking things up that a replay or a run left behind, without disturbing it."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from alerts.alert import Alert
from alerts.contents import Contents
from alerts.database import Database
from alerts.lines import read_alerts
from alerts.schema import upgrade
from alerts.store import Store
from detector.checkpoint import SUFFIX, file_url, open_store, read_latest
from detector.config import Config, StateConfig
from detector.context import read_context
from detector.errors import CheckpointError, NotFoundError
from detector.shard import SHARD, Known, Shard
from detector.snapshot import State
from detector.state import unpacked_values
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
    with _store(config) as store:
        return store.alert(alert_id)


def known_in_state(config: StateConfig) -> Mapping[str, Known]:
    """Who is behind the pseudonyms of a state's alerts."""
    return msgspec.convert(unpacked_values(_state(config)["shard"])["known"], dict[str, Known])


def contents_of(config: StateConfig) -> Contents:
    """What is in the database of a state; a look at every row comes before."""
    with _store(config) as store:
        return store.contents()


def upgraded(config: StateConfig) -> tuple[str, str | None, str]:
    """Bring the database of a state up to date: where it is, its version before, None if empty, and after."""
    url = config.database or file_url(config.folder or Path(), must_exist=True)
    with closing(Database(url, config.password_file)) as database:
        return database.place, *upgrade(database)


def resting_shard(config: Config, tokens: Tokens) -> Shard:
    """The shard as the state folder of the configuration has it; without a folder, one that knows nothing.

    Raises:
        CheckpointError: the folder holds no state, or a damaged one.
    """
    shard = Shard(config, read_context(config, tokens), tokens, lambda _: None)
    if config.state.folder is not None:
        shard.restore(_state(config.state))
    return shard


def has_state(folder: Path) -> bool:
    """Whether a replay or run has committed anything in this folder."""
    return any(folder.glob(f"*{SUFFIX}"))


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
        lines.append(f"source: {kafka.topic}-{kafka.partition} at {', '.join(kafka.servers)} ({config.source.mapping})")
    for key in ("roster", "assignments", "honey", "vips"):
        path = getattr(config.context, key)
        if path is not None and not path.is_file():
            raise SourceError(f"context.{key}: {path}: no such file; check the path")
        lines.append(f"{key}: {path or 'none'}")
    return lines


@contextmanager
def _store(config: StateConfig) -> Iterator[Store]:
    with closing(open_store(config.folder or Path(), config.database, config.password_file)) as store:
        yield store


def _state(config: StateConfig) -> State:
    folder = config.folder or Path()
    with _store(config) as store:
        saved = read_latest(folder, store.checkpoint(SHARD))
    if saved is None:
        raise CheckpointError(f"{folder}: nothing was committed yet; let a replay or run get further")
    return saved.state
