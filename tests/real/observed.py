"""A small insurer that is watched, and whose watching is watched: by Prometheus, Alertmanager and a reader of views."""

import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml

from alerts.access import Role, Token
from alerts.bundles import Deed
from alerts.incident import State, Verdict
from alerts.registry import Registry
from alerts.work import By, Close
from detector.app import new_secret, now
from detector.config import load_config
from detector.deliver import open_desk
from detector.simulation import SimulationConfig, simulate
from tests.detector.bundling import act, add, signer_in
from tests.real.alertmanager import RealAlertmanager, running_alertmanager
from tests.real.broker import Broker, free_ports
from tests.real.postgres import Postgres
from tests.real.prometheus import ROOT, RULES, RealPrometheus, running_prometheus
from tests.real.site import Member, Site, program, surroundings
from tests.real.stream import Stream, keyed, torn

STAFF, DAYS, SEED, WARM_UP_DAYS = 130, 20, 5, 3
BROKEN: Final = 400
"""One record in so many is torn: a quarter of a per cent."""
PATIENCE_S: Final = 180.0
READER: Final = ROOT / "deploy" / "grafana" / "reader.sql"
JOBS: Final = "innerwatch", "innerwatch-deliver", "innerwatch-api"


class Hooks:
    """Two receivers on loopback: one takes everything, one refuses everything while it is ``picky``."""

    def __init__(self) -> None:
        hooks = self
        self.taken = 0
        self.picky = True

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                refused = self.path == "/picky" and hooks.picky
                hooks.taken += not refused
                self.send_response(400 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Observed:
    """What runs.

    Args:
        site: broker, PostgreSQL, topics.
        hooks: receivers.
        ports: of the worker's and of delivery's metrics, and of the API.
    """

    prometheus: RealPrometheus
    alertmanager: RealAlertmanager

    def __init__(self, site: Site, hooks: Hooks, ports: tuple[int, int, int]) -> None:
        self.site, self.hooks, self.began = site, hooks, now()
        (site.folder / "secret").write_text("whsec_" + "a2tra2tra2tra2tra2tra2tra2tra2tr\n")
        receivers = {
            name: {"kind": "webhook", "url": f"{hooks.url}/{name}", "secret_file": "secret", "allow_plain": True,
                   "allow_networks": ["127.0.0.0/8"]}
            for name in ("good", "picky")
        }  # fmt: skip
        receivers["good"]["inbound_secret_file"] = "secret"
        metrics = {"port": ports[0], "deliver_port": ports[1]}
        trusted = {"trusted_keys": [str(key) for key in _with_bundles(site)]}
        sections = {"metrics": metrics, "delivery": {"receivers": receivers}, "api": {"port": ports[2]}}
        self.config = site.written("observed", **sections, bundles=trusted)
        self.targets = {job: f"127.0.0.1:{port}" for job, port in zip(JOBS, ports, strict=True)}
        self.worker = Member("observed", self.config, ports[0])
        self.delivery: subprocess.Popen[bytes] | None = None
        self.api: subprocess.Popen[bytes] | None = None

    def start_delivery(self) -> None:
        """Start ``innerwatch deliver``."""
        self.delivery = self._started("deliver")

    def start_api(self) -> None:
        """Start ``innerwatch serve``."""
        self.api = self._started("serve")

    def token(self) -> str:
        """A token for Prometheus."""
        token = Token(name="prometheus", role=Role.READER, created=now(), expires=now() + 86_400.0)
        with closing(open_desk(load_config(self.config))) as desk:
            return desk.add_token(token, new_secret())

    def end_delivery(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self.delivery is not None:
            self.delivery.send_signal(number)
            self.delivery.wait()
            self.delivery = None

    def end_api(self) -> None:
        """End it."""
        if self.api is not None:
            self.api.terminate()
            self.api.wait()

    def post(self) -> int:
        """Post what is not signed, as a receiver's tool would; the status."""
        try:
            urllib.request.urlopen(f"http://{self.targets[JOBS[2]]}/inbound/good", b"{}", timeout=60)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        return 200

    def value(self, expression: str) -> float:
        """The largest value that an expression has now; -1 where it has none."""
        return max((float(one["value"][1]) for one in self.prometheus.query(expression)), default=-1.0)

    def work(self) -> None:
        """Acknowledge and close incidents, as people would: each verdict once, the others stay."""
        with closing(open_desk(load_config(self.config))) as desk:
            for incident, verdict in zip(desk.incidents([State.OPEN]), list(Verdict)[1:], strict=False):
                desk.act(incident.incident_id, Close(verdict, "seen"), By("lee", now()))

    def rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """What Grafana's role gets for a query: columns and rows."""
        database = self.site.database.rpartition("/")[2]
        port = self.site.postgres.port
        words = f"host=127.0.0.1 port={port} user=innerwatch_reader password=reader dbname={database}"
        with psycopg.connect(words, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return [column.name for column in cursor.description or ()], cursor.fetchall()

    def log(self) -> str:
        """The ends of what worker and delivery said."""
        return self.worker.log() + (self.site.folder / "deliver.log").read_text("utf-8", "replace")[-2_000:]

    def _started(self, command: str) -> "subprocess.Popen[bytes]":
        words = [*program(), command, "--config", str(self.config)]
        with (self.site.folder / f"{command}.log").open("ab") as log:
            return subprocess.Popen(words, stderr=log, cwd=ROOT, env=surroundings(), start_new_session=True)


def _with_bundles(site: Site) -> tuple[Path, ...]:
    """Put a champion and a challenger into the registry; the keys by which they are trusted."""
    signer = signer_in(site.folder)
    with closing(Registry(site.database, site.postgres.password_file)) as registry:
        for name, deed in (("spring", Deed.PROMOTE), ("summer", Deed.SHADOW)):
            act(registry, deed, add(registry, name, signer.seal(name)))
    return signer.trusted.trusted_keys


@contextmanager
def running_observed(folder: Path, broker: Broker, postgres: Postgres) -> Iterator[Observed]:
    """All of it, after some weeks of events were judged and some incidents worked on, until the block ends."""
    with ExitStack() as stack:
        simulate(SimulationConfig(STAFF, DAYS, SEED, warm_up_days=WARM_UP_DAYS), folder / "insurer")
        site = stack.enter_context(closing(Site(folder, broker, postgres, _sections(folder / "insurer"))))
        site.make_topics(1)
        first, second, third = free_ports(3)
        hooks = stack.enter_context(closing(Hooks()))
        observed = Observed(site, hooks, (first, second, third))
        stack.callback(observed.end_delivery)
        stack.callback(observed.end_api)
        stack.callback(observed.worker.kill)
        stack.callback(lambda: observed.worker.pid and observed.worker.stop())  # so that it leaves its group
        observed.alertmanager = stack.enter_context(running_alertmanager(_made(folder / "alertmanager")))
        place = observed.alertmanager.url.removeprefix("http://")
        rules = _hasty(folder / "hasty.rules.yml")
        tokens = {JOBS[2]: observed.token()}
        watching = running_prometheus(_made(folder / "prometheus"), observed.targets, rules, place, tokens)
        observed.prometheus = stack.enter_context(watching)
        observed.start_delivery()
        observed.start_api()
        observed.worker.start()
        until(lambda: observed.value("innerwatch_shards") == 1, "the worker has its partition", observed.log)
        stack.enter_context(_reader(site))
        _judge(observed, (folder / "insurer" / "events.jsonl").read_bytes().splitlines())
        yield observed


def until(done: Callable[[], bool], what: str, log: Callable[[], str] = str) -> None:
    """Wait until it is so.

    Raises:
        RuntimeError: it takes too long.
    """
    patience = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > patience:
            raise RuntimeError(f"after {PATIENCE_S:.0f} s it is still not so that {what}: {log()}")
        time.sleep(0.2)


def _judge(observed: Observed, lines: list[bytes]) -> None:
    stream = Stream(observed.site.broker.address, keyed(torn(lines, BROKEN)), 0)
    stream.start()
    try:
        read = "sum(innerwatch_events_total) + sum(innerwatch_rejected_total) + sum(innerwatch_duplicates_total)"
        held = 200  # the guard waits for others to agree with the last events' clocks
        until(lambda: observed.value(read) > len(lines) - held, "all is read", observed.log)
    finally:
        stream.end()
    until(lambda: observed.value("max(innerwatch_uncommitted_seconds)") == 0, "all is committed", observed.log)
    committed = now()
    taken = 'min(innerwatch_desk_read_timestamp_seconds) and on () innerwatch_outbox_alerts{queue="desk"} == 0'
    until(lambda: observed.value(taken) > committed, "all is taken in, and seen in the metrics", observed.log)
    observed.work()
    until(lambda: observed.value("sum(innerwatch_verdicts offset 5s)") == 4, "verdicts are counted", observed.log)


def _sections(insurer: Path) -> dict[str, dict[str, Any]]:
    return {
        "source": {"kafka": {"group": "observed"}},
        "context": {"roster": str(insurer / "roster.csv"), "honey": str(insurer / "honey.txt")},
        "risk": {"warm_up_days": WARM_UP_DAYS, "budget": 20.0},
        "state": {"checkpoint_events": 20_000, "checkpoint_s": 2.0},
    }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _hasty(path: Path) -> Path:
    """The rules, without the patience that they have before they fire."""
    tree = yaml.safe_load(RULES.read_text("utf-8"))
    for rule in (rule for group in tree["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = "1s"
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return path


@contextmanager
def _reader(site: Site) -> Iterator[None]:
    """The role for Grafana in the site's database, made as the file says; it goes with the block."""
    database = site.database.rpartition("/")[2]
    lines = [line for line in READER.read_text("utf-8").splitlines() if not line.startswith("--")]
    statements = [one.strip() for one in "\n".join(lines).split(";") if one.strip()]
    try:
        for statement in (*statements, "ALTER ROLE innerwatch_reader PASSWORD 'reader'"):
            site.postgres.run(statement, database)
        yield
    finally:
        with suppress(psycopg.Error):
            site.postgres.run("DROP OWNED BY innerwatch_reader", database)
            site.postgres.run("DROP ROLE innerwatch_reader", database)
