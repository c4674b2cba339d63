"""No alert is lost on its way to a receiver, and none waits twice."""

from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.store import Store
from tests.alerts.samples import MORNING, make_alert, make_checkpoint


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def revised(minute, number=0):
    return make_alert(alert_id=f"{number:020x}", updated_at=MORNING + timedelta(minutes=minute))


def waiting(store, receiver="siem", shard="claims/0"):
    return [(delivery.alert_id[-1], delivery.revision) for delivery in store.outbox(receiver, shard, 100)]


def test_a_changed_alert_waits_for_every_receiver_with_what_is_stored(owned, commit):
    commit(owned, revised(0), receivers=("siem", "mail"))
    (delivery,) = owned.outbox("mail", "claims/0", 10)
    assert (delivery.receiver, delivery.shard, delivery.alert_id) == ("mail", "claims/0", "0" * 20)
    assert (delivery.revision, delivery.actor) == (1, "E-7f3a")
    assert waiting(owned) == [("0", 1)]


def test_what_changed_nothing_does_not_wait(owned, commit):
    commit(owned, revised(5), receivers=("siem",))
    owned.delivered(owned.outbox("siem", "claims/0", 10))
    commit(owned, revised(5), receivers=("siem",))
    commit(owned, revised(4), receivers=("siem",))
    assert waiting(owned) == []


def test_they_come_in_the_order_in_which_they_began_to_wait_and_no_more_than_asked(owned, commit):
    for number in (3, 1, 2):
        commit(owned, revised(0, number), receivers=("siem",))
    assert waiting(owned) == [("3", 1), ("1", 1), ("2", 1)]
    assert [delivery.alert_id[-1] for delivery in owned.outbox("siem", "claims/0", 2)] == ["3", "1"]


def test_shards_and_receivers_have_queues_of_their_own(owned, commit):
    owned.acquire("claims/1")
    commit(owned, revised(0, 1), receivers=("siem", "mail"))
    commit(owned, revised(0, 2), shard="claims/1", receivers=("siem",))
    owned.delivered(owned.outbox("siem", "claims/0", 10))
    assert (waiting(owned), waiting(owned, "mail"), waiting(owned, shard="claims/1")) == ([], [("1", 1)], [("2", 1)])


def test_a_newer_revision_takes_the_place_of_the_one_that_waits(owned, commit):
    commit(owned, revised(0, 1), revised(0, 2), receivers=("siem",))
    commit(owned, revised(1, 1), receivers=("siem",))
    assert waiting(owned) == [("1", 2), ("2", 1)]


def test_an_alert_that_changes_while_it_is_told_waits_again(owned, commit):
    commit(owned, revised(0), receivers=("siem",))
    read = owned.outbox("siem", "claims/0", 10)
    commit(owned, revised(1), receivers=("siem",))
    owned.delivered(read)
    assert waiting(owned) == [("0", 2)]


def test_a_late_word_about_what_was_told_meets_nothing_else(owned, commit):
    commit(owned, revised(0, 1), receivers=("siem",))
    read = owned.outbox("siem", "claims/0", 10)
    owned.delivered(read)
    commit(owned, revised(0, 2), receivers=("siem",))
    owned.delivered(read)
    assert waiting(owned) == [("2", 1)]


def test_nothing_waits_of_a_commit_that_did_not_happen(owned):
    def broken():
        yield revised(0)
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        owned.commit("claims/0", make_checkpoint(), broken(), ["siem"])
    assert waiting(owned) == []


VERBS = st.sampled_from(["commit", "commit", "read", "told"])
STEPS = st.lists(st.tuples(VERBS, st.integers(0, 2)), max_size=30)


@pytest.fixture(scope="module")
def in_memory():
    with closing(Store("sqlite://")) as store:
        yield store


@settings(max_examples=150)
@given(steps=STEPS)
def test_whatever_happens_in_between_a_receiver_ends_with_what_is_stored(in_memory, steps):
    """Reads that are never told, told twice or told late lose nothing, and one alert waits once."""
    store = in_memory
    with store._database.transaction() as connection:
        for table in ("alerts", "outbox", "checkpoints"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert store.acquire("claims/0") == 1
    got, reads = {}, []
    for minute, (verb, number) in enumerate(steps):
        if verb == "commit":
            store.commit("claims/0", make_checkpoint(), [revised(minute, number)], ["siem"])
        elif verb == "read":
            reads.append(store.outbox("siem", "claims/0", number + 1))
            got |= {one.alert_id: one.revision for one in reads[-1]}
        elif number < len(reads):
            store.delivered(reads[-1 - number])
        queue = store.outbox("siem", "claims/0", 100)
        assert len({one.alert_id for one in queue}) == len(queue)
    got |= {one.alert_id: one.revision for one in store.outbox("siem", "claims/0", 100)}
    with store._database.transaction() as connection:
        stored = connection.exec_driver_sql("SELECT alert_id, revision FROM alerts").all()
    assert got == dict(tuple(row) for row in stored)
