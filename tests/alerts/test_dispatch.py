"""Receivers are told of every alert, once, however they fail; on a clock of the test's own, over both databases."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import GIVE_UP_S, LONGEST_WAIT_S, Dispatcher, Post
from alerts.errors import IncidentError, StaleOwnerError, UnknownAlertError
from alerts.incident import State, Verdict
from alerts.pipeline import Matcher, Route, Routing, Silence, Why, pipeline_of
from alerts.receivers.receiver import Limits, Notice, Outcome, Phase, Result
from alerts.store import Store
from alerts.work import Assign, By, Close, Reopen
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding

SHARD = "events-0-of-1"
UTC_ZONE = ZoneInfo("UTC")
START = 1_772_000_000.0


class Ear:
    """A receiver that answers as it is told, and keeps what it took by key."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits(calls=1_000, per_s=1.0)
        self.answer: Callable[[Notice], Outcome] = lambda _: Outcome(Result.DELIVERED)
        self.calls: list[tuple[float, list[Notice]]] = []
        self.taken: dict[str, Notice] = {}
        self.repeats: Counter[str] = Counter()

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        self.calls.append((now, list(notices)))
        outcomes = [self.answer(notice) for notice in notices]
        for notice, outcome in zip(notices, outcomes, strict=True):
            if outcome.result is Result.DELIVERED:
                self.repeats[notice.key] += notice.key in self.taken
                self.taken[notice.key] = notice
        return outcomes

    def close(self) -> None:
        pass


@pytest.fixture
def commit(place: Place) -> Iterator[Callable[..., None]]:
    with closing(Store(place.url, place.password_file)) as store:
        epoch = store.acquire(SHARD)

        def commit(*alerts: Alert) -> None:
            store.commit(SHARD, make_checkpoint(epoch=epoch), alerts, (DESK,))

        yield commit


@pytest.fixture
def desk(place: Place, commit: Callable[..., None]) -> Iterator[Desk]:
    with closing(Desk(place.url, place.password_file)) as desk:
        desk.acquire()
        yield desk


def numbered(count: int, **fields: object) -> list[Alert]:
    return [make_alert(alert_id=f"{n:020x}", actor=f"E-{n}", **fields) for n in range(count)]


def dispatcher_of(desk: Desk, *routes: Route, resend_s: float = 0.0, **ears: Ear) -> Dispatcher:
    return Dispatcher(
        desk, {name: Post(ear, "en", resend_s) for name, ear in ears.items()}, pipeline_of(Routing(routes, UTC_ZONE))
    )


def run(dispatcher: Dispatcher, start: float, seconds: float, longest_s: float = 60.0) -> float:
    """Let the time pass as the loop would, which waits no longer than `longest_s` at a time; when it is over."""
    now = start
    while now < start + seconds:
        if not dispatcher.step(now):
            now += max(dispatcher.wait_s(now, longest_s), 0.2)
    return now


def test_everybody_is_told_once_and_an_incident_opens(desk: Desk, commit: Callable[..., None]) -> None:
    soc, mail = Ear(), Ear()
    dispatcher = dispatcher_of(desk, soc=soc, mail=mail)
    commit(*numbered(3))
    run(dispatcher, START, 600)
    for ear in (soc, mail):
        assert sorted(ear.taken) == [f"{n:020x}.1.firing" for n in range(3)]
        assert sum(ear.repeats.values()) == 0
    assert [one.state for one in desk.incidents()] == [State.OPEN] * 3
    assert {task.state for task in desk.tasks()} == {"told"}
    assert desk.next_due() == {}


def test_alerts_of_one_actor_join_the_open_incident_and_a_closed_one_is_left(
    desk: Desk, commit: Callable[..., None]
) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    first, second, third = (make_alert(alert_id=f"{n:020x}") for n in range(3))
    commit(first)
    dispatcher.step(START)
    commit(msgspec.structs.replace(second, severity=Severity.CRITICAL, risk=95.0))
    dispatcher.step(START + 1)
    (incident,) = desk.incidents()
    assert (incident.incident_id, incident.severity, incident.risk) == (first.alert_id, Severity.CRITICAL, 95.0)
    desk.act(incident.incident_id, Close(Verdict.BENIGN_POSITIVE, "audit"), By("lee", START + 2))
    commit(third)
    dispatcher.step(START + 3)
    assert {one.incident_id: one.state for one in desk.incidents()} == {
        first.alert_id: State.CLOSED,
        third.alert_id: State.OPEN,
    }
    _, alerts, entries, *_ = desk.incident(first.alert_id)
    assert [alert.alert_id for alert in alerts] == [first.alert_id, second.alert_id]
    assert [entry.act for entry in entries] == ["opened", "joined", "closed"]


def test_a_receiver_that_is_down_for_an_hour_gets_everything_afterwards_and_others_do_not_wait(
    desk: Desk, commit: Callable[..., None]
) -> None:
    down, up = Ear(), Ear()
    down.answer = lambda _: Outcome(Result.RETRY, "HTTP 503")
    dispatcher = dispatcher_of(desk, down=down, up=up)
    commit(*numbered(20))
    now = run(dispatcher, START, 3_600)
    assert len(up.taken) == 20
    assert dispatcher.failing == {"down": "HTTP 503"}
    assert 5 <= len(down.calls) <= 60  # it is left alone in between, whatever waits
    assert len(desk.tasks()) == 40  # one row for each alert and receiver, however long it takes
    down.answer = lambda _: Outcome(Result.DELIVERED)
    run(dispatcher, now, 1.3 * LONGEST_WAIT_S)
    assert sorted(down.taken) == sorted(up.taken)
    assert sum(down.repeats.values()) == 0
    assert dispatcher.failing == {}


def test_what_nobody_knows_the_end_of_is_told_again_under_the_same_key(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    lost: set[str] = set()

    def answer(notice: Notice) -> Outcome:
        if notice.key in lost:
            return Outcome(Result.DELIVERED)
        lost.add(notice.key)
        ear.taken[notice.key] = notice  # it has it, and the answer is lost
        return Outcome(Result.RETRY, "ReadTimeout")

    ear.answer = answer
    commit(*numbered(5))
    run(dispatcher_of(desk, soc=ear), START, 600)
    assert len(ear.taken) == 5
    assert set(ear.repeats.values()) == {1}
    assert {task.state for task in desk.tasks()} == {"told"}


def test_a_wait_that_is_asked_for_is_kept(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    ear.answer = lambda _: Outcome(Result.RETRY, "HTTP 429", 300.0)
    commit(*numbered(3))
    run(dispatcher_of(desk, soc=ear), START, 3_000)
    times = [now for now, _ in ear.calls]
    assert min(later - now for now, later in pairwise(times)) >= 300.0


def test_what_is_refused_is_dead_shown_and_retried_by_hand(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    ear.answer = lambda notice: (
        Outcome(Result.REFUSED, "HTTP 400") if notice.alert.actor == "E-1" else Outcome(Result.DELIVERED)
    )
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(*numbered(3))
    now = run(dispatcher, START, 3_600)
    (dead,) = desk.tasks(state="dead")
    assert (dead.alert_id, dead.detail, dead.attempts) == (f"{1:020x}", "HTTP 400", 1)
    ear.answer = lambda _: Outcome(Result.DELIVERED)
    assert desk.retry("mail", By("lee", now)) == 0
    assert desk.retry("soc", By("lee", now)) == 1
    run(dispatcher, now, 60)
    assert len(ear.taken) == 3


def test_after_days_a_person_must_look(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    ear.answer = lambda _: Outcome(Result.RETRY, "ConnectError")
    commit(*numbered(1))
    dispatcher = dispatcher_of(desk, soc=ear)
    now = run(dispatcher, START, GIVE_UP_S - LONGEST_WAIT_S, LONGEST_WAIT_S)
    assert desk.tasks(state="dead") == []
    run(dispatcher, now, 4 * LONGEST_WAIT_S, LONGEST_WAIT_S)
    assert len(desk.tasks(state="dead")) == 1
    assert len(ear.calls) < 200


def test_while_it_waits_an_alert_is_told_in_its_newest_state_alone(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    ear.answer = lambda _: Outcome(Result.RETRY, "HTTP 500")
    alert = make_alert(severity=Severity.MEDIUM)
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(alert)
    dispatcher.step(START)
    commit(msgspec.structs.replace(alert, severity=Severity.HIGH))
    dispatcher.step(START + 1)
    ear.answer = lambda _: Outcome(Result.DELIVERED)
    run(dispatcher, START + 2, 600)
    assert [(notice.revision, notice.alert.severity) for notice in ear.taken.values()] == [(2, Severity.HIGH)]


def test_an_update_without_news_is_decided_upon_and_told_to_nobody(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    alert = make_alert()
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(alert)
    dispatcher.step(START)
    commit(msgspec.structs.replace(alert, risk=alert.risk + 1.0))
    run(dispatcher, START + 1, 60)
    assert len(ear.taken) == 1
    assert desk.alert(alert.alert_id)[2][-1][:3] == (2, "deduplicate", Why.NOTHING_NEW)
    assert desk.incidents()[0].risk == alert.risk + 1.0


def test_closing_resolves_and_reopening_fires_again(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    alert = make_alert()
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(alert)
    dispatcher.step(START)
    desk.act(alert.alert_id, Close(Verdict.FALSE_POSITIVE, "a robot"), By("lee", START + 1))
    with pytest.raises(IncidentError, match="reopen it first"):
        desk.act(alert.alert_id, Assign("lee"), By("lee", START + 1))
    run(dispatcher, START + 2, 60)
    desk.act(alert.alert_id, Reopen("no robot"), By("kim", START + 100))
    run(dispatcher, START + 101, 60)
    assert [notices[0].phase for _, notices in ear.calls] == [Phase.FIRING, Phase.RESOLVED, Phase.FIRING]
    (incident,) = desk.incidents()
    assert (incident.state, incident.verdict, incident.reason) == (State.OPEN, Verdict.NONE, "")


def test_something_new_opens_a_closed_incident_again(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    alert = make_alert()
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(alert)
    dispatcher.step(START)
    desk.act(alert.alert_id, Close(Verdict.BENIGN_POSITIVE, "audit"), By("lee", START + 1))
    commit(msgspec.structs.replace(alert, findings=(*alert.findings, make_finding(detection="odd_hours"))))
    run(dispatcher, START + 2, 60)
    (incident,) = desk.incidents()
    assert (incident.state, incident.verdict) == (State.OPEN, Verdict.NONE)
    assert ear.calls[-1][1][0].phase is Phase.FIRING


def test_one_that_forgets_is_told_again_while_it_fires_and_no_more_afterwards(
    desk: Desk, commit: Callable[..., None]
) -> None:
    ear = Ear()
    alert = make_alert()
    dispatcher = dispatcher_of(desk, soc=ear, resend_s=60.0)
    commit(alert)
    now = run(dispatcher, START, 600)
    assert 9 <= len(ear.calls) <= 11
    desk.act(alert.alert_id, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", now))
    count = len(ear.calls)
    run(dispatcher, now, 600)
    assert [notices[0].phase for _, notices in ear.calls[count:]] == [Phase.RESOLVED]


def test_a_burst_is_told_within_the_limits_of_the_strictest_and_nothing_is_lost(
    desk: Desk, commit: Callable[..., None]
) -> None:
    strict = Ear(Limits(calls=20, per_s=60.0, batch=30))
    commit(*numbered(900))
    run(dispatcher_of(desk, chat=strict), START, 3_600)
    assert len(strict.taken) == 900
    assert max(len(notices) for _, notices in strict.calls) <= 30
    times = [now for now, _ in strict.calls]
    assert all(sum(now <= other < now + 60.0 for other in times) <= 20 for now in times)


def test_a_silence_tells_nobody_and_says_what_it_would_have_hidden(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    dispatcher = dispatcher_of(desk, soc=ear)
    old = make_alert(alert_id="a" * 20)
    commit(old)
    dispatcher.step(START)
    desk.act(old.alert_id, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", START + 1))
    matcher = Matcher(actors=(old.actor,))
    assert [(alert.alert_id, verdict) for alert, verdict in desk.would_hide(matcher)] == [
        (old.alert_id, Verdict.TRUE_POSITIVE)
    ]
    silence = Silence(matcher=matcher, owner="lee", reason="on leave", starts=START, ends=START + 100)
    number = desk.silence(silence)
    commit(make_alert(alert_id="b" * 20))
    dispatcher.step(START + 50)
    assert desk.alert("b" * 20)[2][-1][1:] == ("silence", Why.SILENCED, f"silence {number} of lee")
    assert desk.expire(number, By("lee", START + 60))
    assert not desk.expire(number, By("lee", START + 61))
    commit(make_alert(alert_id="c" * 20))
    dispatcher.step(START + 62)
    assert "c" * 20 in {notice.alert.alert_id for notice in ear.taken.values()}
    assert "b" * 20 not in {notice.alert.alert_id for notice in ear.taken.values()}
    assert {one.incident_id for one in desk.incidents([State.OPEN])} == {"b" * 20}  # hidden from nobody who looks


def test_of_two_that_deliver_the_former_one_records_nothing(
    desk: Desk, place: Place, commit: Callable[..., None]
) -> None:
    commit(*numbered(1))
    dispatcher = dispatcher_of(desk, soc=Ear())
    with closing(Desk(place.url, place.password_file)) as newer:
        newer.acquire()
        with pytest.raises(StaleOwnerError, match="another process delivers now"):
            dispatcher.step(START)


def test_an_incident_that_is_not_there_is_an_error_in_words(desk: Desk) -> None:
    with pytest.raises(UnknownAlertError, match="no incident begins with 'zz'"):
        desk.incident("zz")
    with pytest.raises(UnknownAlertError):
        desk.incident("")


def test_those_who_take_in_at_once_do_not_meet(desk: Desk, place: Place, commit: Callable[..., None]) -> None:
    commit(*numbered(60))
    with closing(Desk(place.url, place.password_file)) as other, ThreadPoolExecutor(2) as pool:
        taken = list(pool.map(lambda one: one.take_in([], ["soc"], START), (desk, other)))
    assert sum(taken) == 60
    assert len(desk.incidents()) == len(desk.tasks()) == 60
