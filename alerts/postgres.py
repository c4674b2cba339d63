"""All that is particular to PostgreSQL: the session, the password, and what its errors mean."""

import re
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from alerts.escape import escape
from alerts.place import read_password

CONNECT_OPTIONS = {
    "connect_timeout": "10",
    # A server that vanished without a word is noticed within half a minute.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    # A password goes over the wire as a proof, never as it is; a URL that asks for TLS may lift this.
    "require_auth": "!password",
}
"""What libpq is told where the URL says nothing."""

# Only what nobody has set is set. An owner that stops in the middle of a transaction must not hold its
# shard's lock for ever, nor another one wait for ever; and a commit is on disk when it returns.
_SESSION = """
SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
    ('lock_timeout', '0', '30s'),
    ('idle_in_transaction_session_timeout', '0', '60s'),
    ('synchronous_commit', 'off', 'on')
) AS wish (name, unset, wanted) USING (name) WHERE setting = unset
"""

SCHEMA_LOCK = 0x696E6E6572
"""The advisory lock under which the schema is made or changed: "inner", so as to be nobody else's."""

_AWAY = "the server cannot be reached, is restarting, or cut the connection; check that it runs and try again"
_BUSY = "another process holds the same rows; try again, and stop that one if this lasts"
_LOGIN = "the server refuses the log-in; check the user in the URL and state.password_file"
_RIGHTS = "this user may not do that here; have the database made the user's own, or grant the rights"
_NO_DATABASE = "there is no such database; have it made, or check the URL"
_DAMAGED = "the database is damaged; restore a backup"

# By SQLSTATE (appendix A of the PostgreSQL manual), or by how it begins: what passes by itself, and what does not.
_PASSING = {
    "08": _AWAY,
    "57P01": _AWAY,
    "57P02": _AWAY,
    "57P03": _AWAY,
    "57P05": _AWAY,
    "25P03": "the transaction stood still for too long and the server ended it; try again",
    "25P04": "the transaction took too long and the server ended it; try again",
    "57014": "the statement took too long and the server ended it; try again, or raise statement_timeout",
    "40": _BUSY,
    "55P03": _BUSY,
    "23505": _BUSY,
    "53300": "the server has no connection left; raise max_connections, or stop what does not need one",
    "53200": "the server is out of memory; wait, or give it more",
}
_LASTING = {
    "57P04": "the database was dropped; check the URL",
    "53100": "the disk is full; make room, nothing of the last transaction was written",
    "58": "the server's disk failed to read or write; check the disk before going on",
    "28": _LOGIN,
    "3D000": _NO_DATABASE,
    "42501": _RIGHTS,
    "25006": "not writable; it was opened for reading alone, or the server is a standby: name the primary",
    "42P01": _DAMAGED,
    "42703": _DAMAGED,
    "XX": _DAMAGED,
}

# Before there is a session libpq gives no SQLSTATE, only a text. What is not among these passes by itself.
_REFUSALS = {
    r"password authentication failed|no password supplied|authentication failed|role .* does not exist": _LOGIN,
    r"no pg_hba\.conf entry": "the server lets nobody in from here so; have its pg_hba.conf allow this user and host",
    r"authentication method requirement": "the server wants the password in the clear; ask for TLS by "
    "?sslmode=verify-full&require_auth=password, or have it use scram-sha-256",
    r"database .* does not exist": _NO_DATABASE,
    r"permission denied": _RIGHTS,
    r"certificate|does not support SSL": "no safe connection comes about; check sslmode and sslrootcert in the URL, "
    "and the server's certificate",
    r"invalid (connection option|port|integer|\w+ value)|not supported": "an option of the URL is wrong; check what "
    "follows its question mark",
}


def configure(engine: Engine, password_file: Path | None) -> None:
    """Log in with the file's password, read anew for each connection, and set up every new session."""

    def on_do_connect(_: Dialect, __: ConnectionPoolEntry, ___: object, options: dict[str, object]) -> None:
        if password_file is not None:
            options["password"] = read_password(password_file)

    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.cursor().execute(_SESSION)
        connection.commit()

    event.listen(engine, "do_connect", on_do_connect)
    event.listen(engine, "connect", on_connect)


def completed(url: URL) -> URL:
    """The URL with `CONNECT_OPTIONS` where it says nothing itself."""
    return url.set(query=CONNECT_OPTIONS | dict(url.query))


def lock_schema(connection: Connection) -> None:
    """Wait until nobody else makes or changes the schema, and keep others from it until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})


def away(error: BaseException | None) -> bool:
    """Whether the same may work later as it is: the server is away, or somebody else was in the way."""
    if state := _state(error):
        return _by_state(_PASSING, state) is not None
    from psycopg import OperationalError  # noqa: PLC0415 - whoever uses SQLite need not load it

    return isinstance(error, OperationalError) and _refusal(error) is None


def words(error: BaseException | None) -> str:
    """What an error of the driver means and what to do about it; what was said stands in brackets."""
    if state := _state(error):
        known = _by_state(_PASSING | _LASTING, state)
    else:
        known = _AWAY if away(error) else _refusal(error)
    said = escape(" ".join(str(error).split()))
    return f"{known or 'the database refused; look the message up, nothing was written'} ({said})"


def _state(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _by_state(meanings: Mapping[str, str], state: str) -> str | None:
    return meanings.get(state) or meanings.get(state[:2])


def _refusal(error: BaseException | None) -> str | None:
    return next((meaning for pattern, meaning in _REFUSALS.items() if re.search(pattern, str(error))), None)
