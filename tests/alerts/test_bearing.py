"""What people bear: milder alerts of a known incident are spared, floods wait for a full hour; over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec
import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.incident import State, Verdict
from alerts.pipeline import HOUR_S, Matcher, Routing, Silence, Why, pipeline_of
from alerts.receivers.receiver import Limits, Phase
from alerts.store import Store
from alerts.work import By, Close
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import SHARD, START, UTC_ZONE, Ear, numbered, run

HOURS = {"soc": 8.0}
HOURLY = {"chat": 30}


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


def dispatcher_of(desk: Desk, **ears: Ear) -> Dispatcher:
    posts = {name: Post(ear) for name, ear in ears.items()}
    return Dispatcher(desk, posts, pipeline_of(Routing([], UTC_ZONE), HOURS, HOURLY))


def why(desk: Desk, alert_id: str, stage: str) -> tuple[str, str]:
    return [decision[2:] for decision in desk.alert(alert_id)[2] if decision[1] == stage][-1]


def test_a_milder_alert_of_a_known_incident_calls_nobody_again_and_tools_get_it(
    desk: Desk, commit: Callable[..., None]
) -> None:
    soc, tool = Ear(), Ear()
    dispatcher = dispatcher_of(desk, soc=soc, tool=tool)
    worse, milder, later = (f"{n:020x}" for n in range(3))
    commit(make_alert(alert_id=worse, severity=Severity.CRITICAL))
    now = run(dispatcher, START, 60)
    commit(make_alert(alert_id=milder, severity=Severity.MEDIUM))
    run(dispatcher, now, 60)
    assert (len(soc.taken), len(tool.taken)) == (1, 2)
    assert why(desk, milder, "inhibit") == (Why.INHIBITED, "soc: told of a more severe one")
    assert why(desk, milder, "group") == (Why.JOINED, f"incident {worse}")
    raised = make_alert(alert_id=milder, severity=Severity.CRITICAL)
    commit(msgspec.structs.replace(raised, findings=(*raised.findings, make_finding(detection="odd_hours"))))
    now = run(dispatcher, now + 60, 60)
    assert sorted(soc.taken) == [f"{worse}.1.firing", f"{milder}.2.firing"]
    commit(make_alert(alert_id=later, severity=Severity.MEDIUM))
    run(dispatcher, now + 9 * HOUR_S, 60)
    assert f"{later}.1.firing" in soc.taken


def test_another_persons_alert_is_never_spared(desk: Desk, commit: Callable[..., None]) -> None:
    soc = Ear()
    commit(make_alert(alert_id="a" * 20, actor="E-1", severity=Severity.CRITICAL))
    commit(make_alert(alert_id="b" * 20, actor="E-2", severity=Severity.LOW))
    run(dispatcher_of(desk, soc=soc), START, 60)
    assert len(soc.taken) == 2


def test_an_alert_says_what_became_of_its_actor_before(desk: Desk, commit: Callable[..., None]) -> None:
    dispatcher = dispatcher_of(desk, soc=Ear())
    commit(make_alert(alert_id="a" * 20))
    dispatcher.step(START)
    desk.act("a" * 20, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", START + 1))
    commit(make_alert(alert_id="b" * 20))
    dispatcher.step(START + 2)
    assert why(desk, "a" * 20, "enrich") == (Why.UNKNOWN, "no earlier incident")
    assert why(desk, "b" * 20, "enrich") == (Why.RECORD, "earlier incidents: 1 true_positive")


def test_a_flood_comes_as_a_digest_at_the_full_hour_and_what_is_critical_at_once(
    desk: Desk, commit: Callable[..., None]
) -> None:
    chat = Ear(Limits(calls=20, per_s=60.0, batch=30))
    chat_calls = chat.calls
    dispatcher = dispatcher_of(desk, chat=chat)
    commit(*numbered(100, severity=Severity.MEDIUM))
    hour = (START // HOUR_S + 1) * HOUR_S
    dispatcher.step(START)
    assert len(chat.taken) == 30
    commit(make_alert(alert_id="f" * 20, actor="E-x", severity=Severity.CRITICAL))
    commit(make_alert(alert_id="e" * 20, actor="E-y", severity=Severity.HIGH))
    dispatcher.step(START + 1)
    assert len(chat.taken) == 31
    assert f"{'f' * 20}.1.firing" in chat.taken
    assert why(desk, "e" * 20, "throttle") == (Why.THROTTLED, "chat")
    before = len(chat_calls)
    run(dispatcher, hour, 60)
    assert len(chat.taken) == 102
    assert chat_calls[before][1][0].alert.alert_id == "e" * 20, "the most severe comes first"
    assert len(chat_calls) - before == 3
    assert all(now >= hour for now, _ in chat_calls[before:])


def test_an_update_of_what_waits_waits_with_it_unless_it_is_critical(desk: Desk, commit: Callable[..., None]) -> None:
    chat = Ear()
    dispatcher = dispatcher_of(desk, chat=chat)
    alerts = numbered(32, severity=Severity.LOW)
    commit(*alerts)
    dispatcher.step(START)
    late = [task.alert_id for task in desk.tasks() if task.due > START + 1 and task.state == "waiting"]
    assert len(late) == 2
    for alert_id, severity in zip(late, (Severity.HIGH, Severity.CRITICAL), strict=True):
        commit(make_alert(alert_id=alert_id, actor=f"E-{int(alert_id, 16)}", severity=severity))
    dispatcher.step(START + 2)
    assert f"{late[1]}.2.firing" in chat.taken
    assert len(chat.taken) == 31
    run(dispatcher, (START // HOUR_S + 1) * HOUR_S, 10)
    assert f"{late[0]}.2.firing" in chat.taken
    assert f"{late[0]}.1.firing" not in chat.taken


def test_a_silenced_repeat_opens_nothing_again(desk: Desk, commit: Callable[..., None]) -> None:
    ear = Ear()
    alert = make_alert()
    dispatcher = dispatcher_of(desk, soc=ear)
    commit(alert)
    dispatcher.step(START)
    desk.act(alert.alert_id, Close(Verdict.BENIGN_POSITIVE, "audit"), By("lee", START + 1))
    matcher = Matcher(actors=(alert.actor,))
    desk.silence(Silence(matcher=matcher, owner="lee", reason="audit", starts=START, ends=START + 1_000))
    commit(msgspec.structs.replace(alert, risk=alert.risk + 1.0))
    run(dispatcher, START + 2, 60)
    assert [one.state for one in desk.incidents()] == [State.CLOSED]
    assert [notices[0].phase for _, notices in ear.calls] == [Phase.FIRING, Phase.RESOLVED]
