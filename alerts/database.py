"""One connection to a database and its transactions, whose errors are in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from alerts import postgres, sqlite
from alerts.errors import StoreError, UnavailableError
from alerts.place import database_url, shown


class Database:
    """The database at a URL, for one thread. `place` is how messages name it.

    A connection that the server cut is made anew by the next transaction, never within one: what a cut
    transaction did is not known, so its caller must hear of it.

    Args:
        url: of SQLite or PostgreSQL, without a password.
        password_file: its first line is the password; without one, libpq looks in its usual places.
        read_only: whether writing is refused.

    Raises:
        StoreError: the URL is none, or leads nowhere.
    """

    def __init__(self, url: str, password_file: Path | None = None, *, read_only: bool = False) -> None:
        parsed = database_url(url)
        self.place = shown(parsed)
        self.read_only = read_only
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._driver = sqlite if self.is_sqlite else postgres
        self._engine = self._engine_at(parsed, password_file)
        self._closed = False
        self._connection: sa.Connection | None = None
        with self._in_words():
            self._connection = self._engine.connect()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises:
            UnavailableError: the database is away or busy; whether the transaction happened is not known.
            StoreError: the database refused; the transaction did not happen.
        """
        with self._in_words():
            if self._closed:
                raise StoreError(f"{self.place}: the store was closed; open it anew")
            if self._connection is None or self._connection.invalidated:
                self._connection = self._engine.connect()
            with self._connection.begin():
                yield self._connection

    def clock(self) -> float | None:
        """The server's time in Unix seconds; None where the database is a file, which has no clock of its own."""
        if self.is_sqlite:
            return None
        with self.transaction() as connection:
            return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def copy_to(self, path: Path) -> None:
        """Write a copy of an SQLite database as it is after some transaction, also while others write to it.

        Raises:
            StoreError: the database is no file, or the copy cannot be written.
        """
        if not self.is_sqlite:
            raise StoreError(f"{self.place}: a server's database is copied by pg_dump; see deploy/README.md")
        with self.transaction() as connection:
            source = connection.connection.driver_connection
            assert source is not None
            sqlite.copy(source, path)

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        self._closed = True
        with self._in_words():
            if self._connection is not None:
                self._connection.close()
            self._engine.dispose()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, self._engine.dialect.loaded_dbapi.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            kind = UnavailableError if self._driver.away(cause) else StoreError
            raise kind(f"{self.place}: {self._driver.words(cause)}") from error

    def _engine_at(self, url: sa.URL, password_file: Path | None) -> sa.Engine:
        try:
            return self._sqlite_engine(url) if self.is_sqlite else self._postgres_engine(url, password_file)
        except OSError as error:
            raise StoreError(f"{self.place}: cannot be made ({error.strerror}); check the folder") from error
        except (ArgumentError, ImportError) as error:
            raise StoreError(f"{self.place}: no driver for this database ({error}); install it") from error

    def _sqlite_engine(self, url: sa.URL) -> sa.Engine:
        if url.database and self.read_only:
            url = sqlite.read_only_url(url)
        elif url.database:
            sqlite.prepare_file(Path(url.database))
        threads = {"check_same_thread": False}  # one call at a time, but not always from the same one
        engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=threads)
        sqlite.configure(engine, self.read_only)
        return engine

    def _postgres_engine(self, url: sa.URL, password_file: Path | None) -> sa.Engine:
        # READ COMMITTED is enough: whatever is decided here is decided about rows that FOR UPDATE has locked,
        # and it reads their newest state after waiting for the lock. A stricter level would only turn that
        # wait into an error.
        url = postgres.completed(url)
        engine = sa.create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED", hide_parameters=True)
        postgres.configure(engine, password_file)
        return engine.execution_options(postgresql_readonly=self.read_only)
