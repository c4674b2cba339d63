"""What the queue holds and how it is worked off is counted as it is, over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.incident import State, Verdict
from alerts.receivers.receiver import Outcome, Result
from alerts.store import Store
from alerts.work import Assign, By, Close, Move, Note, Reopen, Split
from alerts.workload import WINDOW_S
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import SHARD, START, Ear, dispatcher_of, numbered, run

HOUR, DAY = 3_600.0, 86_400.0


@pytest.fixture
def commit(place: Place) -> Iterator[Callable[..., None]]:
    with closing(Store(place.url, place.password_file)) as store:
        epoch = store.acquire(SHARD)

        def commit(*alerts: Alert, receivers: tuple[str, ...] = (DESK,)) -> None:
            store.commit(SHARD, make_checkpoint(epoch=epoch), alerts, receivers)

        yield commit


@pytest.fixture
def desk(place: Place, commit: Callable[..., None]) -> Iterator[Desk]:
    with closing(Desk(place.url, place.password_file)) as desk:
        desk.acquire()
        yield desk


def close(desk: Desk, incident_id: str, now: float, verdict: Verdict = Verdict.FALSE_POSITIVE) -> None:
    desk.act(incident_id, Close(verdict, "x"), By("lee", now))


def test_an_empty_queue_has_nothing_in_it(desk: Desk) -> None:
    work = desk.workload(START)
    assert (dict(work.incidents), work.acknowledged_s, dict(work.outbox)) == ({}, (), {})
    assert (dict(work.verdicts), dict(work.pending), dict(work.oldest_s)) == ({}, {}, {})


def test_incidents_are_counted_by_state_severity_and_age_since_they_opened(
    desk: Desk, commit: Callable[..., None]
) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    commit(*numbered(3))
    dispatcher.step(START)
    commit(make_alert(alert_id="f" * 20, actor="E-9", severity=Severity.CRITICAL))
    dispatcher.step(START + 30 * HOUR)
    first = f"{0:020x}"
    desk.act(first, Assign("lee"), By("kim", START + HOUR))
    now = START + 30 * HOUR + 60
    assert dict(desk.workload(now).incidents) == {
        ("acknowledged", "high", "7d"): 1,
        ("open", "high", "7d"): 2,
        ("open", "critical", "1h"): 1,
    }
    close(desk, first, now)
    desk.act(first, Reopen("x"), By("lee", now + HOUR))
    again = desk.workload(now + HOUR + 60).incidents
    assert again["open", "high", "1h"] == 1  # it is as old as its reopening
    assert again["open", "high", "7d"] == 2


def test_what_was_split_off_is_as_old_as_that(desk: Desk, commit: Callable[..., None]) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    commit(*(make_alert(alert_id=f"{n:020x}") for n in range(2)))
    dispatcher.step(START)
    desk.act(f"{0:020x}", Split((f"{1:020x}",)), By("lee", START + 2 * HOUR))
    incidents = desk.workload(START + 2 * HOUR + 60).incidents
    assert {age for _, _, age in incidents} == {"8h", "1h"}


def test_an_incident_is_acknowledged_by_the_first_work_of_a_person(desk: Desk, commit: Callable[..., None]) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    commit(*numbered(3))
    dispatcher.step(START)
    desk.act(f"{0:020x}", Note("looked at"), By("lee", START + 60))  # a note is no promise
    desk.act(f"{0:020x}", Move(State.INVESTIGATING), By("lee", START + 600))
    close(desk, f"{0:020x}", START + 900)
    close(desk, f"{1:020x}", START + 300)
    assert desk.workload(START + 1_000).acknowledged_s == (300.0, 600.0)
    desk.act(f"{1:020x}", Reopen("x"), By("kim", START + 2_000))
    close(desk, f"{1:020x}", START + 2_050)
    assert desk.workload(START + 3_000).acknowledged_s == (50.0, 300.0, 600.0)
    assert desk.workload(START + 2_040 + WINDOW_S).acknowledged_s == ()


def test_verdicts_are_counted_once_an_incident_and_for_each_detection_in_it(
    desk: Desk, commit: Callable[..., None]
) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    both = (make_finding(), make_finding(detection="odd_hours"))
    commit(make_alert(alert_id="a" * 20, findings=both), make_alert(alert_id="b" * 20))  # one actor, one incident
    commit(make_alert(alert_id="c" * 20, actor="E-2"), make_alert(alert_id="d" * 20, actor="E-3"))
    dispatcher.step(START)
    close(desk, "a" * 20, START + DAY)
    close(desk, "c" * 20, START + DAY, Verdict.TRUE_POSITIVE)
    work = desk.workload(START + 2 * DAY)
    assert dict(work.verdicts) == {"false_positive": 1, "true_positive": 1}
    assert dict(work.detections) == {
        ("bulk_export", "false_positive"): 1,
        ("odd_hours", "false_positive"): 1,
        ("bulk_export", "true_positive"): 1,
    }
    assert dict(desk.workload(START + DAY + WINDOW_S + 1).verdicts) == {}


def test_what_waits_and_what_is_dead_is_counted_by_receiver_with_the_age_of_the_oldest(
    desk: Desk, commit: Callable[..., None]
) -> None:
    away, picky = Ear(), Ear()
    away.answer = lambda _: Outcome(Result.RETRY, "HTTP 503")
    picky.answer = lambda _: Outcome(Result.REFUSED, "HTTP 400")
    dispatcher = dispatcher_of(desk, away=away, picky=picky)
    commit(*numbered(2))
    run(dispatcher, START, 120.0)
    work = desk.workload(START + 120)
    assert dict(work.pending) == {("away", "waiting"): 2, ("picky", "dead"): 2}
    assert dict(work.oldest_s) == {"away": pytest.approx(120.0, abs=1)}
    assert dispatcher.failing == {"away": "HTTP 503"}  # who refuses one alert may take the next


def test_the_outbox_is_counted_by_queue_with_its_first(desk: Desk, commit: Callable[..., None]) -> None:
    commit(*numbered(3), receivers=(DESK, "kafka"))
    waiting = desk.workload(START).outbox
    assert {queue: count for queue, (count, _) in waiting.items()} == {"desk": 3, "kafka": 3}
    dispatcher_of(desk).step(START)
    left = desk.workload(START).outbox
    assert left == {"kafka": waiting["kafka"]}
