"""The API as a process: over a state that a live run left, in the clear on loopback and over TLS, ended by signals."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from detector.app import run
from detector.config import Config, load_config
from detector.deliver import open_desk
from detector.errors import ConfigError
from streams import Tokens
from tests.alerts.receivers.fakes.server import make_certificate
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import innerwatch

WAIT_S = 120.0


@pytest.fixture(scope="module")
def state(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state that a live run has filled."""
    folder = tmp_path_factory.mktemp("served") / "state"
    config = small_log.config(state={"folder": str(folder)}, metrics={"enabled": False})
    assert run(config, Tokens(KEY), BytesIO(), Heard()) == 0
    return folder


@pytest.fixture
def config(state: Path, tmp_path: Path) -> Path:
    file = tmp_path / "innerwatch.toml"
    file.write_text(f'[state]\nfolder = "{state}"\n[api]\nport = 0\n')
    return file


@dataclass
class Served:
    process: "subprocess.Popen[bytes]"
    log: Path
    port: int

    def client(self, scheme: str = "http", trusted: ssl.SSLContext | bool = True) -> httpx.Client:
        return httpx.Client(base_url=f"{scheme}://127.0.0.1:{self.port}", verify=trusted, timeout=WAIT_S)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


@contextmanager
def serving(config: Path) -> Iterator[Served]:
    log = config.with_suffix(".log")
    with log.open("wb") as file:
        command = [sys.executable, "-m", "detector.cli", "serve", "--config", str(config)]
        process = subprocess.Popen(command, stderr=file, env=os.environ)
    try:
        until = time.monotonic() + WAIT_S
        while not (lines := log.read_text().splitlines()):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield Served(process, log, json.loads(lines[0])["port"])
    finally:
        process.kill()
        process.wait()


def token(capsys: pytest.CaptureFixture[str], name: str, role: str, config: Path) -> dict[str, str]:
    capsys.readouterr()
    assert innerwatch("tokens", "add", name, "--role", role, "--config", config) == 0
    return {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}


def test_tools_work_on_what_the_detector_told_and_a_signal_ends_it_in_order(
    small_log: SmallLog, state: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = token(capsys, "soar", "analyst", config)
    with serving(config) as served, served.client() as client:
        answers = [client.get("/readyz"), client.get("/v1/incidents"), client.get("/v1/openapi.json")]
        assert [answer.status_code for answer in answers] == [200, 401, 200]
        client.headers.update(headers)
        listed = client.get("/v1/incidents", params={"state": "open"})
        incident_id = listed.json()["items"][0]["incident_id"]
        shown = client.get(f"/v1/incidents/{incident_id}")
        close = {"verdict": "false_positive", "reason": "a robot"}
        seen = {"If-Match": shown.headers["ETag"]}
        closed = client.post(f"/v1/incidents/{incident_id}/close", json=close, headers=seen)
        assert closed.json()["verdict"] == "false_positive"
        answers += [listed, shown, closed, client.get(f"/v1/alerts/{incident_id}"), client.get("/v1/feedback")]
        assert [answer.status_code for answer in answers[3:]] == [200] * 5
        assert served.end(signal.SIGTERM) == 0
    with closing(open_desk(load_config(config))) as desk:
        assert desk.incident(incident_id).entries[-1].author == "soar"
    lines = served.lines()
    assert [lines[0]["event"], lines[-1]["event"], lines[-1]["signal"]] == ["serving", "stopped", signal.SIGTERM]
    people = {json.loads(line)["actor"] for line in small_log.labels.read_text().splitlines()}
    assert people
    for text in [served.log.read_text(), *(f"{answer.headers}{answer.text}" for answer in answers)]:
        assert not [one for one in people if one in text]
        assert headers["Authorization"].partition(" ")[2] not in text


def test_a_token_is_shown_once_listed_without_itself_and_revoked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = token(capsys, "lee", "reader", config)["Authorization"].partition(" ")[2]
    assert innerwatch("tokens", "add", "lee", "--role", "admin", "--config", config) == 1
    assert "revoke that one first" in capsys.readouterr().err
    assert innerwatch("tokens", "add", "kim", "--role", "king", "--config", config) == 2
    capsys.readouterr()
    assert innerwatch("tokens", "list", "--config", config) == 0
    listed = capsys.readouterr().out
    assert "lee" in listed
    assert "reader" in listed
    assert shown[4:] not in listed
    assert innerwatch("tokens", "revoke", "lee", "--config", config) == 0
    assert innerwatch("tokens", "revoke", "lee", "--config", config) == 2
    capsys.readouterr()
    assert innerwatch("tokens", "list", "--config", config) == 0
    assert "no, revoked" in capsys.readouterr().out


def test_over_tls_it_may_listen_anywhere_and_an_interrupt_says_so(config: Path, tmp_path: Path) -> None:
    made = make_certificate(tmp_path, "IP:127.0.0.1")
    text = config.read_text()
    config.write_text(f'{text}host = "0.0.0.0"\ncertificate_file = "{made.file}"\nkey_file = "{made.key}"\n')
    with serving(config) as served:
        trusted = ssl.create_default_context(cafile=made.file)
        with served.client("https", trusted) as client:
            answer = client.get("/healthz")
            assert answer.json() == {"status": "ok"}
            assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert served.end(signal.SIGINT) == 130
    assert served.lines()[0]["tls"] is True


def test_what_is_no_request_at_all_is_noted_without_a_word_of_it(config: Path) -> None:
    with serving(config) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=WAIT_S) as wire:
            wire.sendall(b"canary-4711\r\n\r\n")
            assert b"400" in wire.recv(4_096)
        assert served.end(signal.SIGTERM) == 0
    assert "server" in [line["event"] for line in served.lines()]
    assert "canary" not in served.log.read_text()


def test_what_cannot_be_served_is_an_error_that_names_the_key(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text()
    (tmp_path / "api.pem").write_text("none")
    config.write_text(f'{text}certificate_file = "api.pem"\nkey_file = "api.pem"\n')
    assert innerwatch("serve", "--config", config) == 1
    assert "api.certificate_file and api.key_file cannot be used" in capsys.readouterr().err
    made = make_certificate(tmp_path, "IP:127.0.0.1")
    command = ["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", str(made.key), "-out", str(tmp_path / "locked")]
    subprocess.run(command, check=True, capture_output=True)
    config.write_text(f'{text}certificate_file = "{made.file}"\nkey_file = "locked"\n')
    assert innerwatch("serve", "--config", config) == 1
    assert "the key without a password" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(text.replace("port = 0", f"port = {taken.getsockname()[1]}"))
        assert innerwatch("serve", "--config", config) == 1
        assert "give another one, 0 for any" in capsys.readouterr().err
    config.write_text(f'[state]\nfolder = "{tmp_path}/nowhere"\n')
    assert innerwatch("serve", "--config", config) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "soc.example"])
def test_without_tls_it_listens_on_loopback_alone(host: str, tmp_path: Path) -> None:
    file = tmp_path / "innerwatch.toml"
    file.write_text(f'[api]\nhost = "{host}"\n')
    with pytest.raises(ConfigError, match="is not a loopback address, and tokens would cross"):
        load_config(file)
    file.write_text(f'[api]\nhost = "{host}"\ncertificate_file = "a"\nkey_file = "b"\n')
    assert load_config(file).api.certificate_file == tmp_path / "a"
    assert Config().api.host == "127.0.0.1"
