"""The commands about the database, and a state whose alerts are in a database of their own."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from alerts import tables
from alerts.alert import Alert
from alerts.schema import CURRENT
from detector.config import StateConfig, load_config
from detector.home import STORE, Home
from detector.shard import SHARD
from tests.detector.small import SmallLog
from tests.detector.test_cli import config_of, home, innerwatch  # noqa: F401 - a fixture
from tests.real.postgres import PASSWORD, Postgres


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with closing(Home(StateConfig(folder=tmp_path / "state"))) as made:
        made.checkpoints(SHARD)
    return tmp_path / "state"


def older(state: Path) -> None:
    """Take the database back to the version before migrations."""
    with closing(sqlite3.connect(state / STORE)) as database, database:
        views = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        for (name,) in views:
            database.execute(f"DROP VIEW {name}")
        for name in {*tables.metadata.tables, "alembic_version"} - {"alerts", "checkpoints"}:
            database.execute(f"DROP TABLE {name}")
        database.execute("ALTER TABLE checkpoints DROP COLUMN former")
        database.execute("CREATE TABLE meta (schema_version INTEGER NOT NULL)")
        database.execute("INSERT INTO meta VALUES (1)")


def test_check_says_where_and_what(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert innerwatch("db", "check", "--state", state) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines == [f"database: {state / STORE}, version {CURRENT}", "alerts: 0", f"shard {SHARD}: epoch 1"]


def test_an_older_database_is_refused_until_it_is_upgraded(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    older(state)
    assert innerwatch("db", "check", "--state", state) == 1
    assert "run innerwatch db upgrade" in capfd.readouterr().err
    assert innerwatch("db", "upgrade", "--state", state) == 0
    assert f"upgraded from version 0001 to version {CURRENT}" in capfd.readouterr().out
    assert innerwatch("db", "upgrade", "--state", state) == 0
    assert "nothing to do" in capfd.readouterr().out
    assert innerwatch("db", "check", "--state", state) == 0
    assert f"shard {SHARD}: epoch 1" in capfd.readouterr().out


def test_a_damaged_database_is_an_error(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(state / STORE)) as database, database:
        database.execute("UPDATE checkpoints SET position = '1', snapshot = 'x', sha256 = 'y', counters = '[7'")
    assert innerwatch("db", "check", "--state", state) == 1
    assert "is damaged" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_where_there_is_no_state_none_is_made(command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert innerwatch("db", command, "--state", tmp_path / "nowhere") == 1
    assert "no state here" in capfd.readouterr().err
    assert not (tmp_path / "nowhere").exists()
    assert innerwatch("db", command) == 2
    (tmp_path / "empty.toml").touch()
    assert innerwatch("db", command, "--config", tmp_path / "empty.toml") == 1
    assert "state.database" in capfd.readouterr().err


def test_an_sqlite_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[state]\ndatabase = "sqlite:///own/alerts.db?timeout=3"\n')
    assert load_config(tmp_path / "mine.toml").state.database == f"sqlite:///{tmp_path}/own/alerts.db?timeout=3"


def test_the_configuration_s_database_goes_with_its_folder_and_no_other(
    small_log: SmallLog, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = {"folder": str(tmp_path / "state"), "database": f"sqlite:///{tmp_path}/shared.db"}
    config = config_of(small_log, tmp_path, state=state)
    assert innerwatch("replay", small_log.events, "--config", config, "--state", tmp_path / "scratch") == 0
    assert (tmp_path / "scratch" / STORE).exists()
    assert not (tmp_path / "shared.db").exists()
    there_and_back(small_log, config, tmp_path / "state", capfd)
    assert not (tmp_path / "state" / STORE).exists()


@pytest.mark.slow
def test_a_state_in_postgresql_serves_every_command(
    small_log: SmallLog, tmp_path: Path, postgres: Postgres, postgres_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    database = {"database": postgres_url, "password_file": str(postgres.password_file)}
    config = config_of(small_log, tmp_path, state={"folder": str(tmp_path / "state")} | database)
    assert innerwatch("db", "check", "--config", config) == 1
    assert "not one of alerts yet" in capfd.readouterr().err
    assert innerwatch("db", "upgrade", "--config", config) == 0
    assert f"upgraded from nothing to version {CURRENT}" in capfd.readouterr().out
    there_and_back(small_log, config, tmp_path / "state", capfd)
    assert PASSWORD not in config.read_text()


def there_and_back(small_log: SmallLog, config: Path, state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Replay into a state, and ask every command about it."""
    capfd.readouterr()
    assert innerwatch("replay", small_log.events, "--config", config, "--state", state) == 0
    told = [msgspec.json.decode(line, type=Alert) for line in capfd.readouterr().out.splitlines()]
    assert told
    place = ["--config", config, "--state", state]
    assert innerwatch("explain", told[0].alert_id, *place) == 0
    assert innerwatch("explain", told[0].alert_id, *place, "--reveal") == 0
    assert innerwatch("baseline", told[0].actor, *place) == 0
    assert innerwatch("check", "--config", config) == 0
    capfd.readouterr()
    assert innerwatch("db", "check", "--config", config) == 0
    out, err = capfd.readouterr()
    assert re.search(rf"^alerts: {len(told)}$", out, re.MULTILINE)
    assert PASSWORD not in out + err
