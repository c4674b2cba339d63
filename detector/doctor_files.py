"""What `innerwatch doctor` looks at on this machine: key, secrets, certificates, state, source and context."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from alerts.place import database_url
from detector.context import read_context
from detector.errors import CheckpointError
from detector.examination import Check, Grade, Patient, named_files
from detector.home import Home
from detector.snapshots import SUFFIX
from streams import OTHERS, Tokens, load_key

DAY_S: Final = 86_400.0
RENEW_DAYS: Final = 30
OLD_DAYS: Final = 30
ROOM: Final = 10
"""So many times what the newest snapshots take should be free."""
PUBLIC: Final = ("ca_file", "certificate_file")
"""What the keys of files end with that hold no secret."""


def look_at_key(patient: Patient) -> Iterator[Check]:
    """The key is there, of the right length, and nobody else's to read."""
    key = patient.key
    if key.exists():
        load_key(key)
        yield Check("key", Grade.OK, f"{key}: {_mode(key)}; keep a copy of it apart from backups of the state")
    elif _snapshots(patient):
        yield Check("key", Grade.FAIL, f"{key}: not there, but there is state made with it; restore it from its backup")
    else:
        yield Check("key", Grade.WARN, f"{key}: not there yet; the first run makes it, then keep a copy of it")


def look_at_secrets(patient: Patient) -> Iterator[Check]:
    """Files of passwords, tokens and keys can be read, and not by others."""
    for name, path in named_files(patient.config):
        if name.endswith(PUBLIC) or path == patient.key:
            continue
        if not os.access(path, os.R_OK):
            why = "may not be read by this user" if path.exists() else "not there"
            yield Check("secrets", Grade.FAIL, f"{name}: {path}: {why}; give a file with the secret alone")
        elif path.stat().st_mode & OTHERS:
            yield Check("secrets", Grade.FAIL, f"{name}: {path}: others can reach it ({_mode(path)}); run chmod 600")
        else:
            yield Check("secrets", Grade.OK, f"{name}: {path}: {_mode(path)}")


def look_at_certificates(patient: Patient) -> Iterator[Check]:
    """Certificates are valid for a while yet."""
    found = [(name, path) for name, path in named_files(patient.config) if name.endswith(PUBLIC)]
    if patient.config.state.database is not None:
        query = database_url(patient.config.state.database).query
        options = [(option, query.get(option)) for option in ("sslcert", "sslrootcert")]
        found += [(f"state.database {option}", Path(str(value))) for option, value in options if value is not None]
    for name, path in found:
        if str(path) != "system":  # libpq's word for the system's authorities
            yield _certificate(name, path, patient.now())


def _certificate(name: str, path: Path, now: float) -> Check:
    try:
        ends = [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "holds no certificate"
        return Check("certificates", Grade.FAIL, f"{name}: {path}: {why}; give a file in PEM")
    # Of a chain every one must be valid, of several authorities one is enough.
    end = max(ends) if name.endswith(("ca_file", "sslrootcert")) else min(ends)
    days = (end.timestamp() - now) / DAY_S
    words = f"{name}: {path}: valid until {end:%Y-%m-%d}"
    if days < 0:
        return Check("certificates", Grade.FAIL, f"{words}, which is over; renew it")
    if days < RENEW_DAYS:
        return Check("certificates", Grade.WARN, f"{words}, {days:.0f} days from now; renew it")
    return Check("certificates", Grade.OK, words)


def look_at_state(patient: Patient) -> Iterator[Check]:
    """The state folder can be written, by its owner alone, and has room."""
    state = patient.config.state
    if not state.kept:
        words = "no state is kept, which innerwatch run needs; set state.folder or state.database"
        yield Check("state", Grade.FAIL, words)
    if state.folder is None:
        return
    folder = state.folder
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        words = f"{folder}: {nearest} is no folder that this user may write; make one, or give another state.folder"
        yield Check("state", Grade.FAIL, words)
        return
    if folder.exists() and folder.stat().st_mode & 0o077:
        yield Check("state", Grade.WARN, f"{folder}: others can reach it ({_mode(folder)}); run chmod 700 on it")
    yield _room(patient, folder, nearest)


def _room(patient: Patient, folder: Path, place: Path) -> Check:
    free, needed = shutil.disk_usage(place).free, sum(_snapshots(patient))
    words = f"{folder}: {_size(free)} free, the newest snapshots take {_size(needed)}"
    if free < needed:
        return Check("state", Grade.FAIL, f"{words}; make room, the next checkpoint does not fit")
    if free < ROOM * needed:
        return Check("state", Grade.WARN, f"{words}; make room soon, {ROOM} times as much is comfortable")
    return Check("state", Grade.OK, words)


def look_at_snapshots(patient: Patient) -> Iterator[Check]:
    """What each shard goes on from is whole."""
    state = patient.config.state
    if state.folder is None or not _snapshots(patient):
        return
    with closing(Home(state, read_only=True)) as home:
        for shard in home.store.shards():
            if home.store.checkpoint(shard) is None:
                continue
            try:
                saved = home.saved(shard)
            except CheckpointError as error:
                yield Check("snapshots", Grade.FAIL, f"shard {shard}: {error}")
                continue
            words = f"shard {shard}: whole, read up to {saved.position or 'the beginning'}"
            if saved.fallback:
                words = f"shard {shard}: the newest is damaged, a run goes on from the one before; check the disk"
            yield Check("snapshots", Grade.WARN if saved.fallback else Grade.OK, words)


def look_at_source(patient: Patient) -> Iterator[Check]:
    """The files of events are there and can be read."""
    source = patient.config.source
    if not source.paths and not source.kafka.servers:
        yield Check("source", Grade.FAIL, "nothing is read; set source.paths or source.kafka.servers")
    for name in source.paths:
        if name == "-" or os.access(name, os.R_OK):
            yield Check("source", Grade.OK, f"{name} ({source.mapping})")
        else:
            why = "may not be read by this user" if Path(name).exists() else "not there"
            yield Check("source", Grade.FAIL, f"source.paths: {name}: {why}; check the path and its rights")


def look_at_context(patient: Patient) -> Iterator[Check]:
    """What is known beside the events can be understood, and is not old."""
    config = patient.config.context
    context = read_context(patient.config, Tokens(bytes(32)))  # any key will do: nothing is compared or kept
    people, planted = len(context.roster), len(context.honey)
    yield Check("context", Grade.OK, f"{people:,} people, {planted:,} planted records")
    for complaint in context.complaints:
        yield Check("context", Grade.WARN, complaint)
    for name, path in (("roster", config.roster), ("assignments", config.assignments)):
        if path is None:
            continue
        changed = path.stat().st_mtime
        days = (patient.now() - changed) / DAY_S
        words = f"context.{name}: {path}: last changed on {datetime.fromtimestamp(changed, UTC):%Y-%m-%d}"
        old = days > OLD_DAYS
        yield Check("context", Grade.WARN if old else Grade.OK, words + ("; is it still exported?" if old else ""))


def _snapshots(patient: Patient) -> list[int]:
    """Bytes of the largest snapshot of each shard in the state folder."""
    sizes: dict[Path, int] = {}
    if patient.config.state.folder is not None:
        for path in patient.config.state.folder.rglob(f"[0-9]*{SUFFIX}"):
            sizes[path.parent] = max(sizes.get(path.parent, 0), path.stat().st_size)
    return list(sizes.values())


def _mode(path: Path) -> str:
    return f"mode {path.stat().st_mode & 0o777:04o}"


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(12_345_678), _size(0)
    ('12.3 MB', '0.0 MB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
