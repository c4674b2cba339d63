"""A real rsyslog for tests: a process of its own with its own configuration, on free loopback ports."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.real.broker import free_ports
from tests.real.frozen import frozen

START_S: Final = 10.0
CONFIGURATION: Final = """
global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="on"
       defaultNetstreamDriverCAFile="{certificate}" defaultNetstreamDriverCertFile="{certificate}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp")
template(name="lines" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="keep") {{ action(type="omfile" file="{folder}/lines" template="lines") }}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="keep")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="keep")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="keep"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
"""


class Rsyslog:
    """One server, that keeps what it takes; ``start`` and ``kill`` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        udp, tcp, tls = free_ports(3)
        self.ports = {"udp": udp, "tcp": tcp, "tls": tls}
        self.certificate, key = folder / "server.crt", folder / "server.key"
        command = [_binary("openssl"), "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=server"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)
        text = CONFIGURATION.format(folder=folder, certificate=self.certificate, key=key, **self.ports)
        (folder / "rsyslog.conf").write_text(text, "utf-8")

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [_binary("rsyslogd"), "-n", "-f", str(self._folder / "rsyslog.conf"), "-i", str(self._folder / "pid")]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + START_S
        while not all(map(_listens, (self.ports["tcp"], self.ports["tls"]))):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"rsyslog did not start: {(self._folder / 'server.log').read_text()[-2_000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it hang: the kernel takes connections, and nobody reads them."""
        assert self._process is not None
        with frozen(self._process.pid):
            yield

    def lines(self, count: int) -> list[dict[str, str]]:
        """Everything that was kept, once there is so much or some seconds are over."""
        return self.lines_when(lambda found: len(found) >= count)

    def lines_when(self, done: Callable[[list[dict[str, str]]], bool]) -> list[dict[str, str]]:
        """Everything that was kept, once it is as wanted or some seconds are over."""
        until = time.monotonic() + START_S
        kept = self._folder / "lines"
        while True:
            text = kept.read_text("utf-8") if kept.exists() else ""
            found = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
            if done(found) or time.monotonic() > until:
                return found
            time.sleep(0.02)


@contextmanager
def running_rsyslog() -> Iterator[Rsyslog]:
    """A server that runs until the block ends."""
    _binary("rsyslogd")
    if not any(Path("/usr").glob("lib*/**/rsyslog/lmnsd_ossl.so")):
        pytest.skip("needs an rsyslog server that speaks TLS; install rsyslog-openssl")
    with tempfile.TemporaryDirectory(prefix="rsyslog-") as folder:
        server = Rsyslog(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _binary(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        pytest.skip(f"needs an rsyslog server; install rsyslog, rsyslog-openssl and openssl, or put {name} on the path")
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
