"""Where a database is: its URL, which never holds a password."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from alerts.errors import StoreError

SECRETS = ("password", "sslpassword", "oauth_client_secret")
"""Options of a PostgreSQL URL that are secrets."""


def database_url(text: str) -> sa.URL:
    """The URL of an SQLite or PostgreSQL database, the latter served by psycopg.

    Raises:
        StoreError: it is no URL, of another kind of database, or holds a password; it is not repeated.
    """
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        # Neither the URL nor the error that quotes it is repeated: a password may be in it.
        raise StoreError(
            "the store's database URL is none; write one such as sqlite:///alerts.db or postgresql://user@host/database"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            "the store's database is neither SQLite nor PostgreSQL; write a URL that begins with sqlite:/// or "
            "postgresql://"
        )
    if url.password is not None or any(name in url.query for name in SECRETS):
        raise StoreError(
            "the store's database URL holds a password; write the password alone into a file, name that by "
            "state.password_file, and take it out of the URL"
        )
    return url if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql+psycopg")


def shown(url: sa.URL) -> str:
    """The place as messages name it: the file, or the PostgreSQL database without options."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string()


def read_password(file: Path) -> str:
    """The first line of a file.

    Raises:
        StoreError: it cannot be read, or the line is empty.
    """
    try:
        password = file.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: the password cannot be read; give a file with it alone") from error
    if not password:
        raise StoreError(f"{file}: the first line is empty; write the password there")
    return password
