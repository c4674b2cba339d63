"""Looking things up that a replay or a run left behind, without disturbing it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from alerts.alert import Alert
from alerts.contents import Contents
from alerts.database import Database
from alerts.lines import read_alerts
from alerts.schema import upgrade
from detector.bundles import champion_trained
from detector.config import Config, StateConfig
from detector.context import read_context
from detector.drift_report import Report, Training, report_of
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


class Shadowed(msgspec.Struct, frozen=True):
    """What a challenger has been worth so far in one shard: episodes that it and the champion would have opened.

    `days` are closed days; `both` episodes opened on the same day, `champion` and `challenger` those of one alone.
    """

    shard: str
    days: int
    both: int
    champion: int
    challenger: int


def shadowed_in_state(config: StateConfig, digest: str) -> list[Shadowed]:
    """What the challenger of this digest has been worth, by shards that go by it."""
    found = []
    with closing(Home(config, read_only=True)) as home:
        for shard in home.store.shards():
            packed = home.saved(shard).state.get("engine/shadow/own")
            if packed is None:  # from before there was a shadow
                continue
            challenger, days, both, alone, _ = unpacked_values(packed)
            if challenger == digest:
                found.append(Shadowed(shard, days, both, alone["champion"], alone["challenger"]))
    return found


def contents_of(config: StateConfig) -> Contents:
    """What is in the database of a state; a look at every row comes before."""
    with closing(Home(config, read_only=True)) as home:
        return home.store.contents()


def upgraded(config: StateConfig) -> tuple[str, str | None, str]:
    """Bring the database of a state up to date: where it is, its version before, None if empty, and after."""
    with closing(Database(database_of(config, must_exist=True), config.password_file)) as database:
        return database.place, *upgrade(database)


def resting_shards(config: Config, tokens: Tokens, only: Sequence[str] = ()) -> list[Shard]:
    """The shards of a state, or ``only`` some, without bundles; where no state is kept, one that knows nothing.

    Raises:
        NotFoundError: one of ``only`` is not there.
        CheckpointError: there is no state, or a damaged one.
    """
    if not config.state.kept:
        return [Shard(SHARD, config, read_context(config, tokens), tokens, lambda _: None)]
    shards = []
    with closing(Home(config.state, read_only=True)) as home:
        history = History(home.store, config, tokens)
        names = home.store.shards()
        if unknown := sorted(set(only) - set(names)):
            raise NotFoundError(f"{', '.join(unknown)}: no such shard; there are {', '.join(names)}")
        for name in only or names:
            state = home.saved(name).state
            digest = unpacked_values(state["feed"]).get("context", "")
            context = history.without_bundles(digest) if digest else read_context(config, tokens)
            shard = Shard(name, config, context, tokens, lambda _: None)
            shard.restore(state)
            shards.append(shard)
    return shards


def drift_in_state(config: Config, tokens: Tokens, only: Sequence[str], now: float) -> Report:
    """What has drifted in the shards of a state, or ``only`` some, at `now`, Unix seconds.

    Raises:
        CheckpointError, NotFoundError: there is no state or no such shard, or it is damaged.
    """
    with closing(Home(config.state, read_only=True)) as home:
        training = Training(now, home.store.labels(), champion_trained(home.store.bundle_book()))
    return report_of(resting_shards(config, tokens, only), training)


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
