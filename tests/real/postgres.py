"""A real PostgreSQL server for tests: a cluster of its own, on a free loopback port, with passwords and TLS."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from tests.real.broker import free_ports

ADMIN: Final = "admin"
USER: Final = "innerwatch"
PASSWORD: Final = "secret-of-the-tests"
START_S: Final = 60.0
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "lc_messages": "C",
    "restart_after_crash": "off",
    "ssl": "on",
}


class Postgres:
    """One server; ``start``, ``stop`` and ``kill`` as often as wanted, the data stay.

    Args:
        folder: for its data and its log; whoever runs the server must be able to get there.
        settings: of the server, beside those that every test needs.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder, self._data, self._settings = folder, folder / "data", SETTINGS | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        (self.port,) = free_ports(1)
        self.password_file = folder / "password"
        self.password_file.write_text(f"{PASSWORD}\n", "utf-8")
        self._rights: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:  # a server refuses to run as root
            user = _somebody()
            self._rights |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for path in (folder, self.password_file):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [_binary("initdb"), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "-U", ADMIN, "-N"]
        command += [f"--pwfile={self.password_file}", "-D", str(self._data)]
        subprocess.run(command, check=True, capture_output=True, **self._rights)
        self.certificate = self._data / "server.crt"
        command = [
            _binary("openssl"),
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ]
        command += ["-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(self._data / "server.key"), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True, **self._rights)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its first process, the parent of all others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers; makes the user of the tests if there is none."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._folder / "server.log").open("ab") as log:
            command = [_binary("postgres"), "-D", str(self._data), f"--port={self.port}", *settings]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._rights)
        until = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'server.log').read_text()[-2_000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as an operator would: connections are cut, what was committed is in order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as a power cut would, with the processes that serve connections."""
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            self._end(signal.SIGKILL)
            for child in map(int, children):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            while any(_runs(child) for child in children):
                time.sleep(0.01)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def new_database(self, template: str = "template0") -> str:
        """Make a database that belongs to ``USER``, empty or a copy of another that nobody uses; its name."""
        name = f"test{next(self._numbers)}"
        # A language's order, where the server knows one: the store must not depend on it.
        self.run(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template} LOCALE_PROVIDER icu ICU_LOCALE 'en'")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, also from under those who are connected."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, database: str, user: str = USER) -> str:
        """The URL of a database, without a password."""
        return f"postgresql://{user}@{self.address}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the administrator; its rows."""
        with closing(self._connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ADMIN, password=PASSWORD, dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            if not self.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{USER}'"):
                self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


@contextmanager
def running_postgres(**settings: str) -> Iterator[Postgres]:
    """A server that runs until the block ends, in a temporary folder that others than root can reach."""
    _binary("initdb")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder), **settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()  # a server that is killed leaves its shared memory behind


def _binary(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, places)]))
    if found is None:
        pytest.skip(f"needs a PostgreSQL server; install postgresql and openssl, or put {name} on the path")
    return found


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _somebody() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]
