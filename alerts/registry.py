"""The registry of bundles in the database of alerts, so that workers on many hosts see one."""

from pathlib import Path
from typing import Final

from alerts import bundles, schema, tables
from alerts.bundles import Book, BundleAct, BundleRecord, Roles
from alerts.database import Database
from alerts.errors import UnknownBundleError

REGISTRY: Final = "bundles"
"""Its name among the shards, of which whoever acts holds the row."""


class Registry:
    """Bundles and what was done with them. One registry is one connection, for one call at a time.

    Args:
        url: of the database of alerts.
        password_file: of that database.

    Raises:
        StoreError: the database cannot be used.
    """

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        self._database = Database(url, password_file)
        self._transaction = self._database.transaction
        try:
            schema.prepare(self._database)
        except BaseException:
            self.close()
            raise

    def book(self) -> Book:
        """All bundles and all acts."""
        with self._transaction() as connection:
            return bundles.book_of(connection)

    def body(self, digest: str) -> bytes:
        """The bytes of a bundle.

        Raises:
            UnknownBundleError: there is none of this digest.
        """
        with self._transaction() as connection:
            body = bundles.body_of(connection, digest)
        if body is None:
            raise UnknownBundleError(f"{self._database.place}: no bundle {digest[: bundles.SHORT]}")
        return body

    def add(self, record: BundleRecord, body: bytes) -> None:
        """Keep a bundle, which has no role yet.

        Raises:
            RegistryError: it is there already, or another of its name is.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": REGISTRY})
            bundles.add(connection, record, body)

    def perform(self, act: BundleAct) -> Roles:
        """Do something with a bundle, wholly or not at all; the roles after that.

        Of two that act at once upon the same acts before theirs, the first is done.

        Raises:
            OvertakenError: there is a later act than the one before this.
            RegistryError: the bundle's role does not allow it, or whoever approves of it owns it.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": REGISTRY})
            return bundles.perform(connection, act)

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        self._database.close()
