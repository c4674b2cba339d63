"""A real Prometheus for tests, on a free loopback port, and promtool and amtool beside it."""

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.real.broker import free_ports

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "innerwatch.rules.yml"
START_S: Final = 60.0


class RealPrometheus:
    """One Prometheus that scrapes every second; its rules are evaluated as often.

    Args:
        folder: for its configuration, data and log.
        targets: addresses by job.
        rules: files of rules.
        alertmanager: the address that is told of alerts, "" for none.
        tokens: what is shown to targets that ask for one, by job.
    """

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, str],
        rules: Path | None = None,
        alertmanager: str = "",
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (self._port,) = free_ports(1)
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)] if rules is not None else [],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
            ],
        }
        for scrape in config["scrape_configs"]:
            if token := (tokens or {}).get(scrape["job_name"]):
                scrape["authorization"] = {"credentials": token}
        if alertmanager:
            config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [tool("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{self._port}"], cwd=self._folder, stdout=log, stderr=log
            )
        until = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._folder / "prometheus.log").read_text()[-2_000:])
            time.sleep(0.05)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that an expression gives now: labels and value.

        Raises:
            RuntimeError: it is none that Prometheus understands.
        """
        return list(self._asked("query", query=expression)["result"])

    def query_range(self, expression: str, start: float, end: float, step_s: float) -> list[dict[str, Any]]:
        """The series of an expression over a time."""
        asked = self._asked("query_range", query=expression, start=str(start), end=str(end), step=str(step_s))
        return list(asked["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health, and for alerts their state."""
        return [rule for group in self._asked("rules")["groups"] for rule in group["rules"]]

    def label_values(self, label: str, match: str) -> list[str]:
        """The values of a label among the series that match."""
        return list(self._asked(f"label/{label}/values", **{"match[]": match}))

    def series(self, match: str) -> list[dict[str, str]]:
        """The labels of the series that match."""
        return list(self._asked("series", **{"match[]": match}))

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process = None

    def _asked(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{parameters}: {error.read().decode()}") from None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running_prometheus(
    folder: Path,
    targets: Mapping[str, str],
    rules: Path | None = None,
    alertmanager: str = "",
    tokens: Mapping[str, str] | None = None,
) -> Iterator[RealPrometheus]:
    """A Prometheus that runs until the block ends."""
    tool("prometheus")
    server = RealPrometheus(folder, targets, rules, alertmanager, tokens)
    try:
        server.start()
        yield server
    finally:
        server.close()


def tool(name: str) -> str:
    """Where prometheus, promtool or amtool is; the test is skipped where there is none."""
    if found := shutil.which(name):
        return found
    needs = "an Alertmanager" if name == "amtool" else "a Prometheus"
    return pytest.skip(f"needs {needs}; run make packages, or put {name} on the path")


def said(name: str, *words: str) -> str:
    """Run promtool or amtool; what it printed.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run([tool(name), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
