"""All that is particular to SQLite: the file, its pragmas, and what its errors mean."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

CHECKPOINT_PAGES = 1000
"""Pages in the write-ahead log before its owner moves them into the database; SQLite's own default."""

_LOCKED = "locked by another process; stop that one, or wait longer with ?timeout=SECONDS in the URL"
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, nothing of the last transaction was written",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOTADB: "not a database; check the path, or move the file away to begin anew",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a backup, or move the file away to begin anew",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that the path exists and who may read its folder",
    sqlite3.SQLITE_READONLY: "not writable; check who owns the file and its folder",
    sqlite3.SQLITE_PERM: "not accessible; check who owns the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the disk before going on",
}


def prepare_file(path: Path) -> None:
    """Make an empty database file of mode 0600 in folders of mode 0700; what exists stays as it is.

    Raises:
        OSError: the place cannot be written.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)


def read_only_url(url: URL) -> URL:
    """The URL of the same file, opened so that SQLite refuses every write and never checkpoints."""
    path = Path(url.database or "").absolute()
    return url.set(database=f"file:{quote(str(path))}").update_query_dict({"mode": "ro", "uri": "true"})


def configure(engine: Engine, read_only: bool) -> None:
    """Set the pragmas of every new connection and take over when transactions begin."""

    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver's implicit BEGIN would leave the first reads of a transaction outside it.
        connection.isolation_level = None
        if not read_only:
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "wal_autocheckpoint = 0",
            ):
                connection.cursor().execute(f"PRAGMA {pragma}")

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def begin_checkpointing(connection: Connection) -> None:
    """Let this connection move the write-ahead log into the database from now on.

    SQLite 3.7.0 to 3.51.2 can damage a database when two connections do that at once (fixed in 3.51.3), so
    only the owner of a shard does; an owner made stale commits no more and therefore moves nothing.
    """
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy a database into a file of mode 0600, in one read transaction; on disk when this returns."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, also to whoever may only read it


def damage(connection: Connection) -> str | None:
    """What SQLite's quick check says of the file's structure, or None when it is sound."""
    verdict = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    return None if verdict == "ok" else verdict


def away(error: BaseException | None) -> bool:
    """Whether the same may work a moment later: somebody else holds the file's lock."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def words(error: BaseException | None) -> str:
    """What an error of the driver means and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    known = None if code is None else _WORDS.get(code & 0xFF)  # the low byte is the primary result code
    return known or f"the database refused ({error}); look the message up, nothing was written"
