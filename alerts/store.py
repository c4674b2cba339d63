"""The database of alerts and checkpoints: written together or not at all."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from alerts import sqlite, tables
from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.errors import AmbiguousAlertError, StaleOwnerError, StoreError, UnknownAlertError


class Store:
    """Alerts and checkpoints in the database at an SQLAlchemy URL; `sqlite:///folder/file` makes the file.

    One store is one connection, for one call at a time. The owner of a shard acquires it and then commits; anyone
    else opens the store `read_only`, which never disturbs the owner. One process at a time may own shards of
    an SQLite file. Every method raises StoreError, naming the file, when the database is locked, full,
    damaged or gone; the transaction then did not happen and the store can be used again.

    Raises:
        StoreError: the URL is not one, the file is not a store or is of an unknown version, or does not exist
        and `read_only` forbids to make it.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._read_only = read_only
        try:
            parsed = sa.make_url(url)
        except (ArgumentError, ValueError):
            # Neither the URL nor the error that quotes it is repeated: a password may be in it.
            raise StoreError("the store's database URL is none; write one such as sqlite:///alerts.db") from None
        self._sqlite = parsed.get_backend_name() == "sqlite"
        self._place = parsed.database if self._sqlite and parsed.database else parsed.render_as_string()
        self._engine = self._engine_at(parsed)
        with self._in_words():
            self._connection = self._engine.connect()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def acquire(self, shard: str) -> int:
        """Become the owner of a shard, former owners are out; its epoch goes into every checkpoint."""
        row = tables.checkpoints
        with self._transaction():
            epoch = self._epoch(shard)
            if epoch is None:
                self._connection.execute(sa.insert(row).values(shard=shard, epoch=1))
            else:
                self._connection.execute(sa.update(row).where(row.c.shard == shard).values(epoch=epoch + 1))
            if self._sqlite:
                sqlite.begin_checkpointing(self._connection)
        return (epoch or 0) + 1

    def commit(self, shard: str, checkpoint: Checkpoint, alerts: Sequence[Alert]) -> None:
        """Write the shard's checkpoint and the alerts in one transaction; on disk when this returns.

        Committing the same again changes nothing. An alert's revision grows by one each time its body
        changes; a body older than the stored one (by `updated_at`, then `risk`) is passed over.

        Raises:
            StaleOwnerError: the checkpoint's epoch is not the shard's latest; nothing was written.
        """
        row = tables.checkpoints
        fields = msgspec.structs.asdict(checkpoint)
        fields["counters"] = _json(checkpoint.counters)
        with self._transaction():
            epoch = self._epoch(shard)
            if epoch != checkpoint.epoch:
                raise StaleOwnerError(
                    f"{self._place}: shard {shard!r} is at epoch {epoch}, this owner at {checkpoint.epoch}; "
                    "another owner has taken over, stop this one"
                )
            for alert in alerts:
                self._upsert(alert)
            self._connection.execute(sa.update(row).where(row.c.shard == shard).values(fields))

    def checkpoint(self, shard: str) -> Checkpoint | None:
        """The shard's last committed checkpoint, or None when it has none."""
        row = tables.checkpoints
        with self._transaction():
            found = self._connection.execute(sa.select(row).where(row.c.shard == shard)).mappings().one_or_none()
        if found is None or found["position"] is None:
            return None
        try:
            return Checkpoint(
                position=found["position"],
                snapshot=found["snapshot"],
                sha256=found["sha256"],
                former=found["former"],
                counters=msgspec.json.decode(found["counters"], type=dict[str, int]),
                epoch=found["epoch"],
            )
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StoreError(
                f"{self._place}: checkpoint of {shard!r} is damaged ({error}); restore a backup"
            ) from error

    def shards(self) -> list[str]:
        """The names of the shards that have a checkpoint."""
        row = tables.checkpoints
        with self._transaction():
            found = self._connection.execute(
                sa.select(row.c.shard).where(row.c.position.is_not(None)).order_by(row.c.shard)
            )
            return list(found.scalars())

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
        with self._transaction():
            found = self._connection.execute(query).all()
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
        with self._transaction():
            found = self._connection.execute(query).all() if alert_id else []
        if not found:
            raise UnknownAlertError(f"{self._place}: no alert begins with {alert_id!r}; list the alerts for their ids")
        if len(found) > 1:
            some = ", ".join(found_id for found_id, _ in found[:2])
            raise AmbiguousAlertError(
                f"{self._place}: several alerts begin with {alert_id!r} ({some}); give more of it"
            )
        return self._alert(found[0].body, found[0].alert_id)

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        with self._in_words():
            self._connection.close()
            self._engine.dispose()

    def _engine_at(self, url: sa.URL) -> sa.Engine:
        try:
            if self._sqlite and url.database and self._read_only:
                url = sqlite.read_only_url(url)
            elif self._sqlite and url.database:
                sqlite.prepare_file(Path(url.database))
            engine = sa.create_engine(
                url, poolclass=NullPool, connect_args={"check_same_thread": False} if self._sqlite else {}
            )
        except OSError as error:
            raise StoreError(f"{self._place}: cannot be made ({error.strerror}); check the folder") from error
        except (ArgumentError, ImportError) as error:
            raise StoreError(f"{self._place}: no driver for this database ({error}); install it") from error
        if self._sqlite:
            sqlite.configure(engine, self._read_only)
        return engine

    def _open(self) -> None:
        with self._transaction():
            if self._sqlite and not self._read_only and (verdict := sqlite.damage(self._connection)):
                raise StoreError(f"{self._place}: the database is damaged ({verdict}); restore a backup")
            names = sa.inspect(self._connection).get_table_names()
            if not names and not self._read_only:
                tables.metadata.create_all(self._connection)
                self._connection.execute(sa.insert(tables.meta).values(schema_version=tables.SCHEMA_VERSION))
            elif "meta" not in names:
                raise StoreError(f"{self._place}: a database, but not one of alerts; check the path")
            version = self._connection.execute(sa.select(tables.meta.c.schema_version)).scalar()
        if version != tables.SCHEMA_VERSION:
            raise StoreError(
                f"{self._place}: schema version {version} is unknown, this release reads "
                f"{tables.SCHEMA_VERSION}; use the release that wrote it"
            )

    def _epoch(self, shard: str) -> int | None:
        row = tables.checkpoints
        return self._connection.execute(sa.select(row.c.epoch).where(row.c.shard == shard).with_for_update()).scalar()

    def _upsert(self, alert: Alert) -> None:
        row = tables.alerts
        fields = {
            "actor": alert.actor,
            "opened_at": tables.time_text(alert.opened_at),
            "updated_at": tables.time_text(alert.updated_at),
            "risk": alert.risk,
            "severity": alert.severity.value,
            "body": _json(alert),
        }
        this = row.c.alert_id == alert.alert_id
        stored = self._connection.execute(sa.select(row).where(this).with_for_update()).mappings().one_or_none()
        if stored is None:
            self._connection.execute(sa.insert(row).values(alert_id=alert.alert_id, revision=1, **fields))
        elif stored["body"] != fields["body"] and _age(fields) >= _age(stored):
            fields["revision"] = stored["revision"] + 1
            self._connection.execute(sa.update(row).where(this).values(fields))

    def _alert(self, body: str, alert_id: str) -> Alert:
        try:
            return msgspec.json.decode(body, type=Alert)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StoreError(f"{self._place}: alert {alert_id} is damaged ({error}); restore a backup") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._in_words(), self._connection.begin():
            yield

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"{self._place}: {sqlite.words(error.orig)}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self._place}: {sqlite.words(error)}") from error


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _age(fields: Mapping[Any, Any]) -> tuple[str, float]:
    return fields["updated_at"], fields["risk"]
