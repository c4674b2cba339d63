"""The incident queue from the command line, over a state that a live run left, with a receiver on loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from alerts.incident import State
from detector.app import run
from detector.config import load_config
from detector.deliver import open_desk
from streams import Tokens
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import innerwatch


class Hook(HTTPServer):
    """Takes what is posted, by its webhook-id."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: dict[str, dict] = {}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Hook)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken[self.headers["webhook-id"]] = json.loads(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def watched(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a state that a live run has filled."""
    folder = tmp_path_factory.mktemp("watched")
    config = small_log.config(state={"folder": str(folder / "state")}, metrics={"enabled": False})
    assert run(config, Tokens(KEY), BytesIO(), Heard()) == 0
    return folder


def config_at(folder: Path, hook: Hook) -> Path:
    (folder / "secret").write_text("whsec_" + "a2tra2tra2tra2tra2tra2tra2tra2tr\n")
    config = folder / "innerwatch.toml"
    config.write_text(
        '[state]\nfolder = "state"\n[delivery.receivers.soc]\nkind = "webhook"\nallow_plain = true\n'
        f'allow_networks = ["127.0.0.0/8"]\nurl = "http://127.0.0.1:{hook.server_port}/in"\nsecret_file = "secret"\n'
    )
    return config


def opened(config: Path) -> str:
    """The id of an incident that is not closed."""
    with closing(open_desk(load_config(config))) as desk:
        return next(one.incident_id for one in desk.incidents() if one.state is not State.CLOSED)


def test_an_incident_is_worked_on_from_the_first_look_to_the_verdict(watched: Path, hook: Hook, capsys) -> None:
    config = str(config_at(watched, hook))
    assert innerwatch("incidents", "list", "--config", config) == 0
    listed = capsys.readouterr().out
    first = listed.splitlines()[1].split()[0]
    assert innerwatch("incidents", "assign", first, "lee", "--by", "kim", "--config", config) == 0
    assert innerwatch("incidents", "note", first, "asked the supervisor", "--by", "lee", "--config", config) == 0
    assert innerwatch("incidents", "move", first, "investigating", "--by", "lee", "--config", config) == 0
    capsys.readouterr()
    assert innerwatch("incidents", "show", first, "--config", config) == 0
    shown = capsys.readouterr().out
    for words in ("investigating", "asked the supervisor", "First steps", "Who is told, and why", "soc", "routed"):
        assert words in shown
    close = ["incidents", "close", first, "--verdict", "benign_positive", "--by", "lee", "--config", config]
    assert innerwatch(*close, "--reason", "an audit") == 0
    assert innerwatch("incidents", "list", "--config", config) == 0
    assert first not in capsys.readouterr().out
    assert innerwatch("incidents", "reopen", first, "--reason", "no audit", "--by", "kim", "--config", config) == 0
    assert innerwatch("incidents", "close", first, "--verdict", "guilty", "--reason", "x", "--config", config) == 2


def test_alerts_are_split_off_and_merged_back(watched: Path, hook: Hook, capsys) -> None:
    config = ["--config", str(config_at(watched, hook))]
    assert innerwatch("incidents", "list", *config) == 0
    with closing(open_desk(load_config(Path(config[1])))) as desk:
        first, second = [one.incident_id for one in desk.incidents()[:2]]
    for one in (first, second):
        innerwatch("incidents", "reopen", one, "--reason", "as it may be closed", *config)
    capsys.readouterr()
    assert innerwatch("incidents", "merge", first[:8], second[:8], "--by", "lee", *config) == 0
    assert f"{first}: merged into {second}" in capsys.readouterr().err
    assert innerwatch("incidents", "show", first, *config) == 0
    assert f"into {second[:8]}" in capsys.readouterr().out
    assert innerwatch("incidents", "close", first, "--verdict", "undetermined", "--reason", "x", *config) == 1
    assert f"was merged into {second}" in capsys.readouterr().err
    assert innerwatch("incidents", "split", second, first[:8], "--by", "lee", *config) == 0
    said = capsys.readouterr().err
    assert f"{first}: " in said
    assert "split off" in said
    assert innerwatch("incidents", "split", second, second, *config) == 1
    assert "gave the incident its id" in capsys.readouterr().err


def test_delivery_is_a_process_of_its_own_that_tells_and_resolves(watched: Path, hook: Hook, capsys) -> None:
    config = config_at(watched, hook)
    assert innerwatch("incidents", "list", "--config", str(config)) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "detector.cli", "deliver", "--config", config], stderr=subprocess.PIPE, env=os.environ
    )
    try:
        until = time.monotonic() + 30
        incident = opened(config)
        while not any(one["data"]["alert"]["alert_id"] == incident for one in hook.taken.values()):
            assert time.monotonic() < until
            time.sleep(0.1)
        close = ["incidents", "close", incident, "--verdict", "false_positive", "--reason", "a robot", "--by", "lee"]
        innerwatch(
            "incidents", "reopen", incident, "--reason", "as it may be closed", "--by", "lee", "--config", str(config)
        )
        assert innerwatch(*close, "--config", str(config)) == 0
        while not any(one["type"] == "alert.resolved" for one in hook.taken.values()):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in said.decode().splitlines()]
    assert events[0] == "delivering"
    assert events[-1] == "stopped"
    assert "a2tra2tr" not in said.decode()


def test_a_test_alert_is_marked_and_what_came_back_is_said(watched: Path, hook: Hook, capsys) -> None:
    config = config_at(watched, hook)
    assert innerwatch("receivers", "test", "soc", "--config", str(config)) == 0
    assert "soc has taken the test alert" in capsys.readouterr().err
    (taken,) = [one for key, one in hook.taken.items() if key.endswith(".test")]
    assert taken["data"]["test"] is True
    config.write_text(config.read_text().replace('allow_networks = ["127.0.0.0/8"]\n', ""))
    assert innerwatch("receivers", "test", "soc", "--config", str(config)) == 1
    assert "not a public address" in capsys.readouterr().err
    assert innerwatch("receivers", "test", "nobody", "--config", str(config)) == 1
    assert "delivery.receivers has no 'nobody'; there are: soc" in capsys.readouterr().err


def test_a_silence_says_what_it_would_have_hidden_before_it_is_kept(watched: Path, hook: Hook, capsys) -> None:
    config = str(config_at(watched, hook))
    common = ["--hours", "24", "--reason", "a migration", "--by", "lee", "--config", config]
    assert innerwatch("silences", "add", *common) == 2
    assert innerwatch("silences", "add", "--detection", "honey_record", "--preview", *common) == 0
    assert "it would have hidden" in capsys.readouterr().err
    assert innerwatch("silences", "add", "--detection", "honey_record", *common) == 0
    said = capsys.readouterr().err
    number = said.split("silence ")[1].split()[0]
    assert innerwatch("silences", "list", "--config", config) == 0
    assert "a migration" in capsys.readouterr().out
    assert innerwatch("silences", "expire", number, "--config", config) == 0
    assert innerwatch("silences", "expire", number, "--config", config) == 2


def test_an_exception_says_what_it_would_have_kept_quiet_and_is_no_place_to_hide(
    watched: Path, hook: Hook, capsys
) -> None:
    config = str(config_at(watched, hook))
    common = ["--days", "14", "--reason", "a migration", "--by", "lee", "--config", config]
    assert innerwatch("incidents", "list", "--config", config) == 0
    with closing(open_desk(load_config(Path(config)))) as desk:
        actor = next(iter(desk.incidents())).actor
    capsys.readouterr()
    for wrong, said in (
        ([actor, "--detection", "bulk_exports"], "none of"),
        ([actor, "--detection", "bulk_export", "--severity", "worst"], "none of"),
        (["E1042", "--detection", "bulk_export"], "no pseudonym"),
    ):
        assert innerwatch("exceptions", "add", *wrong, *common) == 2
        assert said in capsys.readouterr().err
    assert innerwatch("exceptions", "add", actor, "--detection", "bulk_export", "--severity", "critical", *common) == 1
    assert "never expected" in capsys.readouterr().err
    asked = ["exceptions", "add", actor, "--detection", "bulk_export", "--detection", "odd_hours"]
    assert innerwatch(*asked, "--preview", *common) == 0
    assert "kept" not in capsys.readouterr().err
    assert innerwatch(*asked, *common) == 0
    number = capsys.readouterr().err.split("kept as ")[1].split(";")[0]
    assert innerwatch("exceptions", "list", "--config", config) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].split()[0] == number
    assert innerwatch("exceptions", "end", number, "--by", "kim", "--config", config) == 0
    assert innerwatch("exceptions", "end", number, "--config", config) == 2
    capsys.readouterr()
    assert innerwatch("exceptions", "list", "--config", config) == 0
    assert "0 in all" in capsys.readouterr().err
