"""What is particular to a store in PostgreSQL: many owners, a server that goes and comes, log-ins, TLS."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from alerts import schema
from alerts.database import Database
from alerts.errors import StaleOwnerError, StoreError, UnavailableError
from alerts.postgres import lock_schema
from alerts.store import Store
from tests.alerts.samples import Place
from tests.real.postgres import PASSWORD

pytestmark = pytest.mark.slow


@pytest.fixture
def place(postgres, postgres_url):
    return Place(postgres_url, postgres.password_file)


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def at_once(*calls):
    """Call all of them at the same moment; their results."""
    start = threading.Barrier(len(calls))

    def one(call):
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def session(store, name):
    with store._database.transaction() as connection:
        return connection.exec_driver_sql(f"SHOW {name}").scalar()


def test_stores_may_be_opened_at_once_in_an_empty_database(place):
    for store in at_once(*[place.open] * 6):
        store.close()
    assert place.rows("SELECT version_num FROM alembic_version") == [(schema.CURRENT,)]


def test_who_opens_an_empty_database_waits_while_another_makes_its_tables(place):
    opened = []
    rival = threading.Thread(target=lambda: opened.append(place.open()))
    with closing(Database(place.url, place.password_file)) as database:
        with database.transaction() as connection:
            lock_schema(connection)
            rival.start()
            rival.join(0.3)
            assert opened == []
            schema._migrate(connection, database.place)
        rival.join()
    opened.pop().close()


def test_of_many_that_acquire_at_once_each_gets_an_epoch_of_its_own(place):
    stores = [place.open() for _ in range(6)]
    for shard in map(str, range(5)):
        epochs = at_once(*[partial(store.acquire, shard) for store in stores])
        assert sorted(epochs) == [1, 2, 3, 4, 5, 6]
    for store in stores:
        store.close()


def test_of_those_that_acquire_and_commit_at_once_the_last_owner_alone_is_let(place, make_checkpoint, make_alert):
    """Whatever the interleaving, an epoch that is not the latest at its commit writes nothing."""

    def take_over():
        with closing(place.open()) as store:
            told = []
            for _ in range(8):
                epoch = store.acquire("claims/0")
                try:
                    alert = make_alert(alert_id=f"{epoch:020x}")
                    store.commit("claims/0", make_checkpoint(position=str(epoch), epoch=epoch), [alert], ["siem"])
                    told.append(epoch)
                except StaleOwnerError:
                    pass
            return told

    place.open().close()
    told = sorted(epoch for worker in at_once(*[take_over] * 4) for epoch in worker)
    with closing(place.open()) as store:
        assert [int(alert.alert_id, 16) for alert in store.alerts()] == told
        assert sorted(int(one.alert_id, 16) for one in store.outbox("siem", "claims/0", 100)) == told
        assert store.checkpoint("claims/0").epoch == 32
        assert int(store.checkpoint("claims/0").position) == told[-1]


def test_who_acquires_waits_for_a_commit_that_has_begun(owned, place, make_checkpoint, make_alert):
    taken = []
    with closing(place.open()) as newer:
        rival = threading.Thread(target=lambda: taken.append(newer.acquire("claims/0")))

        def tried():
            rival.start()
            rival.join(0.3)
            assert taken == []
            yield make_alert()

        owned.commit("claims/0", make_checkpoint(), tried())
        rival.join()
        assert (taken, newer.alerts()) == ([2], [make_alert()])


def test_an_owner_that_stands_still_within_a_commit_is_ended_and_holds_nobody_up(
    owned, place, commit, make_checkpoint, make_alert
):
    url = f"{place.url}?options=-c%20idle_in_transaction_session_timeout%3D200ms"
    with closing(Store(url, place.password_file)) as slow, closing(place.open()) as newer:
        epoch = slow.acquire("claims/0")

        def stands_still():
            yield make_alert()
            newer.acquire("claims/0")  # waits until the server has ended the other's transaction

        with pytest.raises(UnavailableError, match="stood still"):
            slow.commit("claims/0", make_checkpoint(epoch=epoch), stands_still())
        with pytest.raises(StaleOwnerError):
            slow.commit("claims/0", make_checkpoint(epoch=epoch), [make_alert()])
        assert newer.alerts() == []


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_server_that_goes_is_said_and_when_it_is_back_the_store_works_and_nothing_is_double(
    postgres, owned, place, commit, make_alert, end
):
    commit(owned, make_alert(), receivers=("siem",))
    owned.put_snapshot("claims/0", "000001", b"state")
    getattr(postgres, end)()
    try:
        for _ in range(2):
            with pytest.raises(UnavailableError, match=f"{place.url}: .*check that it runs"):
                commit(owned, make_alert(alert_id="f" * 20), receivers=("siem",))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            place.open()
    finally:
        postgres.start()
    assert owned.alerts() == [make_alert()]
    for _ in range(2):
        commit(owned, make_alert(alert_id="f" * 20), receivers=("siem",))
    assert [alert.alert_id[0] for alert in owned.alerts()] == ["0", "f"]
    assert [(one.alert_id[0], one.revision) for one in owned.outbox("siem", "claims/0", 9)] == [("0", 1), ("f", 1)]
    assert owned.snapshot("claims/0", "000001") == b"state"
    assert owned.acquire("claims/0") == 2


def test_a_server_that_goes_in_the_middle_of_a_commit_leaves_the_former_state(
    postgres, owned, make_checkpoint, make_alert
):
    def until_it_is_killed():
        yield make_alert()
        postgres.kill()
        postgres.start()
        yield make_alert(alert_id="f" * 20)

    with pytest.raises(UnavailableError):
        owned.commit("claims/0", make_checkpoint(), until_it_is_killed(), ["siem"])
    assert (owned.alerts(), owned.outbox("siem", "claims/0", 9), owned.checkpoint("claims/0")) == ([], [], None)
    owned.commit("claims/0", make_checkpoint(), [make_alert()], ["siem"])
    assert owned.alerts() == [make_alert()]


def test_an_answer_to_a_commit_that_is_lost_is_made_good_by_committing_again(
    owned, place, commit, make_alert, monkeypatch
):
    """The server committed, the connection broke before it could say so."""
    commit(owned, make_alert(), receivers=("siem",))
    real = psycopg.Connection.commit

    def cut(connection):
        real(connection)
        connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    newer = make_alert(updated_at=make_alert().updated_at + timedelta(minutes=1))
    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "commit", cut)
        with pytest.raises(UnavailableError):
            commit(owned, newer, position="2", receivers=("siem",))
    commit(owned, newer, position="2", receivers=("siem",))
    assert (owned.alerts(), owned.checkpoint("claims/0").position) == ([newer], "2")
    assert place.rows("SELECT revision FROM alerts") == [(2,)]
    assert [one.revision for one in owned.outbox("siem", "claims/0", 9)] == [2]


def test_a_receiver_is_told_while_the_owner_commits_and_neither_waits_for_the_other(owned, place, commit, make_alert):
    """Whatever the interleaving, the newest revision that was told or still waits is the one that is stored."""
    done, read = threading.Event(), []

    def tell():
        with closing(place.open()) as sender:
            while not done.is_set():
                some = sender.outbox("siem", "claims/0", 5)
                read.extend(some)  # one of two senders may have read before and tell afterwards: revisions say so
                sender.delivered(some[::-1])

    with ThreadPoolExecutor(3) as pool:
        senders = [pool.submit(tell) for _ in range(2)]
        try:
            for minute in range(60):
                updated_at = make_alert().opened_at + timedelta(minutes=minute)
                some = [make_alert(alert_id=f"{n:020x}", updated_at=updated_at) for n in range(minute % 7)]
                commit(owned, *some, receivers=("siem",))
        finally:
            done.set()
        for sender in senders:
            sender.result()
    read.extend(owned.outbox("siem", "claims/0", 100))
    told = {one.alert_id: one.revision for one in sorted(read, key=lambda one: one.revision)}
    assert told == dict(place.rows("SELECT alert_id, revision FROM alerts"))


def test_a_session_asks_for_what_the_promises_need(postgres, place):
    name = place.url.rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with closing(place.open()) as store:
        assert session(store, "synchronous_commit") == "on"
        assert session(store, "lock_timeout") == "30s"
        assert session(store, "transaction_isolation") == "read committed"
    postgres.run(f"ALTER DATABASE {name} SET lock_timeout = '5s'")
    with closing(place.open()) as store:
        assert session(store, "lock_timeout") == "5s"


def test_waiting_for_a_lock_has_an_end(owned, place, make_checkpoint, make_alert):
    with closing(Store(f"{place.url}?options=-c%20lock_timeout%3D100ms", place.password_file)) as rival:

        def tried():
            with pytest.raises(UnavailableError, match="another process holds the same rows"):
                rival.acquire("claims/0")
            yield make_alert()

        owned.commit("claims/0", make_checkpoint(), tried())
        assert rival.acquire("claims/0") == 2


def test_a_wrong_password_a_missing_database_and_a_stranger_are_said_and_no_password_is_repeated(
    postgres, postgres_url, tmp_path
):
    wrong = tmp_path / "password"
    wrong.write_text("not-the-secret")
    for url, file, said in (
        (postgres_url, wrong, "refuses the log-in"),
        (postgres_url, None, "refuses the log-in"),
        (postgres.url("nonesuch"), postgres.password_file, "no such database"),
        (postgres.url("postgres", "stranger"), postgres.password_file, "refuses the log-in"),
        (f"{postgres_url}?sslmode=perhaps", postgres.password_file, "option of the URL is wrong"),
        (postgres_url, tmp_path / "absent", "absent: the password cannot be read"),
    ):
        with pytest.raises(StoreError, match=said) as caught:
            Store(url, file)
        assert not isinstance(caught.value, UnavailableError)
        chain = [caught.value, caught.value.__cause__]
        for secret in (PASSWORD, "not-the-secret"):
            assert secret not in "".join(f"{error} {error!r}" for error in chain)


def test_who_may_not_make_tables_is_told_so(postgres):
    url = postgres.url("postgres")  # belongs to the administrator
    with pytest.raises(StoreError, match="grant the rights"):
        Store(url, postgres.password_file)


def test_a_database_that_is_dropped_is_said(postgres, owned, place):
    postgres.drop_database(place.url.rpartition("/")[2])
    with pytest.raises(UnavailableError):
        owned.alerts()
    with pytest.raises(StoreError, match="no such database"):
        owned.alerts()


def test_tls_is_used_and_a_server_that_cannot_show_its_certificate_is_refused(postgres, place):
    safe = f"{place.url}?sslmode=verify-full&sslrootcert={postgres.certificate}"
    with closing(Store(safe, postgres.password_file)) as store, store._database.transaction() as connection:
        own = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.exec_driver_sql(own).scalar() is True
    elsewhere = safe.replace("127.0.0.1", "localhost")
    with pytest.raises(StoreError, match="no safe connection comes about"):
        Store(elsewhere, postgres.password_file)


def test_a_password_is_never_sent_in_the_clear(postgres, place):
    rules = postgres._data / "pg_hba.conf"
    former = rules.read_text()
    rules.write_text("host all innerwatch 127.0.0.1/32 password\n" + former)
    try:
        postgres.run("SELECT pg_reload_conf()")
        with pytest.raises(StoreError, match="wants the password in the clear"):
            place.open()
        Store(f"{place.url}?sslmode=require&require_auth=password", postgres.password_file).close()
    finally:
        rules.write_text(former)
        postgres.run("SELECT pg_reload_conf()")


def test_another_user_may_read_with_the_rights_to_read_alone(postgres, owned, place, commit, make_alert):
    commit(owned, make_alert())
    name = place.url.rpartition("/")[2]
    postgres.run(f"CREATE ROLE auditor LOGIN PASSWORD '{PASSWORD}'")
    try:
        postgres.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor", name)
        with closing(Store(postgres.url(name, "auditor"), postgres.password_file, read_only=True)) as reader:
            assert reader.alerts() == [make_alert()]
            assert reader.contents().alerts == 1
    finally:
        postgres.run("DROP OWNED BY auditor", name)
        postgres.run("DROP ROLE auditor")


def test_the_queries_of_the_outbox_and_of_ids_have_an_index(postgres, owned, place):
    name = place.url.rpartition("/")[2]
    queries = (
        "SELECT * FROM outbox WHERE receiver = 'a' AND shard = 'b' ORDER BY sequence LIMIT 5",
        "SELECT * FROM outbox WHERE receiver = 'a' AND alert_id = 'b'",
        "SELECT body FROM alerts WHERE alert_id LIKE 'abc%'",
    )
    postgres.run(f"ALTER DATABASE {name} SET enable_seqscan = off")  # which a planner prefers for empty tables
    for query in queries:
        plan = "\n".join(row[0] for row in postgres.run(f"EXPLAIN {query}", name))
        assert "Index" in plan
        assert "Sort" not in plan
