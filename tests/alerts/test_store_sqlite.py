"""What is particular to a store in an SQLite file."""

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from alerts.errors import StoreError, UnavailableError
from alerts.store import Store


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "state" / "alerts.db"


@pytest.fixture
def store(store_path):
    with closing(Store(f"sqlite:///{store_path}")) as opened:
        yield opened


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def raw(store):
    return store._database._connection.connection.dbapi_connection


def test_a_full_disk_is_said_and_nothing_is_half_written(owned, commit, make_alert, make_finding):
    commit(owned, make_alert(), position="1")
    pages = raw(owned).execute("PRAGMA page_count").fetchone()[0]
    raw(owned).execute(f"PRAGMA max_page_count = {pages + 2}")
    large = [make_alert(alert_id=f"{n:020x}", findings=(make_finding(sentence="x" * 4000),)) for n in range(50)]
    with pytest.raises(StoreError, match=r"alerts\.db: the disk is full"):
        commit(owned, *large, position="2")
    assert owned.alerts() == [make_alert()]
    assert owned.checkpoint("claims/0").position == "1"
    raw(owned).execute("PRAGMA max_page_count = 100000")
    commit(owned, *large, position="2")
    assert len(owned.alerts()) == 51


def test_a_locked_file_is_said_and_the_store_goes_on_afterwards(store_path, commit, make_alert):
    with closing(Store(f"sqlite:///{store_path}?timeout=0.05")) as store:
        store.acquire("claims/0")
        with closing(sqlite3.connect(store_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError, match=r"alerts\.db: locked by another process"):
                commit(store, make_alert())
            other.execute("ROLLBACK")
        commit(store, make_alert())
        assert store.alerts() == [make_alert()]


def test_a_commit_holds_the_write_lock_from_its_first_read_on(owned, store_path, make_alert, make_checkpoint):
    def tried():
        other = sqlite3.connect(store_path, isolation_level=None, timeout=0)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        yield make_alert()

    owned.commit("claims/0", make_checkpoint(), tried())
    assert owned.alerts() == [make_alert()]


def test_a_reader_sees_the_last_commit_while_the_owner_writes(owned, store_path, commit, make_alert):
    commit(owned, make_alert())
    with closing(Store(f"sqlite:///{store_path}", read_only=True)) as reader:
        assert reader.alerts() == [make_alert()]
        raw(owned).execute("BEGIN IMMEDIATE")
        raw(owned).execute("DELETE FROM alerts")
        assert reader.alerts() == [make_alert()]
        raw(owned).execute("ROLLBACK")


def test_a_reader_can_neither_write_nor_acquire_nor_make_a_file(store, store_path, tmp_path):
    reader = Store(f"sqlite:///{store_path}", read_only=True)
    with closing(reader), pytest.raises(StoreError, match=r"alerts\.db: not writable"):
        reader.acquire("claims/0")
    with pytest.raises(StoreError, match=r"absent\.db: cannot be opened"):
        Store(f"sqlite:///{tmp_path}/absent.db", read_only=True)
    assert not (tmp_path / "absent.db").exists()


def test_only_an_owner_moves_the_log_into_the_database(store):
    def pages():
        return raw(store).execute("PRAGMA wal_autocheckpoint").fetchone()[0]

    assert pages() == 0
    store.acquire("claims/0")
    assert pages() > 0


def test_commits_are_synchronous_and_logged_ahead(store):
    settings = {
        name: raw(store).execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_file_and_folder_are_for_their_owner_alone_when_made(owned, store_path, commit, make_alert):
    commit(owned, make_alert())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store_path.parent.iterdir()}
    assert stat.S_IMODE(store_path.parent.stat().st_mode) == 0o700
    assert modes == {"alerts.db": 0o600, "alerts.db-wal": 0o600, "alerts.db-shm": 0o600}


def test_the_mode_of_a_folder_that_was_there_stays(tmp_path):
    tmp_path.chmod(0o755)
    Store(f"sqlite:///{tmp_path}/alerts.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, read_only):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, just my notes\n" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt: not a database"):
        Store(f"sqlite:///{path}", read_only=read_only)
    assert path.read_bytes() == b"not a database, just my notes\n" * 100


def test_a_damaged_file_is_said_to_be_damaged(owned, store_path, commit, make_alert):
    commit(owned, *(make_alert(alert_id=f"{n:020x}") for n in range(40)))
    owned.close()
    content = bytearray(store_path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 100] = os.urandom(100)
    store_path.write_bytes(content)
    with pytest.raises(StoreError, match=r"alerts\.db: the database is damaged"):
        Store(f"sqlite:///{store_path}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("alerts.db", "sqlite:///alerts.db"),
        ("user:secret@host/db", "sqlite:///alerts.db"),
        ("postgresql://user:secret@host:port/db", "sqlite:///alerts.db"),
        ("nonesuch://user:secret@host/db", "neither SQLite nor PostgreSQL"),
        ("sqlite:////proc/nonesuch/alerts.db", "/proc/nonesuch/alerts.db: cannot be made"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_its_password(url, said):
    with pytest.raises(StoreError, match=said) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_a_store_in_memory_serves_the_same(commit, make_alert):
    with closing(Store("sqlite://")) as store:
        store.acquire("claims/0")
        commit(store, make_alert())
        assert store.alerts() == [make_alert()]
