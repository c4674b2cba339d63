"""A backup that is taken while a run goes on is a state to go on from, with the alerts of the run itself."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.errors import StoreError
from alerts.lines import alert_line
from detector import backup as module
from detector.app import replay
from detector.backup import MANIFEST, backup, checked, restore
from detector.config import Config, StateConfig
from detector.errors import BackupError, CheckpointError
from detector.home import STORE, Home
from detector.shard import SHARD
from detector.snapshots import SUFFIX
from streams import Tokens
from tests.detector.kill_driver import differences
from tests.detector.small import KEY, SmallLog, close_feed, feed_of
from tests.detector.test_cli import config_of, home, innerwatch  # noqa: F401 - a fixture
from tests.real.broker import free_ports

NEVER = "2026-11-28T00:00:00+00:00"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def brief_log(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> SmallLog:
    """The small log up to a day with alerts and dead letters behind it."""
    lines = small_log.events.read_bytes().splitlines(keepends=True)
    events = tmp_path_factory.mktemp("brief") / "brief.jsonl"
    events.write_bytes(b"".join(lines[: len(lines) // 2]))
    return replace(small_log, events=events)


def config_in(log: SmallLog, folder: Path) -> Config:
    return log.config(state={"folder": str(folder), "checkpoint_events": 400})


def finished(log: SmallLog, folder: Path) -> Path:
    """Replay a log to its end from where the state stands; its alerts go beside it."""
    done = replay(config_in(log, folder), Tokens(KEY), folder / "unused")
    folder.with_suffix(".jsonl").write_bytes(b"".join(map(alert_line, done.alerts)))
    return folder


@contextmanager
def begun(log: SmallLog, folder: Path, batches: int) -> Iterator[Callable[[], None]]:
    """A log that has been read so far and is open; what is given reads on."""
    feed = feed_of(config_in(log, folder), Tokens(KEY), folder / "unused")
    try:
        for _ in range(batches):
            feed.advance()
        yield lambda: [feed.advance() for _ in range(3)] and None
    finally:
        close_feed(feed)


@pytest.mark.parametrize("batches", [1, 3, 7])
def test_what_is_put_back_goes_on_to_the_same_end(brief_log: SmallLog, tmp_path: Path, batches: int) -> None:
    with begun(brief_log, tmp_path / "whole", batches) as go_on:
        made = backup(StateConfig(folder=tmp_path / "whole"), tmp_path / "copy", "", NEVER)
        go_on()
    finished(brief_log, tmp_path / "whole")
    assert restore(tmp_path / "copy", StateConfig(folder=tmp_path / "elsewhere"), "") == made
    with closing(Home(StateConfig(folder=tmp_path / "elsewhere"), read_only=True)) as there:
        assert not there.saved(SHARD).fallback
    finished(brief_log, tmp_path / "elsewhere")
    assert differences(tmp_path / "whole", tmp_path / "elsewhere") == []


def test_a_backup_that_a_run_overtakes_begins_again(
    brief_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, calls = module._copy, []

    def slow(source: Path, target: Path) -> None:
        if not calls:
            go_on()  # three more checkpoints: what the copied database names is gone
        calls.append(source)
        copy(source, target)

    monkeypatch.setattr(module, "_copy", slow)
    with begun(brief_log, tmp_path / "whole", 3) as go_on:
        first = sorted((tmp_path / "whole").glob(f"*{SUFFIX}"))
        made = backup(StateConfig(folder=tmp_path / "whole"), tmp_path / "copy", "", NEVER)
    assert not {path.name for path in first} & {part.name for part in made.parts}
    assert checked(tmp_path / "copy") == made


def test_one_that_is_always_overtaken_says_so(
    brief_log: SmallLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(source: Path, target: Path) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(module, "_copy", gone)
    finished(brief_log, tmp_path / "state")
    with pytest.raises(BackupError, match="faster than it could be copied"):
        backup(StateConfig(folder=tmp_path / "state"), tmp_path / "copy", "", NEVER)
    assert not (tmp_path / "copy" / MANIFEST).exists()


@pytest.fixture(scope="module")
def kept(brief_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a whole replay, made with the key "k"."""
    folder = tmp_path_factory.mktemp("kept")
    backup(StateConfig(folder=finished(brief_log, folder / "state")), folder / "copy", "k", NEVER)
    return folder / "copy"


def test_a_backup_holds_what_a_state_is_and_no_more(kept: Path) -> None:
    names = {path.name for path in kept.iterdir()}
    assert {STORE, MANIFEST, "deadletters.jsonl"} < names
    assert {name for name in names - {STORE, MANIFEST, "deadletters.jsonl"} if not name.endswith(SUFFIX)} == set()
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    assert kept.stat().st_mode & 0o777 == 0o700
    assert KEY.hex() not in (kept / MANIFEST).read_text()


@pytest.mark.parametrize("name", [STORE, "deadletters.jsonl", "*.state", MANIFEST])
def test_a_damaged_or_torn_backup_is_refused_and_nothing_is_put_back(kept: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(kept, tmp_path / "copy")
    path = max(copy.glob(name))
    content = path.read_bytes()
    path.write_bytes(content[:100] + (b"" if name == MANIFEST else bytes([content[100] ^ 1]) + content[101:]))
    for _ in range(2):
        with pytest.raises(BackupError, match=r"take another backup|no backup"):
            restore(copy, StateConfig(folder=tmp_path / "state"), "k")
        path.unlink(missing_ok=True)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["../alerts.db", "/etc/alerts.db", "a/b/deadletters.jsonl", "key", ".bashrc"])
def test_a_manifest_leads_nowhere_else(kept: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(kept, tmp_path / "copy")
    tree = json.loads((copy / MANIFEST).read_text())
    tree["parts"][0]["name"] = name
    (copy / MANIFEST).write_text(json.dumps(tree))
    with pytest.raises(BackupError, match="is not what was backed up"):
        restore(copy, StateConfig(folder=tmp_path / "state"), "k")


def test_another_key_and_another_state_are_refused(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="made with another key"):
        restore(kept, StateConfig(folder=tmp_path / "state"), "other")
    restore(kept, StateConfig(folder=tmp_path / "state"), "k")
    with pytest.raises(BackupError, match="there is state already"):
        restore(kept, StateConfig(folder=tmp_path / "state"), "k")
    with pytest.raises(BackupError, match=r"not an? .*SQLite|to an SQLite file"):
        restore(kept, StateConfig(database="postgresql://u@h/d"), "k")


def test_where_nothing_can_be_copied_it_says_so(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no state here"):
        backup(StateConfig(folder=tmp_path / "nowhere"), tmp_path / "copy", "", NEVER)
    assert not (tmp_path / "copy").exists()
    with pytest.raises(BackupError, match="not empty; give a new folder"):
        backup(StateConfig(folder=kept), kept, "", NEVER)


def test_a_newer_backup_is_refused_in_words(kept: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(kept, tmp_path / "copy")
    tree = json.loads((copy / MANIFEST).read_text())
    tree["format"], tree["release"] = "innerwatch-backup/9", "9.1.0"
    (copy / MANIFEST).write_text(json.dumps(tree))
    with pytest.raises(BackupError, match=r"use the release that made it, 9\.1\.0"):
        restore(copy, StateConfig(folder=tmp_path / "state"), "k")


def test_the_commands_say_what_to_do_about_the_key(
    brief_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = finished(brief_log, tmp_path / "state")
    assert innerwatch("backup", tmp_path / "copy", "--state", state) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"{tmp_path}/copy: ")
    assert "keep a copy of" in err
    (tmp_path / "home" / "innerwatch" / "key").unlink()
    assert innerwatch("restore", tmp_path / "copy", "--state", tmp_path / "elsewhere") == 0
    assert "put back the key as well" in capfd.readouterr().err
    assert innerwatch("restore", tmp_path / "copy") == 2


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def position(folder: Path) -> int:
    """Bytes of the log that are behind the last checkpoint."""
    try:
        with closing(Home(StateConfig(folder=folder), read_only=True)) as there:
            found = there.store.checkpoint(SHARD)
    except (StoreError, CheckpointError):  # the run has just begun to make it
        return 0
    return int(found.position.rpartition("@")[2]) if found is not None else 0


def running(config: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "detector.cli", "run", "--config", str(config)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def ended(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.slow
def test_a_backup_of_a_live_run_put_back_elsewhere_ends_as_the_run_that_went_on(
    brief_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    growing, lines = tmp_path / "growing.jsonl", brief_log.events.read_bytes().splitlines(keepends=True)
    growing.touch()

    def config(name: str) -> Path:
        (tmp_path / f"{name}.d").mkdir()
        (port,) = free_ports(1)
        sections: dict[str, dict[str, Any]] = {
            "source": {"paths": [str(growing)], "follow": True},
            "state": {"folder": str(tmp_path / name), "checkpoint_events": 300, "checkpoint_s": 0.1},
            "metrics": {"port": port},
        }
        return config_of(brief_log, tmp_path / f"{name}.d", **sections)

    whole = config("whole")
    process = running(whole)
    try:
        with growing.open("ab", buffering=0) as file:
            for number, line in enumerate(lines):
                file.write(line)
                if number == len(lines) // 8:
                    until(lambda: position(tmp_path / "whole") > 0)
                if number == len(lines) // 2:
                    assert innerwatch("backup", tmp_path / "copy", "--config", whole) == 0, capfd.readouterr()
        until(lambda: position(tmp_path / "whole") == growing.stat().st_size)
    finally:
        ended(process)
    there, state = config("there"), tmp_path / "there"
    assert innerwatch("restore", tmp_path / "copy", "--config", there) == 0, capfd.readouterr()
    assert 0 < position(state) < growing.stat().st_size
    process = running(there)
    try:
        until(lambda: position(state) == growing.stat().st_size)
    finally:
        ended(process)
    for folder in (tmp_path / "whole", state):
        folder.with_suffix(".jsonl").write_bytes(b"".join(told(folder)))
    assert told(state) != []
    assert differences(tmp_path / "whole", state) == []


def told(folder: Path) -> list[bytes]:
    with closing(Home(StateConfig(folder=folder), read_only=True)) as there:
        return [alert_line(alert) for alert in there.store.alerts()]
