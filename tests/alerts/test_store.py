import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from alerts.errors import AmbiguousAlertError, StaleOwnerError, StoreError, UnknownAlertError
from alerts.store import Store


@pytest.fixture
def commit(make_checkpoint):
    def send(store, *alerts, shard="claims/0", **fields):
        store.commit(shard, make_checkpoint(**fields), alerts)

    return send


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def raw(store):
    return store._connection.connection.dbapi_connection


def revisions(path):
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT alert_id, revision FROM alerts"))


def run(path, body, *arguments):
    """Run a script in a process of its own, with the store open and one alert and checkpoint at hand."""
    script = f"""
import os, signal, sys
import msgspec
from collections.abc import Sequence
from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.store import Store
store = Store("sqlite:///" + sys.argv[1])
{textwrap.dedent(body)}
"""
    command = [sys.executable, "-W", "error", "-c", script, str(path), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def text(value):
    return msgspec.json.encode(value).decode()


def test_what_is_committed_is_there_after_reopening(owned, store_path, commit, make_alert, make_checkpoint):
    commit(owned, make_alert())
    owned.close()
    with closing(Store(f"sqlite:///{store_path}")) as again:
        assert again.alerts() == [make_alert()]
        assert again.checkpoint("claims/0") == make_checkpoint()


def test_a_shard_has_no_checkpoint_before_its_first_commit(store):
    assert store.checkpoint("claims/0") is None
    store.acquire("claims/0")
    assert store.checkpoint("claims/0") is None


def test_shards_keep_their_own_checkpoints(owned, commit):
    owned.acquire("claims/1")
    commit(owned, position="10")
    commit(owned, shard="claims/1", position="20")
    assert [owned.checkpoint(shard).position for shard in ("claims/0", "claims/1")] == ["10", "20"]


def test_committing_the_same_again_changes_nothing(owned, store_path, commit, make_alert):
    for _ in range(3):
        commit(owned, make_alert())
    assert revisions(store_path) == {make_alert().alert_id: 1}


def test_a_revision_grows_by_one_each_time_the_body_changes(owned, store_path, commit, make_alert, morning):
    for minute in range(4):
        commit(owned, make_alert(updated_at=morning + timedelta(minutes=minute)))
    assert revisions(store_path) == {make_alert().alert_id: 4}


@pytest.mark.parametrize(("risk", "minutes"), [(50.0, 2), (90.0, 1)])
def test_an_older_body_never_replaces_a_newer_one(owned, commit, make_alert, risk, minutes):
    def alert(risk, minutes):
        opened = make_alert()
        return make_alert(risk=risk, updated_at=opened.opened_at + timedelta(minutes=minutes))

    commit(owned, alert(72.5, 2))
    commit(owned, alert(risk, minutes))
    assert owned.alerts() == [alert(72.5, 2)]
    assert raw(owned).execute("SELECT revision FROM alerts").fetchall() == [(1,)]


def test_alerts_come_by_opening_then_id_and_can_be_narrowed(owned, commit, make_alert, morning):
    times = (timedelta(hours=2), timedelta(0), timedelta(microseconds=-120_000), timedelta(0))
    given = [
        make_alert(alert_id=f"{9 - n}" * 20, actor="AB"[n % 2], opened_at=morning + time, updated_at=morning + time)
        for n, time in enumerate(times)
    ]
    commit(owned, *given)
    assert owned.alerts() == [given[2], given[3], given[1], given[0]]
    assert owned.alerts(actor="A") == [given[2], given[0]]
    assert owned.alerts(since=morning) == [given[3], given[1], given[0]]
    assert owned.alerts(until=morning) == [given[2]]
    assert owned.alerts(actor="C") == []


def test_an_alert_is_found_by_its_id_or_the_beginning_of_it(owned, commit, make_alert):
    first, second = make_alert(alert_id="abc1" * 5), make_alert(alert_id="abd1" * 5)
    commit(owned, first, second)
    assert owned.alert("abc1" * 5) == first
    assert owned.alert("ABD") == second


@pytest.mark.parametrize(
    ("alert_id", "error"),
    [
        ("ab", AmbiguousAlertError),
        ("abx", UnknownAlertError),
        ("", UnknownAlertError),
        ("%", UnknownAlertError),
    ],
)
def test_an_id_that_names_none_or_several_is_refused_in_words(owned, commit, make_alert, alert_id, error):
    commit(owned, make_alert(alert_id="abc1" * 5), make_alert(alert_id="abd1" * 5))
    with pytest.raises(error, match=f"alerts.db: .*'{alert_id}'"):
        owned.alert(alert_id)


def test_a_later_owner_puts_out_the_former(owned, store_path, commit, make_alert):
    with closing(Store(f"sqlite:///{store_path}")) as newer:
        assert newer.acquire("claims/0") == 2
        with pytest.raises(StaleOwnerError, match=r"'claims/0' is at epoch 2, this owner at 1"):
            commit(owned, make_alert())
        assert newer.alerts() == []
        commit(newer, make_alert(), epoch=2)
        assert newer.alerts() == [make_alert()]


@pytest.mark.parametrize("epoch", [0, 2])
def test_only_the_epoch_that_was_given_commits(owned, commit, epoch):
    with pytest.raises(StaleOwnerError):
        commit(owned, epoch=epoch)


def test_a_shard_never_acquired_takes_no_commit(store, commit):
    with pytest.raises(StaleOwnerError):
        commit(store)


def test_of_two_processes_with_one_shard_the_older_is_refused(store_path, make_alert, make_checkpoint):
    older = run(
        store_path,
        """
        from alerts.errors import StaleOwnerError
        alert = msgspec.json.decode(sys.argv[2], type=Alert)
        checkpoint = msgspec.structs.replace(
            msgspec.json.decode(sys.argv[3], type=Checkpoint), epoch=store.acquire("claims/0")
        )
        print("acquired", flush=True)
        sys.stdin.readline()
        try:
            store.commit("claims/0", checkpoint, [alert])
        except StaleOwnerError:
            print("refused", flush=True)
        store.close()
        """,
        text(make_alert()),
        text(make_checkpoint()),
    )
    with older:
        assert older.stdout.readline() == "acquired\n"
        with closing(Store(f"sqlite:///{store_path}")) as newer:
            epoch = newer.acquire("claims/0")
            newer.commit("claims/0", make_checkpoint(position="77", epoch=epoch), [])
            said, _ = older.communicate("go on\n", timeout=60)
            assert said == "refused\n"
            assert newer.checkpoint("claims/0").position == "77"
            assert newer.alerts() == []


def test_a_kill_in_the_middle_of_a_commit_leaves_the_former_state(store_path, make_alert, make_checkpoint):
    process = run(
        store_path,
        """
        alert = msgspec.json.decode(sys.argv[2], type=Alert)
        checkpoint = msgspec.json.decode(sys.argv[3], type=Checkpoint)
        epoch = store.acquire("claims/0")
        store.commit("claims/0", msgspec.structs.replace(checkpoint, position="1", epoch=epoch), [alert])

        class Deadly(Sequence):
            def __len__(self):
                return 1
            def __getitem__(self, index):
                raise IndexError
            def __iter__(self):
                yield msgspec.structs.replace(alert, risk=99.0)
                yield msgspec.structs.replace(alert, alert_id="f" * 20)
                print("killed", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        store.commit("claims/0", msgspec.structs.replace(checkpoint, position="2", epoch=epoch), Deadly())
        """,
        text(make_alert()),
        text(make_checkpoint()),
    )
    with process:
        said, _ = process.communicate(timeout=60)
    assert (said, process.returncode) == ("killed\n", -signal.SIGKILL)
    with closing(Store(f"sqlite:///{store_path}")) as store:
        assert store.alerts() == [make_alert()]
        assert store.checkpoint("claims/0").position == "1"
        assert store.acquire("claims/0") == 2


def test_an_error_in_the_middle_of_a_commit_leaves_the_former_state(owned, make_alert, make_checkpoint):
    def broken():
        yield make_alert()
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        owned.commit("claims/0", make_checkpoint(), broken())
    assert (owned.alerts(), owned.checkpoint("claims/0")) == ([], None)


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
            with pytest.raises(StoreError, match=r"alerts\.db: locked by another process"):
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


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_of_something_else_is_refused(tmp_path, read_only):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(StoreError, match=r"other\.db: a database, but not one of alerts"):
        Store(f"sqlite:///{path}", read_only=read_only)


def test_an_unknown_schema_version_is_refused_in_words(store, store_path):
    store.close()
    with closing(sqlite3.connect(store_path)) as other, other:
        other.execute("UPDATE meta SET schema_version = 99")
    with pytest.raises(StoreError, match=r"alerts\.db: schema version 99 is unknown.*reads 1"):
        Store(f"sqlite:///{store_path}")


def test_a_damaged_file_is_said_to_be_damaged(owned, store_path, commit, make_alert):
    commit(owned, *(make_alert(alert_id=f"{n:020x}") for n in range(40)))
    owned.close()
    content = bytearray(store_path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 100] = os.urandom(100)
    store_path.write_bytes(content)
    with pytest.raises(StoreError, match=r"alerts\.db: the database is damaged"):
        Store(f"sqlite:///{store_path}")


@pytest.mark.parametrize(("table", "column"), [("alerts", "body"), ("checkpoints", "counters")])
def test_a_damaged_row_is_said_to_be_damaged(owned, commit, make_alert, table, column):
    commit(owned, make_alert())
    raw(owned).execute(f"UPDATE {table} SET {column} = '[7'")
    with pytest.raises(StoreError, match=r"alerts\.db: .* is damaged"):
        owned.alerts() if table == "alerts" else owned.checkpoint("claims/0")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("alerts.db", "sqlite:///alerts.db"),
        ("user:secret@host/db", "sqlite:///alerts.db"),
        ("postgresql://user:secret@host:port/db", "sqlite:///alerts.db"),
        ("nonesuch://user:secret@host/db", "no driver"),
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


def test_closing_twice_is_the_same_as_once(store):
    store.close()
    store.close()
