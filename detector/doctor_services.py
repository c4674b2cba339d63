"""What `innerwatch doctor` looks at around this machine: database, bundles, broker, receivers, its own ports."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from alerts.bundles import SHORT
from alerts.database import Database
from alerts.errors import ReceiverError, StoreError
from alerts.place import database_url
from alerts.schema import require_current, version_of
from detector.bundles import OLDEST_DAYS, present_bundles, trained_at
from detector.calendar import DAY_S
from detector.config import MetricsConfig
from detector.deliver import open_named
from detector.errors import CheckpointError, MetricsError
from detector.examination import Check, Grade, Patient
from detector.home import Home, database_of
from detector.probe import probed
from detector.topics import described_topics

CONNECT_S: Final = 5.0
APART_S: Final = 5.0
"""Clocks may differ by so much: what a slow answer makes, and a little more."""


def look_at_database(patient: Patient) -> Iterator[Check]:
    """The database answers, its schema is this release's, and its clock is ours."""
    state = patient.config.state
    if not state.kept:
        return
    place = database_of(state, must_exist=False)
    url = database_url(place)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield Check("database", Grade.OK, f"{url.database}: not there yet; the first run makes it")
        return
    with closing(Database(place, state.password_file, read_only=True)) as database:
        version = version_of(database)
        if version is None:
            yield Check("database", Grade.OK, f"{database.place}: empty; the first run makes its tables")
        else:
            require_current(version, database.place)
            yield Check("database", Grade.OK, f"{database.place}: schema version {version}")
        clock = database.clock()
        if clock is None:
            return
        ahead = clock - patient.now()
        how = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        if abs(ahead) > APART_S:
            yield Check("database", Grade.WARN, f"its clock is {how}; let both follow one time server")
        else:
            yield Check("database", Grade.OK, f"its clock is {how}")


def look_at_bundles(patient: Patient) -> Iterator[Check]:
    """The present champion and challenger can be taken here; what is wrong with the database is not told again."""
    state = patient.config.state
    if not state.kept:
        return
    try:
        home = Home(state, read_only=True)
    except (CheckpointError, StoreError):
        return
    with closing(home):
        champion, challenger, refused = present_bundles(home.store, patient.config.bundles, None)
    for role, one in (("champion", champion), ("challenger", challenger)):
        if one is not None:
            days = (patient.now() - trained_at(one.manifest.created_at)) / DAY_S
            words = f"{role}: {one.manifest.name} ({one.digest[:SHORT]}), trained {days:.0f} days ago"
            old = role == "champion" and days > OLDEST_DAYS
            yield Check("bundles", Grade.WARN, f"{words}; train anew") if old else Check("bundles", Grade.OK, words)
    for words in refused:
        yield Check("bundles", Grade.WARN, words)


def look_at_broker(patient: Patient) -> Iterator[Check]:
    """The brokers answer, and their topics lose nothing."""
    servers = patient.config.source.kafka.servers
    if not servers:
        return
    if not any(map(_listens, servers)):
        words = f"no Kafka server answers at {', '.join(servers)}; check source.kafka and the way there"
        yield Check("broker", Grade.FAIL, words)
        return
    for name, topic, faults in described_topics(patient.config):
        yield from (Check("broker", Grade.FAIL if one.grave else Grade.WARN, f"{name}: {one.words}") for one in faults)
        if topic is not None and not faults:
            yield Check("broker", Grade.OK, str(topic))


def _listens(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S):
            return True
    except OSError:
        return False


def look_at_receivers(patient: Patient) -> Iterator[Check]:
    """Each receiver can be opened and reached; it is told nothing."""
    for name in patient.config.delivery.receivers:
        try:
            with closing(open_named(patient.config, name)) as receiver:
                why = receiver.reach()
        except ReceiverError as error:
            yield Check("receivers", Grade.FAIL, str(error))
            continue
        if why:
            words = f"{name} cannot be reached ({why}); check delivery.receivers.{name} and the way there"
            yield Check("receivers", Grade.FAIL, words)
        else:
            yield Check("receivers", Grade.OK, f"{name} can be reached; innerwatch receivers test {name} tells it")


def look_at_ports(patient: Patient) -> Iterator[Check]:
    """The ports of the metrics are free, or this program's own; delivery's where there is somebody to tell."""
    metrics = patient.config.metrics
    if metrics.enabled and metrics.port:
        yield _port(metrics, "port")
    if metrics.enabled and metrics.deliver_port and patient.config.delivery.receivers:
        yield _port(metrics.model_copy(update={"port": metrics.deliver_port}), "deliver_port")


def _port(metrics: MetricsConfig, key: str) -> Check:
    place = f"metrics.{key} {metrics.port} on {metrics.host}"
    if _free(metrics.host, metrics.port):
        return Check("metrics", Grade.OK, f"{place} is free")
    try:
        wrong = probed(metrics, "livez")
    except MetricsError:
        return Check("metrics", Grade.FAIL, f"{place} is taken by another program; give another one")
    words = f"{place} is that of a process of innerwatch"
    return Check("metrics", Grade.WARN if wrong else Grade.OK, f"{words}, which says: {wrong or 'ok'}")


def _free(host: str, port: int) -> bool:
    family = socket.getaddrinfo(host, port)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
