"""State of every earlier version is upgraded and goes on as this one's does; newer state is refused in words."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as Alembic

from alerts import tables
from alerts.lines import alert_line
from alerts.schema import CURRENT, MIGRATIONS
from detector.app import replay
from detector.home import DEAD_LETTERS, STORE
from detector.snapshot import SCHEMA, read_snapshot, write_snapshot
from detector.snapshots import SUFFIX
from detector.state import packed_values, unpacked_values
from streams import Tokens
from tests.detector.kill_driver import differences
from tests.detector.small import KEY, SmallLog, close_feed, feed_of
from tests.detector.test_cli import config_of, home, innerwatch  # noqa: F401 - a fixture

CONTEXTS: Final = "0003"
"""The version that began to record contexts; snapshots of before know none."""


@pytest.fixture(scope="module")
def halves(small_log: SmallLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a state in the middle of the log, `half`, and one at its end, `whole`."""
    folder = tmp_path_factory.mktemp("halves")
    config = small_log.config(state={"folder": str(folder / "half"), "checkpoint_events": 400})
    feed = feed_of(config, Tokens(KEY), folder / "unused")
    for _ in range(8):
        feed.advance()
    close_feed(feed)
    shutil.copytree(folder / "half", folder / "whole")
    finish(small_log, folder / "whole")
    return folder


def finish(log: SmallLog, state: Path) -> None:
    """Judge the rest of the log; the alerts go beside the state."""
    done = replay(log.config(state={"folder": str(state), "checkpoint_events": 400}), Tokens(KEY), state / "unused")
    state.with_suffix(".jsonl").write_bytes(b"".join(map(alert_line, done.alerts)))


def of_version(state: Path, old: Path, version: str) -> None:
    """Write the state as the release of an earlier schema had written it."""
    old.mkdir(0o700)
    for path in [*state.glob(f"*{SUFFIX}"), state / DEAD_LETTERS]:
        shutil.copy(path, old)
    engine = sa.create_engine(f"sqlite:///{old / STORE}")
    with engine.begin() as connection:
        config = Alembic(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, version)
    engine.dispose()
    with closing(sqlite3.connect(old / STORE)) as database, database:
        database.execute("ATTACH DATABASE ? AS new", (str(state / STORE),))
        for (name,) in database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if name in tables.metadata.tables:
                columns = ", ".join(one[1] for one in database.execute(f"PRAGMA main.table_info({name})"))
                database.execute(f"DELETE FROM main.{name}")
                database.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM new.{name}")
        if version < CONTEXTS:
            for shard, snapshot in database.execute("SELECT shard, snapshot FROM main.checkpoints").fetchall():
                sha256 = without_contexts(old / snapshot)
                database.execute("UPDATE main.checkpoints SET sha256 = ? WHERE shard = ?", (sha256, shard))


def without_contexts(path: Path) -> str:
    """Take out of a snapshot what was recorded of contexts; its new SHA-256."""
    state = read_snapshot(path)
    feed = unpacked_values(state["feed"])
    kept = {key: value for key, value in feed.items() if key in ("letters", "replayed")}
    assert kept != feed
    return write_snapshot(path, {**state, "feed": packed_values(kept)})


@pytest.mark.parametrize("version", tables.VERSIONS[:-1])
def test_state_of_an_earlier_version_is_upgraded_and_goes_on(
    version: str, halves: Path, small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old"
    of_version(halves / "half", old, version)
    assert innerwatch("replay", small_log.events, "--state", old) == 1
    assert f"schema version {version} is older than {CURRENT}" in capfd.readouterr().err
    assert innerwatch("backup", tmp_path / "copy", "--state", old) == 0, "what is to be upgraded is backed up first"
    assert innerwatch("db", "upgrade", "--state", old) == 0
    assert f"upgraded from version {version} to version {CURRENT}" in capfd.readouterr().out
    finish(small_log, old)
    assert old.with_suffix(".jsonl").read_bytes() == (halves / "whole.jsonl").read_bytes() != b""
    # A state that knew no contexts takes the present one over where it stands, and records that.
    assert set(differences(old, halves / "whole")) <= ({"0/feed"} if version < CONTEXTS else set())
    assert innerwatch("restore", tmp_path / "copy", "--state", tmp_path / "back") == 0
    assert "innerwatch db upgrade" in capfd.readouterr().err
    assert innerwatch("replay", small_log.events, "--state", tmp_path / "back") == 1
    assert f"schema version {version} is older" in capfd.readouterr().err, "it is again what the old release wrote"


@pytest.fixture
def newer(halves: Path, tmp_path: Path) -> Path:
    """State that a later release has upgraded."""
    state = shutil.copytree(halves / "half", tmp_path / "newer")
    with closing(sqlite3.connect(state / STORE)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0099'")
    return state


def contents(state: Path) -> dict[str, bytes]:
    """What is in the files of a state, but for those that SQLite makes for whoever looks."""
    return {path.name: path.read_bytes() for path in state.iterdir() if not path.name.endswith(("-shm", "-wal"))}


@pytest.mark.parametrize("asked", ["run", "deliver", "db upgrade", "db check", "doctor", "backup"])
def test_a_rollback_over_a_new_version_is_refused_in_words_and_nothing_is_changed(
    asked: str, newer: Path, small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver = '{ soc = { kind = "syslog", host = "127.0.0.1", transport = "udp" } }'
    config = config_of(small_log, tmp_path, state={"folder": str(newer)}, metrics={"enabled": False})
    config.write_text(f"{config.read_text()}\n[delivery]\nreceivers = {receiver}\n")
    before = contents(newer)
    place = [str(tmp_path / "copy")] if asked == "backup" else []
    assert innerwatch(*asked.split(), *place, "--config", config) == 1
    out, err = capfd.readouterr()
    assert "version 0099 is unknown" in out + err
    assert "use the release that wrote it" in out + err
    assert contents(newer) == before
    assert not (tmp_path / "copy" / "backup.json").exists()


def test_a_snapshot_of_a_newer_form_is_refused_in_words(
    halves: Path, small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = shutil.copytree(halves / "half", tmp_path / "newer")
    for path in state.glob(f"*{SUFFIX}"):
        path.write_bytes(path.read_bytes().replace(SCHEMA, SCHEMA.replace(b"/1", b"/9"), 1))
    assert innerwatch("replay", small_log.events, "--state", state) == 1
    assert "of another schema; use the release that wrote it" in capfd.readouterr().err
