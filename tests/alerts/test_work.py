"""Acts are done to an incident as it stands, wholly or not at all; on PostgreSQL also while others act."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from alerts import tables, work
from alerts.database import Database
from alerts.desk import DESK, Desk
from alerts.errors import ChangedError, IncidentError
from alerts.incident import State, Verdict
from alerts.pipeline import Matcher, Silence
from alerts.store import Store
from alerts.work import Act, Assign, By, Close, Move, Note, Reopen
from tests.alerts.samples import Place, make_alert, make_checkpoint
from tests.real.postgres import Postgres

NOW = 1_800_000_000.0
ONE = make_alert().alert_id
LEE = By("lee", NOW)


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    with closing(Store(place.url, place.password_file)) as store, closing(Desk(place.url, place.password_file)) as desk:
        store.commit("0", make_checkpoint(epoch=store.acquire("0")), [make_alert()], (DESK,))
        desk.take_in([], ["soc"], NOW)
        yield desk


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (Move(State.CLOSED), "has an act of its own"),
        (Move(State.OPEN), "has an act of its own"),
        (Close(Verdict.NONE, "x"), "closed with a verdict"),
        (Close(Verdict.TRUE_POSITIVE, "x" * 4_001), "keep it to 4,000"),
        (Assign("x" * 4_001), "keep it to 4,000"),
        (Note("x" * 4_001), "keep it to 4,000"),
        (Reopen("x"), "only a closed one reopens"),
    ],
)
def test_an_act_that_is_refused_leaves_everything_as_it_was(desk: Desk, act: Act, message: str) -> None:
    before = desk.incident(ONE), desk.feedback()
    with pytest.raises(IncidentError, match=message):
        desk.act(ONE, act, LEE)
    assert (desk.incident(ONE), desk.feedback()) == before


def test_an_act_upon_a_version_is_done_to_that_alone(desk: Desk) -> None:
    version = desk.incident(ONE).version
    found, newer = desk.act(ONE, Assign("kim"), By("lee", NOW, [version]))
    assert (found.owner, desk.incident(ONE).version) == ("kim", newer)
    with pytest.raises(ChangedError, match="has changed since; look at it again"):
        desk.act(ONE, Assign("bo"), By("lee", NOW, [version]))
    with pytest.raises(ChangedError):
        desk.act(ONE, Assign("bo"), By("lee", NOW, []))
    assert desk.act(ONE, Assign("bo"), By("lee", NOW, [version, newer]))[0].owner == "bo"
    assert desk.act(ONE, Assign("al"), LEE)[0].owner == "al"


def test_a_silence_of_everything_is_none(desk: Desk) -> None:
    with pytest.raises(IncidentError, match="a silence of everything is none"):
        desk.silence(Silence(matcher=Matcher(), owner="lee", reason="x", starts=NOW, ends=NOW + 1))
    assert desk.silences(NOW) == []


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_who_acts_while_somebody_else_does_waits_and_then_sees_what_was_done(
    postgres: Postgres, postgres_url: str
) -> None:
    place = Place(postgres_url, postgres.password_file)
    name = postgres_url.rpartition("/")[2]
    outcome: list[str] = []
    with closing(Store(place.url, place.password_file)) as store, closing(Desk(place.url, place.password_file)) as desk:
        store.commit("0", make_checkpoint(epoch=store.acquire("0")), [make_alert()], (DESK,))
        desk.take_in([], ["soc"], NOW)
        seen = By("bo", NOW, [desk.incident(ONE).version])

        def act() -> None:
            try:
                desk.act(ONE, Assign("bo"), seen)
                outcome.append("done")
            except ChangedError:
                outcome.append("changed")

        thread = threading.Thread(target=act)
        waits = f"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{name}'"
        with closing(Database(place.url, place.password_file)) as other, other.transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            work.perform(connection, ONE, Assign("kim"), LEE)
            thread.start()
            until(lambda: bool(postgres.run(waits)))
        thread.join()
        assert (outcome, desk.incident(ONE).incident.owner) == (["changed"], "kim")
