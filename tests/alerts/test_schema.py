"""The schema is made, told and upgraded alike on both databases, and nothing is lost on the way."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from alerts import tables
from alerts.database import Database
from alerts.errors import StoreError
from alerts.schema import CURRENT, MIGRATIONS, upgrade
from alerts.store import Store
from tests.alerts.samples import Place, make_alert, make_checkpoint

# What the release before migrations made, statement by statement.
RELEASED = """
CREATE TABLE meta (schema_version INTEGER NOT NULL);
CREATE TABLE alerts (alert_id VARCHAR(20) NOT NULL, actor VARCHAR NOT NULL, opened_at VARCHAR(32) NOT NULL,
    updated_at VARCHAR(32) NOT NULL, risk {double} NOT NULL, severity VARCHAR(8) NOT NULL, body TEXT NOT NULL,
    revision INTEGER NOT NULL, PRIMARY KEY (alert_id));
CREATE INDEX ix_alerts_actor ON alerts (actor);
CREATE INDEX ix_alerts_opened_at ON alerts (opened_at);
CREATE TABLE checkpoints (shard VARCHAR NOT NULL, position VARCHAR, snapshot VARCHAR, sha256 VARCHAR(64),
    counters TEXT, epoch INTEGER NOT NULL, PRIMARY KEY (shard));
INSERT INTO meta (schema_version) VALUES (1)
"""


@pytest.fixture
def place(empty_place):
    return empty_place


def upgraded(place):
    with closing(Database(place.url, place.password_file)) as database:
        return upgrade(database)


def differences(place):
    with closing(Database(place.url, place.password_file)) as database, database.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, tables.metadata)


@pytest.fixture
def released(place):
    """A database of the release before, with an alert and a checkpoint in it."""
    alert, checkpoint = make_alert(), make_checkpoint(epoch=7)
    body = msgspec.json.encode(alert).decode().replace("'", "''")
    counters = msgspec.json.encode(checkpoint.counters).decode()
    place.run(
        *RELEASED.format(double="DOUBLE PRECISION" if place.password_file else "DOUBLE").split(";"),
        f"INSERT INTO alerts VALUES ('{alert.alert_id}', '{alert.actor}', '{tables.time_text(alert.opened_at)}', "
        f"'{tables.time_text(alert.updated_at)}', {alert.risk}, '{alert.severity.value}', '{body}', 3)",
        f"INSERT INTO checkpoints VALUES ('claims/0', '{checkpoint.position}', '{checkpoint.snapshot}', "
        f"'{checkpoint.sha256}', '{counters}', 7)",
    )
    return place


def test_the_migrated_schema_is_that_of_the_tables(store, place):
    assert differences(place) == []


def test_an_upgraded_schema_is_that_of_the_tables(released):
    upgraded(released)
    assert differences(released) == []


def test_nothing_is_lost_by_an_upgrade_which_may_be_done_again(released):
    assert upgraded(released) == ("0001", CURRENT)
    assert upgraded(released) == (CURRENT, CURRENT)
    with closing(released.open()) as store:
        assert store.alerts() == [make_alert()]
        assert store.checkpoint("claims/0") == make_checkpoint(epoch=7)
        assert store.acquire("claims/0") == 8
        store.commit("claims/0", make_checkpoint(epoch=8), [make_alert(risk=99.0)])
    assert released.rows("SELECT revision FROM alerts") == [(4,)]


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_schema_is_refused_with_what_to_do(released, read_only):
    with pytest.raises(StoreError, match=rf"version 0001 is older than {CURRENT}.*run innerwatch db upgrade"):
        released.open(read_only=read_only)
    assert released.rows("SELECT schema_version FROM meta") == [(1,)]


def test_an_upgrade_that_fails_in_the_middle_changes_nothing(released):
    released.run("CREATE TABLE outbox (mine INTEGER)")
    with pytest.raises(StoreError, match="already exists"):
        upgraded(released)
    assert released.rows("SELECT schema_version FROM meta") == [(1,)]
    released.run("DROP TABLE outbox")
    assert upgraded(released) == ("0001", CURRENT)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_refused_with_what_to_do(store, place, read_only):
    place.run("UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(StoreError, match=r"version 0099 is unknown.*use the release that wrote it"):
        place.open(read_only=read_only)
    with pytest.raises(StoreError, match="0099"):
        upgraded(place)


def test_an_unknown_version_from_before_migrations_is_refused(released):
    released.run("UPDATE meta SET schema_version = 2")
    with pytest.raises(StoreError, match="version 0002 is unknown"):
        released.open()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("table", ["songs (title TEXT)", "alembic_version (version_num TEXT)"])
def test_a_database_of_something_else_is_refused_and_left_alone(place, table, read_only):
    place.run(f"CREATE TABLE {table}")
    with pytest.raises(StoreError, match="a database, but not one of alerts"):
        place.open(read_only=read_only)
    with pytest.raises(StoreError, match="a database, but not one of alerts"):
        upgraded(place)


def test_a_reader_makes_no_schema(place):
    with closing(Database(place.url, place.password_file)) as database:
        assert upgrade(database)[0] is None
    place.run(
        *(f"DROP VIEW {name}" for name in ("v_promotions", "v_verdicts", "v_incidents", "v_alerts", "v_detections"))
    )
    place.run(*(f"DROP TABLE {name}" for name in (*tables.metadata.tables, "alembic_version")))
    with pytest.raises(StoreError, match="not one of alerts yet"):
        place.open(read_only=True)


def test_threads_may_make_databases_at_once(tmp_path):
    def make(number):
        Store(f"sqlite:///{tmp_path}/{number}.db").close()
        return differences(Place(f"sqlite:///{tmp_path}/{number}.db"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(16))) == [[]] * 16


def test_every_version_has_one_file_in_order():
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("0*.py"))
    assert tuple(name[:4] for name in files) == tables.VERSIONS


def test_alembic_is_loaded_only_when_there_is_something_to_migrate(store, place):
    word = f"Path({str(place.password_file)!r})" if place.password_file else None
    script = (
        "import sys; from pathlib import Path; from alerts.store import Store; "
        f"Store({place.url!r}, {word}).close(); sys.exit('alembic' in sys.modules or {word is None} and "
        "'psycopg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
