"""The database of alerts and checkpoints: written together or not at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from alerts import bundles, contexts, feedback, labels, outbox, schema, sqlite, tables
from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.contents import Contents, contents
from alerts.contexts import ContextChange
from alerts.database import Database
from alerts.errors import (
    AmbiguousAlertError,
    StaleOwnerError,
    StoreError,
    UnknownAlertError,
    UnknownBundleError,
    UnknownContextError,
    UnknownSnapshotError,
)
from alerts.outbox import Delivery


class Store:
    """Alerts and checkpoints in the database at an SQLAlchemy URL.

    `sqlite:///folder/file` makes the file; one process at a time may own shards of it. `postgresql://` serves
    owners in many processes and hosts; its password is the first line of `password_file`, never in the URL.
    An empty database gets its tables when it is opened for writing.

    One store is one connection, for one call at a time. The owner of a shard acquires it and then commits; anyone
    else opens the store `read_only`, which never disturbs the owner. Every method raises StoreError, naming
    the database, when that is full, damaged, gone or refuses; the transaction then did not happen and the
    store can be used again. UnavailableError, its subclass, says that the database is away or busy: whether
    the transaction happened is not known, and doing the same again is harmless.

    Raises:
        StoreError: the URL is none or holds a password, the database is not a store or is of another
        version, or is not there and `read_only` forbids to make it.
    """

    def __init__(self, url: str, password_file: Path | None = None, *, read_only: bool = False) -> None:
        self._epochs: dict[str, int] = {}  # of the shards that this store acquired
        self._database = Database(url, password_file, read_only=read_only)
        self._transaction = self._database.transaction
        self._place = self._database.place
        try:
            if self._database.is_sqlite and not read_only:
                self._require_sound()
            schema.prepare(self._database)
        except BaseException:
            self.close()
            raise

    def acquire(self, shard: str) -> int:
        """Become the owner of a shard, former owners are out; its epoch goes into every checkpoint.

        Of several that acquire at once, each gets an epoch of its own, and the highest is the owner.
        """
        with self._transaction() as connection:
            epoch = int(connection.execute(tables.ACQUIRE, {"shard": shard}).scalar_one())
            if self._database.is_sqlite:
                sqlite.begin_checkpointing(connection)
        self._epochs[shard] = epoch
        return epoch

    def commit(
        self,
        shard: str,
        checkpoint: Checkpoint,
        alerts: Sequence[Alert],
        receivers: Sequence[str] = (),
        changes: Sequence[ContextChange] = (),
    ) -> None:
        """Write the shard's checkpoint and the alerts in one transaction; on disk when this returns.

        With them go the `changes` of context that this checkpoint's state has met and no checkpoint before it.
        Committing the same again changes nothing. An alert's revision grows by one each time its body
        changes, and each time it begins to wait in the outbox of every receiver; a body older than the stored
        one (by `updated_at`, then `risk`) is passed over.

        Raises:
            StaleOwnerError: the checkpoint's epoch is not the shard's latest; nothing was written.
        """
        row = tables.checkpoints
        fields = msgspec.structs.asdict(checkpoint)
        fields["counters"] = _json(checkpoint.counters)
        with self._transaction() as connection:
            self._require_owner(connection, shard, checkpoint.epoch)
            for alert in alerts:
                body = _json(alert)
                revision = _upsert(connection, alert, body)
                if revision is not None:
                    outbox.enqueue(connection, receivers, shard, alert, revision, body)
            contexts.record(connection, shard, changes)
            connection.execute(sa.update(row).where(row.c.shard == shard).values(fields))

    def checkpoint(self, shard: str) -> Checkpoint | None:
        """The shard's last committed checkpoint, or None when it has none."""
        row = tables.checkpoints
        with self._transaction() as connection:
            found = connection.execute(sa.select(row).where(row.c.shard == shard)).mappings().one_or_none()
        if found is None or found["position"] is None:
            return None
        try:
            return Checkpoint(
                position=found["position"],
                snapshot=found["snapshot"],
                sha256=found["sha256"],
                counters=msgspec.json.decode(found["counters"], type=dict[str, int]),
                epoch=found["epoch"],
                former=found["former"],
            )
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StoreError(
                f"{self._place}: checkpoint of {shard!r} is damaged ({error}); restore a backup"
            ) from error

    def shards(self) -> list[str]:
        """The names of the shards that have a checkpoint."""
        row = tables.checkpoints
        committed = sa.select(row.c.shard).where(row.c.position.is_not(None)).order_by(row.c.shard)
        with self._transaction() as connection:
            return list(connection.scalars(committed))

    def alerts(
        self, *, actor: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Alert]:
        """The alerts by `opened_at`, then id: of one actor, opened from `since` on and before `until`."""
        row = tables.alerts
        query = sa.select(row.c.alert_id, row.c.body).order_by(row.c.opened_at, row.c.alert_id)
        if actor is not None:
            query = query.where(row.c.actor == actor)
        if since is not None:
            query = query.where(row.c.opened_at >= tables.time_text(since))
        if until is not None:
            query = query.where(row.c.opened_at < tables.time_text(until))
        with self._transaction() as connection:
            found = connection.execute(query).all()
        return [self._alert(body, alert_id) for alert_id, body in found]

    def alert(self, alert_id: str) -> Alert:
        """The alert whose id is, or alone begins with, `alert_id`; upper and lower case are the same.

        Raises:
            UnknownAlertError: no id begins so.
            AmbiguousAlertError: several do.
        """
        row = tables.alerts
        matches = row.c.alert_id.startswith(alert_id.lower(), autoescape=True)
        query = sa.select(row.c.alert_id, row.c.body).where(matches).order_by(row.c.alert_id).limit(3)
        with self._transaction() as connection:
            found = connection.execute(query).all() if alert_id else []
        if not found:
            raise UnknownAlertError(f"{self._place}: no alert begins with {alert_id!r}; list the alerts for their ids")
        if len(found) > 1:
            some = ", ".join(found_id for found_id, _ in found[:2])
            raise AmbiguousAlertError(
                f"{self._place}: several alerts begin with {alert_id!r} ({some}); give more of it"
            )
        return self._alert(found[0].body, found[0].alert_id)

    def put_snapshot(self, shard: str, name: str, body: bytes) -> None:
        """Keep a snapshot of a shard that this store acquired, in a transaction of its own; on disk afterwards.

        It is written before the commit that names it, and takes the place of one of the same name. The owner
        alone may, or a former one could overwrite what the newer one's checkpoint names.

        Raises:
            StaleOwnerError: the shard has a newer owner, or this store never acquired it.
        """
        row = tables.snapshots
        with self._transaction() as connection:
            self._require_owner(connection, shard, self._epochs.get(shard))
            connection.execute(sa.delete(row).where(row.c.shard == shard, row.c.name == name))
            connection.execute(sa.insert(row).values(shard=shard, name=name, body=body))

    def snapshot(self, shard: str, name: str) -> bytes:
        """The snapshot of a shard that was put under this name.

        Raises:
            UnknownSnapshotError: there is none.
        """
        row = tables.snapshots
        query = sa.select(row.c.body).where(row.c.shard == shard, row.c.name == name)
        with self._transaction() as connection:
            body = connection.execute(query).scalar()
        if body is None:
            raise UnknownSnapshotError(
                f"{self._place}: no snapshot {name!r} of shard {shard!r}; restore a backup, or begin the shard anew"
            )
        return bytes(body)

    def snapshot_names(self, shard: str) -> list[str]:
        """The names of the shard's snapshots, in order."""
        row = tables.snapshots
        with self._transaction() as connection:
            return list(connection.scalars(sa.select(row.c.name).where(row.c.shard == shard).order_by(row.c.name)))

    def drop_snapshots(self, shard: str, before: str) -> None:
        """Delete the shard's snapshots whose names sort before `before`; names sort in the order of time.

        Raises:
            StaleOwnerError: as in `put_snapshot`.
        """
        row = tables.snapshots
        with self._transaction() as connection:
            self._require_owner(connection, shard, self._epochs.get(shard))
            connection.execute(sa.delete(row).where(row.c.shard == shard, row.c.name < before))

    def context_changes(self, shard: str, above: int = 0) -> list[ContextChange]:
        """The shard's changes of context whose number is above this one, in order, without their bodies."""
        with self._transaction() as connection:
            return contexts.recorded(connection, shard, above)

    def context(self, digest: str) -> bytes:
        """The body of the context of this digest.

        Raises:
            UnknownContextError: there is none.
        """
        with self._transaction() as connection:
            body = contexts.body_of(connection, digest)
        if body is None:
            raise UnknownContextError(
                f"{self._place}: no context {digest[:12]}, by which a shard was judged; restore a backup"
            )
        return body

    def feedback(self) -> list[feedback.Feedback]:
        """What verdicts say to the detector and nobody has taken back, in order."""
        with self._transaction() as connection:
            return feedback.given(connection)

    def bundle_roles(self) -> bundles.Roles:
        """Which bundles are champion and challenger now."""
        with self._transaction() as connection:
            return bundles.roles_of(bundles.acts_of(connection))

    def bundle_book(self) -> bundles.Book:
        """All of the registry but the bytes of bundles."""
        with self._transaction() as connection:
            return bundles.book_of(connection)

    def bundle(self, digest: str) -> bytes:
        """The bytes of the bundle of this digest.

        Raises:
            UnknownBundleError: there is none.
        """
        with self._transaction() as connection:
            body = bundles.body_of(connection, digest)
        if body is None:
            raise UnknownBundleError(
                f"{self._place}: no bundle {digest[: bundles.SHORT]}, by which a shard was judged; add it by "
                "innerwatch bundles add FILE"
            )
        return body

    def labels(self) -> list[labels.Label]:
        """Every verdict that was ever given on an alert, by when, then alert."""
        with self._transaction() as connection:
            return labels.labels(connection)

    def outbox(self, receiver: str, shard: str, limit: int) -> list[Delivery]:
        """At most `limit` alerts of a shard that wait for a receiver, the one that waited longest first."""
        with self._transaction() as connection:
            return outbox.waiting(connection, receiver, shard, limit)

    def delivered(self, deliveries: Sequence[Delivery]) -> None:
        """Take what was told out of the outbox; an alert that has changed since it was read goes on waiting."""
        with self._transaction() as connection:
            outbox.remove(connection, deliveries)

    def contents(self) -> Contents:
        """What is in the database, after a look at every row that can be damaged.

        Raises:
            StoreError: the file or a row is damaged.
        """
        if self._database.is_sqlite:
            self._require_sound()
        row = tables.alerts
        bodies = sa.select(row.c.body, row.c.alert_id).execution_options(yield_per=1000)
        with self._transaction() as connection:
            for body, alert_id in connection.execute(bodies):
                self._alert(body, alert_id)
            found = contents(connection, self._place, schema.CURRENT)
        for shard in found.shards:
            self.checkpoint(shard)
        return found

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        self._database.close()

    def _require_sound(self) -> None:
        with self._transaction() as connection:
            verdict = sqlite.damage(connection)
        if verdict is not None:
            raise StoreError(f"{self._place}: the database is damaged ({verdict}); restore a backup")

    def _require_owner(self, connection: sa.Connection, shard: str, given: int | None) -> None:
        # The row stays locked until the transaction ends, so whoever acquires the shard meanwhile waits.
        row = tables.checkpoints
        epoch = connection.execute(sa.select(row.c.epoch).where(row.c.shard == shard).with_for_update()).scalar()
        if epoch is None or epoch != given:
            raise StaleOwnerError(
                f"{self._place}: shard {shard!r} is at epoch {epoch}, this owner at {given}; "
                "another owner has taken over, stop this one"
            )

    def _alert(self, body: str, alert_id: str) -> Alert:
        try:
            return msgspec.json.decode(body, type=Alert)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StoreError(f"{self._place}: alert {alert_id} is damaged ({error}); restore a backup") from error


def _upsert(connection: sa.Connection, alert: Alert, body: str) -> int | None:
    """Store the alert; its new revision, or None when what is stored is the same or newer."""
    row = tables.alerts
    fields = {
        "actor": alert.actor,
        "opened_at": tables.time_text(alert.opened_at),
        "updated_at": tables.time_text(alert.updated_at),
        "risk": alert.risk,
        "severity": alert.severity.value,
        "body": body,
    }
    this = row.c.alert_id == alert.alert_id
    stored = connection.execute(sa.select(row).where(this).with_for_update()).mappings().one_or_none()
    if stored is None:
        connection.execute(sa.insert(row).values(alert_id=alert.alert_id, revision=1, **fields))
        return 1
    if stored["body"] == body or _age(fields) < _age(stored):
        return None
    revision = int(stored["revision"]) + 1
    connection.execute(sa.update(row).where(this).values(revision=revision, **fields))
    return revision


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _age(fields: Mapping[Any, Any]) -> tuple[str, float]:
    return fields["updated_at"], fields["risk"]
