"""What every store promises, on SQLite and on PostgreSQL."""

import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from alerts.errors import AmbiguousAlertError, StaleOwnerError, StoreError, UnknownAlertError, UnknownSnapshotError


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def revisions(place):
    return dict(place.rows("SELECT alert_id, revision FROM alerts"))


def run(place, body, *arguments):
    """Run a script in a process of its own, with the store open and one alert and checkpoint at hand."""
    script = f"""
import os, signal, sys
import msgspec
from collections.abc import Sequence
from pathlib import Path
from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.store import Store
store = Store({place.url!r}, {f"Path({str(place.password_file)!r})" if place.password_file else None})
{textwrap.dedent(body)}
"""
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def text(value):
    return msgspec.json.encode(value).decode()


def test_what_is_committed_is_there_after_reopening(owned, place, commit, make_alert, make_checkpoint):
    commit(owned, make_alert())
    owned.close()
    with closing(place.open()) as again:
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
    owned.acquire("claims/2")
    assert owned.shards() == ["claims/0", "claims/1"]
    assert [owned.checkpoint(shard).position for shard in owned.shards()] == ["10", "20"]


def test_committing_the_same_again_changes_nothing(owned, place, commit, make_alert):
    for _ in range(3):
        commit(owned, make_alert())
    assert revisions(place) == {make_alert().alert_id: 1}


def test_a_revision_grows_by_one_each_time_the_body_changes(owned, place, commit, make_alert, morning):
    for minute in range(4):
        commit(owned, make_alert(updated_at=morning + timedelta(minutes=minute)))
    assert revisions(place) == {make_alert().alert_id: 4}


@pytest.mark.parametrize(("risk", "minutes"), [(50.0, 2), (90.0, 1)])
def test_an_older_body_never_replaces_a_newer_one(owned, place, commit, make_alert, risk, minutes):
    def alert(risk, minutes):
        opened = make_alert()
        return make_alert(risk=risk, updated_at=opened.opened_at + timedelta(minutes=minutes))

    commit(owned, alert(72.5, 2))
    commit(owned, alert(risk, minutes))
    assert owned.alerts() == [alert(72.5, 2)]
    assert list(revisions(place).values()) == [1]


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
    with pytest.raises(error, match=f".*: .*'{alert_id}'"):
        owned.alert(alert_id)


def test_a_later_owner_puts_out_the_former(owned, place, commit, make_alert):
    with closing(place.open()) as newer:
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


def test_of_two_processes_with_one_shard_the_older_is_refused(place, make_alert, make_checkpoint):
    older = run(
        place,
        """
        from alerts.errors import StaleOwnerError
        alert = msgspec.json.decode(sys.argv[1], type=Alert)
        checkpoint = msgspec.structs.replace(
            msgspec.json.decode(sys.argv[2], type=Checkpoint), epoch=store.acquire("claims/0")
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
        with closing(place.open()) as newer:
            epoch = newer.acquire("claims/0")
            newer.commit("claims/0", make_checkpoint(position="77", epoch=epoch), [])
            said, _ = older.communicate("go on\n", timeout=60)
            assert said == "refused\n"
            assert newer.checkpoint("claims/0").position == "77"
            assert newer.alerts() == []


def test_a_kill_in_the_middle_of_a_commit_leaves_the_former_state(place, make_alert, make_checkpoint):
    process = run(
        place,
        """
        alert = msgspec.json.decode(sys.argv[1], type=Alert)
        checkpoint = msgspec.json.decode(sys.argv[2], type=Checkpoint)
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
    with closing(place.open()) as store:
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


@pytest.mark.parametrize(("table", "column"), [("alerts", "body"), ("checkpoints", "counters")])
def test_a_damaged_row_is_said_to_be_damaged(owned, place, commit, make_alert, table, column):
    commit(owned, make_alert())
    place.run(f"UPDATE {table} SET {column} = '[7'")
    with pytest.raises(StoreError, match=r": .* is damaged"):
        owned.alerts() if table == "alerts" else owned.checkpoint("claims/0")


def test_closing_twice_is_the_same_as_once(store):
    store.close()
    store.close()


def test_the_name_of_the_former_snapshot_is_kept(owned, commit):
    commit(owned, snapshot="b", former="a")
    assert owned.checkpoint("claims/0").former == "a"


def test_a_snapshot_is_given_back_as_it_was_put_and_a_later_one_takes_its_place(owned, place):
    body = bytes(range(256)) * 1000
    for put in (b"first", body):
        owned.put_snapshot("claims/0", "000001", put)
    with closing(place.open(read_only=True)) as reader:
        assert reader.snapshot("claims/0", "000001") == body


@pytest.mark.parametrize(("shard", "name"), [("claims/0", "000002"), ("claims/1", "000001")])
def test_a_snapshot_that_is_not_there_is_said(owned, shard, name):
    owned.put_snapshot("claims/0", "000001", b"state")
    with pytest.raises(UnknownSnapshotError, match=f"no snapshot '{name}' of shard '{shard}'"):
        owned.snapshot(shard, name)


def test_snapshots_before_a_name_are_dropped_and_names_sort_by_their_bytes(owned):
    owned.acquire("claims/1")
    for shard in ("claims/0", "claims/1"):
        for name in ("A2", "B1", "a1"):  # a language's order would be a1, A2, B1
            owned.put_snapshot(shard, name, name.encode())
    assert owned.snapshot_names("claims/0") == ["A2", "B1", "a1"]
    owned.drop_snapshots("claims/0", "a1")
    assert owned.snapshot("claims/0", "a1") == b"a1"
    assert owned.snapshot("claims/1", "A2") == b"A2"
    for name in ("A2", "B1"):
        with pytest.raises(UnknownSnapshotError):
            owned.snapshot("claims/0", name)


def test_a_former_owner_touches_no_snapshot(owned, place):
    owned.put_snapshot("claims/0", "000001", b"state")
    with closing(place.open()) as newer:
        with pytest.raises(StaleOwnerError):
            newer.put_snapshot("claims/0", "000001", b"of one that never acquired it")
        newer.acquire("claims/0")
        newer.put_snapshot("claims/0", "000001", b"newer")
        with pytest.raises(StaleOwnerError):
            owned.put_snapshot("claims/0", "000001", b"zombie")
        with pytest.raises(StaleOwnerError):
            owned.drop_snapshots("claims/0", "000002")
        assert newer.snapshot("claims/0", "000001") == b"newer"


def test_what_is_in_a_store_can_be_told(owned, commit, make_alert):
    owned.acquire("claims/1")
    owned.acquire("claims/1")
    commit(owned, make_alert(), make_alert(alert_id="f" * 20), receivers=("mail", "siem"))
    owned.delivered(owned.outbox("siem", "claims/0", 1))
    found = owned.contents()
    assert (found.alerts, found.shards, found.waiting) == (2, {"claims/0": 1, "claims/1": 2}, {"mail": 2, "siem": 1})


def test_a_reader_writes_nothing(owned, place, make_checkpoint, make_alert):
    with closing(place.open(read_only=True)) as reader:
        with pytest.raises(StoreError, match=": not writable"):
            reader.acquire("claims/0")
        with pytest.raises(StoreError, match=": not writable"):
            reader.commit("claims/0", make_checkpoint(), [make_alert()])
        assert reader.alerts() == []


def test_a_closed_store_says_so(store):
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.alerts()
