"""Alerts move between incidents and nothing about them is lost; over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec
import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.errors import IncidentError, UnknownAlertError
from alerts.incident import State, Verdict
from alerts.pipeline import Routing, pipeline_of
from alerts.receivers.receiver import Phase
from alerts.store import Store
from alerts.work import Assign, By, Close, Merge, Reopen, Split
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import START, UTC_ZONE, Ear, dispatcher_of, run

SHARD = "events-0-of-1"
ONE, TWO, THREE, FOUR = (letter * 20 for letter in "abcd")


@pytest.fixture
def commit(place: Place) -> Iterator[Callable[..., None]]:
    with closing(Store(place.url, place.password_file)) as store:
        epoch = store.acquire(SHARD)

        def commit(*alerts: Alert) -> None:
            store.commit(SHARD, make_checkpoint(epoch=epoch), alerts, (DESK,))

        yield commit


@pytest.fixture
def desk(place: Place, commit: Callable[..., None]) -> Iterator[Desk]:
    """Two people's incidents: ONE, with TWO in it, and THREE, which is worse."""
    with closing(Desk(place.url, place.password_file)) as desk:
        desk.acquire()
        commit(
            make_alert(alert_id=ONE, actor="E-1", risk=50.0, severity=Severity.MEDIUM),
            make_alert(alert_id=TWO, actor="E-1", risk=45.0, severity=Severity.MEDIUM),
            make_alert(alert_id=THREE, actor="E-2", risk=95.0, severity=Severity.CRITICAL),
        )
        desk.take_in(pipeline_of(Routing([], UTC_ZONE)), ["soc"], START)
        yield desk


def alerts_of(desk: Desk, incident_id: str) -> list[str]:
    return [alert.alert_id for alert in desk.incident(incident_id)[1]]


def acts_of(desk: Desk, incident_id: str) -> list[tuple[str, str]]:
    return [(entry.act, entry.author) for entry in desk.incident(incident_id)[2]]


def state_of(desk: Desk) -> list[object]:
    """All but the histories."""
    tasks = [(task.receiver, task.alert_id, task.incident_id, task.phase, task.state) for task in desk.tasks()]
    return [desk.incidents(), tasks, [alerts_of(desk, one.incident_id) for one in desk.incidents()]]


def close(desk: Desk, incident_id: str, now: float) -> None:
    desk.act(incident_id, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", now))


def test_a_merged_incident_is_closed_and_points_to_the_one_that_has_its_alerts(desk: Desk) -> None:
    found, _ = desk.act(ONE, Merge(THREE), By("lee", START + 1))
    assert (found.incident_id, found.severity, found.risk) == (THREE, Severity.CRITICAL, 95.0)
    former, alerts, entries, *_ = desk.incident(ONE)
    assert (former.state, former.verdict, former.merged_into, alerts) == (State.CLOSED, Verdict.NONE, THREE, [])
    assert (entries[-1].act, entries[-1].author, entries[-1].text) == (
        "merged", "lee", f"into {THREE}: alerts {ONE}, {TWO}"
    )  # fmt: skip
    assert alerts_of(desk, THREE) == [ONE, TWO, THREE]
    assert acts_of(desk, THREE)[-1] == ("merged", "lee")
    assert {task.incident_id for task in desk.tasks()} == {THREE}


def test_what_goes_on_elsewhere_is_not_resolved_until_it_is_over_there(desk: Desk) -> None:
    ear = Ear()
    dispatcher = dispatcher_of(desk, soc=ear)
    run(dispatcher, START, 60)
    desk.act(ONE, Merge(THREE), By("lee", START + 60))
    run(dispatcher, START + 60, 600)
    assert {notice.phase for notice in ear.taken.values()} == {Phase.FIRING}
    close(desk, THREE, START + 700)
    run(dispatcher, START + 700, 60)
    assert {notice.alert.alert_id for _, told in ear.calls for notice in told if notice.phase is Phase.RESOLVED} == {
        ONE, TWO, THREE
    }  # fmt: skip


def test_a_split_undoes_a_merge_and_a_merge_a_split(desk: Desk) -> None:
    desk.act(ONE, Assign("lee"), By("lee", START + 1))
    before = state_of(desk)
    desk.act(ONE, Merge(THREE), By("lee", START + 2))
    found, _ = desk.act(THREE, Split((TWO, ONE)), By("lee", START + 3))
    assert (found.incident_id, found.owner) == (ONE, "lee")
    assert state_of(desk) == before
    desk.act(ONE, Split((TWO,)), By("lee", START + 4))
    assert (alerts_of(desk, ONE), alerts_of(desk, TWO)) == ([ONE], [TWO])
    desk.act(TWO, Merge(ONE), By("lee", START + 5))
    assert [one for one in desk.incidents() if one.incident_id != TWO] == before[0]
    assert alerts_of(desk, ONE) == [ONE, TWO]


def test_a_split_makes_an_incident_of_its_own_with_what_receivers_are_told(desk: Desk) -> None:
    found, _ = desk.act(ONE, Split(("bbb",)), By("kim", START + 1))
    assert (found.incident_id, found.actor, found.state, found.risk) == (TWO, "E-1", State.OPEN, 45.0)
    assert (found.severity, found.opened_at) == (Severity.MEDIUM, make_alert().opened_at)
    assert (alerts_of(desk, ONE), alerts_of(desk, TWO)) == ([ONE], [TWO])
    assert acts_of(desk, TWO) == [("split", "kim")]
    assert acts_of(desk, ONE)[-1] == ("split", "kim")
    assert {task.alert_id: task.incident_id for task in desk.tasks()} == {ONE: ONE, TWO: TWO, THREE: THREE}


def test_an_alert_that_changes_later_stays_where_it_was_moved_to(desk: Desk, commit: Callable[..., None]) -> None:
    desk.act(ONE, Merge(THREE), By("lee", START + 1))
    desk.act(THREE, Split((TWO,)), By("lee", START + 2))
    for alert_id in (ONE, TWO):
        worse = make_alert(alert_id=alert_id, actor="E-1", severity=Severity.HIGH)
        commit(msgspec.structs.replace(worse, findings=(*worse.findings, make_finding(detection="odd_hours"))))
    desk.take_in(pipeline_of(Routing([], UTC_ZONE)), ["soc"], START + 3)
    assert alerts_of(desk, THREE) == [ONE, THREE]
    assert alerts_of(desk, TWO) == [TWO]
    assert desk.incident(TWO)[0].severity is Severity.HIGH
    assert {task.alert_id: task.incident_id for task in desk.tasks()} == {ONE: THREE, TWO: TWO, THREE: THREE}


def test_a_new_alert_follows_its_actor_into_the_incident_that_theirs_was_merged_into(
    desk: Desk, commit: Callable[..., None]
) -> None:
    desk.act(ONE, Merge(THREE), By("lee", START + 1))
    commit(make_alert(alert_id=FOUR, actor="E-1"))
    desk.take_in([], [], START + 2)
    assert FOUR in alerts_of(desk, THREE)
    close(desk, THREE, START + 3)
    commit(make_alert(alert_id="e" * 20, actor="E-1"))
    desk.take_in([], [], START + 4)
    assert alerts_of(desk, "e" * 20) == ["e" * 20]


def test_what_makes_no_sense_is_refused_in_words_and_changes_nothing(desk: Desk) -> None:
    before = state_of(desk)
    for wrong, message in (
        (lambda: desk.act(ONE, Merge(ONE), By("lee", START)), "into itself"),
        (lambda: desk.act(ONE, Split(()), By("lee", START)), "name the alerts"),
        (lambda: desk.act(ONE, Split((ONE, TWO)), By("lee", START)), "gave the incident its id"),
    ):
        with pytest.raises(IncidentError, match=message):
            wrong()
    for unknown in (THREE, ""):
        with pytest.raises(UnknownAlertError, match="no alert of it begin"):
            desk.act(ONE, Split((unknown,)), By("lee", START))
    with pytest.raises(UnknownAlertError, match="no incident begins"):
        desk.act(ONE, Merge(FOUR), By("lee", START))
    assert state_of(desk) == before


def test_a_closed_incident_is_opened_before_its_alerts_move_and_a_merged_one_never(desk: Desk) -> None:
    close(desk, THREE, START + 1)
    for wrong in (
        lambda: desk.act(ONE, Merge(THREE), By("lee", START)),
        lambda: desk.act(THREE, Merge(ONE), By("lee", START)),
    ):
        with pytest.raises(IncidentError, match="reopen it first"):
            wrong()
    desk.act(THREE, Reopen("no"), By("lee", START + 2))
    desk.act(ONE, Merge(THREE), By("lee", START + 3))
    for wrong in (
        lambda: desk.act(ONE, Reopen("no"), By("lee", START)),
        lambda: close(desk, ONE, START),
        lambda: desk.act(ONE, Merge(THREE), By("lee", START)),
        lambda: desk.act(ONE, Split((TWO,)), By("lee", START)),
    ):
        with pytest.raises(IncidentError, match=f"was merged into {THREE}"):
            wrong()
