"""By which context a shard was judged is written with the checkpoint, on SQLite and on PostgreSQL."""

from contextlib import closing

import pytest

from alerts.contexts import ContextChange
from alerts.errors import StaleOwnerError, UnknownContextError
from tests.alerts.samples import make_checkpoint


@pytest.fixture
def owned(store):
    store.acquire("claims/0")
    return store


def change(number, position, digest="d1", body=b"body"):
    return ContextChange(number=number, position=position, digest=digest, body=body)


def places(store, **above):
    return [(one.number, one.position, one.digest) for one in store.context_changes("claims/0", **above)]


def test_changes_and_their_bodies_are_there_after_reopening(owned, place):
    owned.commit("claims/0", make_checkpoint(), [], changes=[change(1, ""), change(2, "log@7", "d2", b"other")])
    owned.commit("claims/0", make_checkpoint(), [], changes=[change(3, "log@7", "d1")])
    owned.close()
    with closing(place.open(read_only=True)) as again:
        assert places(again) == [(1, "", "d1"), (2, "log@7", "d2"), (3, "log@7", "d1")]
        assert places(again, above=2) == [(3, "log@7", "d1")]
        assert [again.context(digest) for digest in ("d1", "d2")] == [b"body", b"other"]
        assert again.context_changes("claims/1") == []


def test_committing_the_same_change_again_changes_nothing(owned, place):
    for _ in range(3):
        owned.commit("claims/0", make_checkpoint(), [], changes=[change(1, "")])
    assert places(owned) == [(1, "", "d1")]
    assert place.rows("SELECT count(*) FROM contexts") == [(1,)]


def test_a_commit_without_changes_touches_none(owned):
    owned.commit("claims/0", make_checkpoint(), [], changes=[change(1, "")])
    owned.commit("claims/0", make_checkpoint(), [])
    assert places(owned) == [(1, "", "d1")]


def test_a_number_that_is_written_again_takes_those_above_it_along(owned):
    owned.commit("claims/0", make_checkpoint(), [], changes=[change(1, ""), change(2, "log@2"), change(3, "log@3")])
    owned.commit("claims/0", make_checkpoint(), [], changes=[change(2, "log@1", "d2")])
    assert places(owned) == [(1, "", "d1"), (2, "log@1", "d2")]


def test_a_commit_that_is_refused_writes_no_change(owned, place):
    with closing(place.open()) as newer:
        newer.acquire("claims/0")
        with pytest.raises(StaleOwnerError):
            owned.commit("claims/0", make_checkpoint(), [], changes=[change(1, "")])
        assert places(newer) == []
        with pytest.raises(UnknownContextError, match="no context d1"):
            newer.context("d1")
