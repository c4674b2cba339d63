"""innerwatch as it is run in earnest: a broker, a PostgreSQL, and workers that are processes of the real program."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from alerts.store import Store
from detector.app import load_tokens
from detector.config import Config, load_config
from tests.real.broker import Broker, free_ports, running_broker
from tests.real.postgres import Postgres, running_postgres

ROOT: Final = Path(__file__).parents[2]
TOPIC, ALERTS, LETTERS = "access-events", "alerts", "access-events.dead"
END_S: Final = 30.0

Sections = dict[str, dict[str, Any]]
Metrics = dict[str, dict[str, float]]
"""Of each metric by name: the values by label, "" where there is none."""


class Member:
    """One ``innerwatch run`` of the group; started and ended as often as wanted.

    Args:
        name: of its files in the folder: configuration, alerts and log.
        config: of the worker alone.
        port: of its metrics.
    """

    def __init__(self, name: str, config: Path, port: int) -> None:
        self.name, self._config, self._port = name, config, port
        self._process: subprocess.Popen[bytes] | None = None
        self.killed = False
        """Whether ``kill`` was its last end, rather than one of its own."""

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        runs = self._process is not None and self._process.poll() is None
        return self._process.pid if runs and self._process is not None else None

    def start(self) -> None:
        """Start it; nobody waits until it reads."""
        self.killed = False
        alerts, log = (self._config.with_suffix(suffix).open("ab") for suffix in (".alerts", ".log"))
        with alerts, log:
            command = [*program(), "run", "--config", str(self._config)]
            # In a group of its own, so that Ctrl-C on a terminal reaches only who can end everything in order.
            self._process = subprocess.Popen(
                command, stdout=alerts, stderr=log, cwd=ROOT, env=surroundings(), start_new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, if it runs."""
        self.killed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Ask it to end, and wait; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(END_S)

    def metrics(self) -> Metrics:
        """What it says of itself at the moment; nothing while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=1.0) as answer:
                text = answer.read().decode()
        except (URLError, OSError):
            return {}
        found: Metrics = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
        return found

    def log(self) -> str:
        """The end of what it wrote to standard error."""
        return self._config.with_suffix(".log").read_text("utf-8", "replace")[-2_000:]


class Site:
    """Servers and a folder, and what workers have in common.

    Args:
        folder: for everything that is not PostgreSQL's.
        broker: it runs.
        postgres: it runs.
        sections: of the configuration, beside where the servers are.
    """

    def __init__(self, folder: Path, broker: Broker, postgres: Postgres, sections: Sections) -> None:
        self.folder, self.broker, self.postgres = folder, broker, postgres
        self.database = postgres.url(postgres.new_database())
        own = sections.get("source", {}).get("kafka", {})
        state = {"database": self.database, "password_file": str(postgres.password_file)}
        self.sections: Sections = {
            **sections,
            "source": {"kafka": {"servers": [broker.address], "topic": TOPIC, **own}},
            "topics": {"alerts": ALERTS, "dead_letters": LETTERS},
            "state": {**state, **sections.get("state", {})},
            "privacy": {"key_file": str(folder / "key")},
            "metrics": {"enabled": False},
        }
        self.members: list[Member] = []
        load_tokens(self.config)  # the key is made once, before several workers want it

    @property
    def config(self) -> Config:
        """What workers have in common."""
        return load_config(self.written("site"))

    def written(self, name: str, **sections: dict[str, Any]) -> Path:
        """A configuration file of that name, with these sections instead of those in common."""
        path = self.folder / f"{name}.toml"
        path.write_text(toml({**self.sections, **sections}), "utf-8")
        return path

    def command(self, *words: str) -> str:
        """Run a command of innerwatch to its end; what it printed.

        Raises:
            RuntimeError: it failed; with what it said.
        """
        done = subprocess.run([*program(), *words], capture_output=True, text=True, cwd=ROOT, env=surroundings())
        if done.returncode:
            raise RuntimeError(f"innerwatch {' '.join(words)} ended with {done.returncode}: {done.stderr[-2_000:]}")
        return done.stdout

    def make_topics(self, partitions: int) -> str:
        """Make them as an operator would; what the command printed."""
        return self.command("topics", "create", "--config", str(self.written("site")), "--partitions", str(partitions))

    def join(self, name: str) -> Member:
        """Start one more worker."""
        (port,) = free_ports(1)
        member = Member(name, self.written(name, metrics={"port": port}), port)
        self.members.append(member)
        member.start()
        return member

    def store(self) -> Store:
        """The store, to look into; it is closed by whoever asked for it."""
        return Store(self.database, self.postgres.password_file, read_only=True)

    def close(self) -> None:
        """End every worker that still runs."""
        for member in self.members:
            member.kill()


@contextmanager
def running_site(sections: Sections) -> Iterator[Site]:
    """Servers on loopback ports, ended with every worker when the block ends, however it ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="innerwatch-", ignore_cleanup_errors=True)))
        postgres = stack.enter_context(running_postgres())
        broker = stack.enter_context(running_broker(folder))
        site = Site(folder, broker, postgres, sections)
        stack.callback(site.close)
        yield site


@contextmanager
def ended_in_order() -> Iterator[None]:
    """A signal that asks to end, also one of a terminal that is closed, ends the block as Ctrl-C would."""

    def end(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in former.items():
            signal.signal(number, action)


def program() -> list[str]:
    """How this tree's innerwatch is called."""
    return [sys.executable, "-m", "detector.cli"]


def surroundings() -> dict[str, str]:
    """The environment, with one thread of linear algebra for each process."""
    return os.environ | {"OPENBLAS_NUM_THREADS": "1"}


def toml(sections: dict[str, Any], path: str = "") -> str:
    """Tables as TOML; JSON's strings, numbers and lists are TOML's as well."""
    tables = {key: value for key, value in sections.items() if isinstance(value, dict)}
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in sections.items() if key not in tables]
    text = f"[{path}]\n" + "\n".join(lines) + "\n" if lines else ""
    return text + "".join(toml(table, f"{path}.{key}".lstrip(".")) for key, table in tables.items())


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and of its children, those that have ended included."""
    seconds = 0.0
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        seconds = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        seconds += sum(cpu_s(int(child)) for child in children)
    return seconds
