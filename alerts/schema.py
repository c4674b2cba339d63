"""The schema's version: told, made in an empty database, and brought up to date."""

import threading
from pathlib import Path

import sqlalchemy as sa

from alerts import postgres, tables
from alerts.database import Database
from alerts.errors import StoreError

CURRENT = tables.VERSIONS[-1]
MIGRATIONS = Path(__file__).with_name("migrations")
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that runs in globals, of which threads would have only one."""


def prepare(database: Database) -> None:
    """Make the schema in an empty database that may be written; otherwise require it to be this release's.

    Raises:
        StoreError: the database is of something else, or its schema is older or newer.
    """
    with database.transaction() as connection:
        version = _version(connection, database.place)
        if version is None and not database.read_only:
            version = _migrate(connection, database.place)
    if version is None:
        raise StoreError(f"{database.place}: a database, but not one of alerts yet; let a run write to it first")
    require_current(version, database.place)


def version_of(database: Database) -> str | None:
    """The schema's version, None for an empty database.

    Raises:
        StoreError: the database is of something else, or newer.
    """
    with database.transaction() as connection:
        return _version(connection, database.place)


def snapshots_named(database: Database) -> dict[str, tuple[str, str]]:
    """The snapshot that each shard goes on from, and its SHA-256; read alike in every version of the schema."""
    row = tables.checkpoints.c
    with database.transaction() as connection:
        found = connection.execute(sa.select(row.shard, row.snapshot, row.sha256).where(row.snapshot.is_not(None)))
        return {shard: (snapshot, sha256) for shard, snapshot, sha256 in found}


def require_current(version: str, place: str) -> None:
    """Refuse, by a `StoreError` that says what to do, a schema older than this release's."""
    if version != CURRENT:
        raise StoreError(
            f"{place}: schema version {version} is older than {CURRENT}, which this release needs; stop what "
            "uses it, keep a backup, and run innerwatch db upgrade"
        )


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this release's version, all or nothing: the version before, None if empty, and after.

    Raises:
        StoreError: the database is of something else, or newer; nothing was changed.
    """
    with database.transaction() as connection:
        former = _version(connection, database.place)
        return former, former if former == CURRENT else _migrate(connection, database.place)


def _version(connection: sa.Connection, place: str) -> str | None:
    names = set(sa.inspect(connection).get_table_names())
    if not names:
        return None
    if not {"alerts", "checkpoints"} <= names or not names & {"meta", "alembic_version"}:
        raise StoreError(
            f"{place}: a database, but not one of alerts; check the place, or give the alerts a database of their own"
        )
    if "alembic_version" in names:
        version = str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())
    else:  # written before alembic kept the version
        number = connection.execute(sa.text("SELECT schema_version FROM meta")).scalar()
        version = f"{number or 0:04d}"
    if version not in (tables.VERSIONS if "alembic_version" in names else tables.VERSIONS[:1]):
        raise StoreError(
            f"{place}: schema version {version} is unknown, this release reads {CURRENT}; use the release that wrote it"
        )
    return version


def _migrate(connection: sa.Connection, place: str) -> str:
    # Only here, since importing it takes longer than opening a store.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        postgres.lock_schema(connection)
    former = _version(connection, place)  # another process may have been faster
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _ONE_AT_A_TIME:
        if former == tables.VERSIONS[0] and not sa.inspect(connection).has_table("alembic_version"):
            command.stamp(config, former)
        command.upgrade(config, "head")
    return CURRENT
