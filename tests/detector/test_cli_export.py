"""Data out from the command line: what is said, what is refused, and how a signal ends it."""

import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from alerts.incident import Verdict
from alerts.work import By, Close
from detector.app import run
from detector.config import load_config
from detector.deliver import open_desk
from streams import Tokens
from tests.detector.export.out import rows
from tests.detector.heard import Heard
from tests.detector.small import KEY, SmallLog
from tests.detector.test_cli import config_of, home, innerwatch

__all__ = ["home"]  # a fixture: the key is this user's


def test_an_export_and_its_check_say_what_there_is_and_what_was_not_looked_at(
    small_log: SmallLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = config_of(small_log, tmp_path), tmp_path / "out"
    days = ["--from", "2026-03-03", "--to", "2026-03-06"]
    assert innerwatch("export", "features", "--config", config, *days, "--out", out, "--also", "events") == 0
    said = capsys.readouterr()
    assert "rows of 4 working days" in said.err
    assert said.out == ""
    assert {row["day"] for row in rows(out, "events")} == {f"2026-03-0{day}" for day in (3, 4, 5, 6)}
    assert innerwatch("export", "check", out) == 0
    assert "no value was made again" in capsys.readouterr().err
    assert innerwatch("export", "check", out, "--replay", "--config", config) == 0
    assert "are what the log alone gives, to the bit" in capsys.readouterr().err
    (out / "dictionary.md").write_text("")
    assert innerwatch("export", "check", out) == 1
    assert "dictionary.md: its SHA-256 is not that of the manifest" in capsys.readouterr().err


def test_labels_are_read_from_the_state_of_a_run(
    small_log: SmallLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_of(small_log, tmp_path, state={"folder": str(tmp_path / "state")}, metrics={"enabled": False})
    settings = load_config(config)
    assert run(settings, Tokens(KEY), BytesIO(), Heard()) == 0
    asked = ("export", "labels", "--config", config, "--out", tmp_path / "labels")
    assert innerwatch(*asked) == 1
    assert "nothing for labels at all" in capsys.readouterr().err
    assert innerwatch(*asked, "--if-any") == 0
    assert not (tmp_path / "labels").exists()
    with closing(open_desk(settings)) as desk:
        desk.take_in([], [], 1_800_000_000.0)
        one = desk.incidents()[0].incident_id
        desk.act(one, Close(Verdict.TRUE_POSITIVE, "it was"), By("ana", 1_800_000_100.0))
    assert innerwatch(*asked, "--if-any") == 0
    assert innerwatch("export", "alerts", "--config", config, "--out", tmp_path / "alerts") == 0
    found, alerts = rows(tmp_path / "labels", "labels"), rows(tmp_path / "alerts", "alerts")
    told = {alert["alert_id"]: alert for alert in alerts}
    assert {(row["actor"], row["verdict"], row["known_at"].timestamp()) for row in found} == {
        (told[one]["actor"], "true_positive", 1_800_000_100.0)
    }
    assert [row["opened_at"] for row in found] == [told[row["alert_id"]]["opened_at"] for row in found]
    assert "ana" not in json.dumps(found, default=str)
    assert innerwatch("export", "check", tmp_path / "labels", "--replay") == 0
    assert "verdicts cannot be" in capsys.readouterr().err
    assert innerwatch("export", "labels", "--state", tmp_path / "none", "--out", tmp_path / "new", "--if-any") == 1
    assert "no state here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["features", "--from", "2026-03-09", "--to", "2026-03-08"], "no day is from 2026-03-09 to 2026-03-08"),
        (["features", "--from", "2031-01-01"], "there are no rows of features on these days"),
        (["events", "--shard", "7"], "there is no shard '7' here; the shards are 0"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line_and_leaves_nothing(
    small_log: SmallLog, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    config = config_of(small_log, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert innerwatch("export", *arguments, "--config", config, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == before


def test_without_pyarrow_it_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for arguments in (["features", "--out", "x"], ["labels", "--out", "x"], ["check", "x"]):
        assert innerwatch("export", *arguments) == 1
        assert "pip install 'innerwatch[batch]'" in capsys.readouterr().err
    assert innerwatch("train", "x", "--out", "y") == 1
    assert "pip install 'innerwatch[batch]'" in capsys.readouterr().err


def test_nothing_but_an_export_loads_pyarrow() -> None:
    script = "import sys, detector.cli, detector.app; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_signal_ends_it_with_nothing_left(small_log: SmallLog, tmp_path: Path) -> None:
    config = config_of(small_log, tmp_path)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "detector.cli", "export", "events", "-", "--config", config, "--out", out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(small_log.events.read_bytes())
        process.stdin.flush()
        until = time.monotonic() + 120
        while not list(tmp_path.glob(".out.draft/events/*/*.parquet")) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # which ends the wait for more
        said = process.stderr.read().decode()
        assert process.wait() == 130
    assert said.endswith("interrupted; nothing was written\n")
    assert not list(tmp_path.glob("*out*"))
    assert not list(tmp_path.glob(".*draft*"))
