"""Who else is told when nobody acknowledges an incident, on a clock of the test's own; over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.dispatch import Dispatcher, Post
from alerts.errors import StaleOwnerError
from alerts.escalation import Level
from alerts.incident import State, Verdict
from alerts.intake import ITSELF
from alerts.pipeline import Matcher, Route, Routing, Silence, pipeline_of
from alerts.queue import delivery_table
from alerts.receivers.receiver import Phase
from alerts.rotation import Rotation
from alerts.store import Store
from alerts.work import Assign, By, Close, Move, Reopen, Split
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import SHARD, START, UTC_ZONE, Ear, run

MINUTE = 60.0
SECOND = Rotation(
    name="second",
    receivers=("ann", "bo"),
    starts=datetime.fromisoformat("2026-03-02T00:00"),
    shift=timedelta(days=7),
    zone=UTC_ZONE,
)
LEVELS = [
    Level(severity=Severity.HIGH, after_s=30 * MINUTE, receivers=("lead",)),
    Level(severity=Severity.HIGH, after_s=60 * MINUTE, receivers=("chief",), rotations=(SECOND,)),
]


class Team:
    """A desk whose alerts go to one receiver, with people behind it."""

    def __init__(self, desk: Desk) -> None:
        self.ears = {name: Ear() for name in ("soc", "lead", "chief", "ann", "bo")}
        posts = {name: Post(ear) for name, ear in self.ears.items()}
        stages = pipeline_of(Routing([Route(receivers=("soc",))], UTC_ZONE))
        self.dispatcher = Dispatcher(desk, posts, stages, LEVELS)

    def told(self) -> dict[str, list[str]]:
        return {name: sorted(ear.taken) for name, ear in self.ears.items() if ear.taken}


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


@pytest.fixture
def team(desk: Desk) -> Team:
    return Team(desk)


ONE = "a" * 20


def escalations(desk: Desk, incident_id: str = ONE) -> list[tuple[str, str]]:
    return [(entry.author, entry.text) for entry in desk.incident(incident_id)[2] if entry.act == "escalated"]


def test_level_by_level_others_are_told_and_each_step_is_in_the_history(
    desk: Desk, team: Team, commit: Callable[..., None]
) -> None:
    commit(make_alert(alert_id=ONE))
    now = run(team.dispatcher, START, 29 * MINUTE)
    assert list(team.told()) == ["soc"]
    now = run(team.dispatcher, now, 3 * MINUTE)
    assert team.told() == {"soc": [f"{ONE}.1.firing"], "lead": [f"{ONE}.1.firing.1"]}
    now = run(team.dispatcher, now, 57 * MINUTE)
    assert "chief" not in team.told()
    now = run(team.dispatcher, now, 5 * MINUTE)
    who = SECOND.on_call(now)
    assert team.told()["chief"] == team.told()[who] == [f"{ONE}.1.firing.2"]
    assert team.ears["chief"].taken[f"{ONE}.1.firing.2"].level == 2
    run(team.dispatcher, now, 600 * MINUTE, 10 * MINUTE)
    assert escalations(desk) == [
        (ITSELF, f"level 1, unacknowledged for 30 minutes: lead told of alert {ONE}"),
        (ITSELF, f"level 2, unacknowledged for 60 minutes: chief, {who} told of alert {ONE}"),
    ]


@pytest.mark.parametrize("state", [State.ACKNOWLEDGED, State.INVESTIGATING])
def test_an_acknowledgement_stops_it(desk: Desk, team: Team, commit: Callable[..., None], state: State) -> None:
    commit(make_alert(alert_id=ONE))
    now = run(team.dispatcher, START, 32 * MINUTE)
    desk.act(ONE, Move(state), By("lee", now))
    run(team.dispatcher, now, 600 * MINUTE, 10 * MINUTE)
    assert list(team.told()) == ["soc", "lead"]


def test_what_is_mild_waits_until_it_is_severe_and_its_time_counts_from_then(
    desk: Desk, team: Team, commit: Callable[..., None]
) -> None:
    alert = make_alert(alert_id=ONE, severity=Severity.MEDIUM)
    commit(alert)
    now = run(team.dispatcher, START, 300 * MINUTE, 10 * MINUTE)
    assert escalations(desk) == []
    commit(msgspec.structs.replace(alert, severity=Severity.HIGH))
    now = run(team.dispatcher, now, 28 * MINUTE)
    assert escalations(desk) == []
    run(team.dispatcher, now, 4 * MINUTE)
    assert len(escalations(desk)) == 1
    assert team.told()["lead"] == [f"{ONE}.2.firing.1"]


def test_the_worst_of_an_incident_is_told_and_closing_tells_everybody_who_knows(
    desk: Desk, team: Team, commit: Callable[..., None]
) -> None:
    commit(make_alert(alert_id=ONE), make_alert(alert_id="b" * 20, severity=Severity.CRITICAL, risk=95.0))
    now = run(team.dispatcher, START, 32 * MINUTE)
    assert team.told()["lead"] == [f"{'b' * 20}.1.firing.1"]
    desk.act(ONE, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", now))
    run(team.dispatcher, now, 600 * MINUTE, 10 * MINUTE)
    assert [notice.phase for notice in team.ears["lead"].taken.values()] == [Phase.FIRING, Phase.RESOLVED]
    assert "chief" not in team.told()


def test_what_opens_again_is_escalated_from_the_first_level(
    desk: Desk, team: Team, commit: Callable[..., None]
) -> None:
    alert = make_alert(alert_id=ONE)
    commit(alert)
    now = run(team.dispatcher, START, 120 * MINUTE)
    desk.act(ONE, Close(Verdict.BENIGN_POSITIVE, "audit"), By("lee", now))
    commit(msgspec.structs.replace(alert, findings=(*alert.findings, make_finding(detection="odd_hours"))))
    now = run(team.dispatcher, now, 29 * MINUTE)
    assert len(escalations(desk)) == 2
    now = run(team.dispatcher, now, 3 * MINUTE)
    assert len(escalations(desk)) == 3
    assert f"{ONE}.2.firing.1" in team.told()["lead"]
    desk.act(ONE, Close(Verdict.BENIGN_POSITIVE, "audit"), By("lee", now))
    desk.act(ONE, Reopen("no audit"), By("kim", now))
    run(team.dispatcher, now, 32 * MINUTE)
    assert [text.split(",")[0] for _, text in escalations(desk)] == ["level 1", "level 2", "level 1", "level 1"]


def test_what_nobody_was_told_of_is_not_escalated(desk: Desk, team: Team, commit: Callable[..., None]) -> None:
    matcher = Matcher(actors=("E-7f3a",))
    desk.silence(Silence(matcher=matcher, owner="lee", reason="audit", starts=START, ends=START + 1e6))
    commit(make_alert(alert_id=ONE))
    run(team.dispatcher, START, 600 * MINUTE, 10 * MINUTE)
    assert team.told() == {}
    assert escalations(desk) == []


def test_what_is_split_off_waits_for_an_answer_of_its_own(desk: Desk, team: Team, commit: Callable[..., None]) -> None:
    commit(make_alert(alert_id=ONE), make_alert(alert_id="b" * 20))
    now = run(team.dispatcher, START, 32 * MINUTE)
    desk.act(ONE, Split(("bb",)), By("lee", now))
    desk.act(ONE, Assign("lee"), By("lee", now))
    run(team.dispatcher, now, 32 * MINUTE)
    assert [text.split(",")[0] for _, text in escalations(desk, "b" * 20)] == ["level 1"]


def test_whoever_is_on_call_is_told_and_the_decision_says_so(desk: Desk, commit: Callable[..., None]) -> None:
    ann, bo = Ear(), Ear()
    stages = pipeline_of(Routing([Route(rotations=(SECOND,))], UTC_ZONE))
    dispatcher = Dispatcher(desk, {"ann": Post(ann), "bo": Post(bo)}, stages)
    monday = datetime(2026, 3, 2, tzinfo=UTC_ZONE).timestamp()
    for week, alert_id in enumerate((ONE, "b" * 20)):
        commit(make_alert(alert_id=alert_id, actor=f"E-{week}"))
        run(dispatcher, monday + week * 7 * 86_400.0, 60)
    assert (list(ann.taken), list(bo.taken)) == ([f"{ONE}.1.firing"], [f"{'b' * 20}.1.firing"])
    assert ("route", "routed", "ann; on call for second: ann") in [one[1:] for one in desk.alert(ONE)[2]]


def test_a_former_owner_escalates_nothing(desk: Desk, place: Place, team: Team, commit: Callable[..., None]) -> None:
    commit(make_alert(alert_id=ONE))
    team.dispatcher.step(START)
    with closing(Desk(place.url, place.password_file)) as newer:
        newer.acquire()
        with pytest.raises(StaleOwnerError):
            team.dispatcher.step(START + 3_600)
    assert escalations(desk) == []


def test_whoever_looks_at_deliveries_sees_the_level(desk: Desk, team: Team, commit: Callable[..., None]) -> None:
    commit(make_alert(alert_id=ONE))
    run(team.dispatcher, START, 32 * MINUTE)
    console = Console(file=StringIO(), width=200)
    console.print(delivery_table(desk.tasks()))
    lead, soc = console.file.getvalue().splitlines()[1:]  # type: ignore[attr-defined]
    assert "firing, level 1" in lead
    assert "level" not in soc
