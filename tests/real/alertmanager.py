"""A real Alertmanager for tests: on a free loopback port, telling a webhook of the tests' own."""

import json
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.real.broker import free_ports

NAMES: Final = ("prometheus-alertmanager", "alertmanager")
START_S: Final = 30.0
CONFIG: Final = """
route:
  receiver: sink
  group_by: [actor]
  group_wait: 300ms
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: sink
    webhook_configs:
      - url: http://127.0.0.1:{port}/
        send_resolved: true
"""


class Sink:
    """What Alertmanager notifies; ``told`` are its messages, ``incidents`` the latest of each alert's fingerprint."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.incidents: dict[str, dict[str, Any]] = {}
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                sink.told.append(message)
                sink.incidents |= {alert["fingerprint"]: alert for alert in message["alerts"]}
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.port = int(self._server.server_address[1])

    def states(self) -> list[str]:
        """The state of each incident."""
        return [alert["status"] for alert in self.incidents.values()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class RealAlertmanager:
    """One Alertmanager; ``start``, ``stop`` and ``kill`` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (self._port,) = free_ports(1)
        self.sink = Sink()
        (folder / "alertmanager.yml").write_text(CONFIG.format(port=self.sink.port), "utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [_binary(), "--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{self._port}"], cwd=self._folder, stdout=log, stderr=log
            )
        until = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._folder / "alertmanager.log").read_text()[-2_000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self.sink.close()

    def alerts(self) -> list[dict[str, Any]]:
        """What it regards as active."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


@contextmanager
def running_alertmanager(folder: Path) -> Iterator[RealAlertmanager]:
    """An Alertmanager that runs until the block ends."""
    _binary()
    server = RealAlertmanager(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _binary() -> str:
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return pytest.skip("needs an Alertmanager; run make packages, or put prometheus-alertmanager on the path")
