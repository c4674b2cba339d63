"""What is said changes incidents once, and only as far as it goes; over both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert, Severity
from alerts.desk import DESK, Desk
from alerts.errors import StaleError
from alerts.inbound.hearing import AUTHOR_CHARS, KEPT_S, REASON_CHARS, Heard
from alerts.inbound.sender import Act, Said
from alerts.incident import Entry, Incident, State, Verdict
from alerts.receivers.receiver import Phase
from alerts.store import Store
from alerts.work import By, Close, Reopen
from tests.alerts.receivers.notices import HOSTILE
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding

SHARD = "events-0-of-1"
NOW = 1_790_000_000.0
FIRST, SECOND = f"{1:020x}", f"{2:020x}"


@pytest.fixture
def commit(place: Place) -> Iterator[Callable[..., None]]:
    with closing(Store(place.url, place.password_file)) as store:
        epoch = store.acquire(SHARD)
        yield lambda *alerts: store.commit(SHARD, make_checkpoint(epoch=epoch), alerts, (DESK,))


@pytest.fixture
def desk(place: Place, commit: Callable[..., None]) -> Iterator[Desk]:
    """With an incident of one alert, of which "pd" and "jira" are told."""
    with closing(Desk(place.url, place.password_file)) as desk:
        desk.acquire()
        commit(alert_of(FIRST))
        take_in(desk)
        yield desk


def alert_of(alert_id: str, **fields: Any) -> Alert:
    return make_alert(alert_id=alert_id, severity=Severity.HIGH, **fields)


def take_in(desk: Desk) -> None:
    desk.take_in([], ["pd", "jira"], NOW)
    desk.record([(task, {"state": "told", "remote_id": f"{task.receiver}-{task.alert_id}"}) for task in desk.tasks()])


def said_of(act: Act, time: float = NOW, **fields: Any) -> Said:
    usual = {"event_id": f"{act}-{time}-{fields}", "by": "ann", "alert_ids": (FIRST,)}
    return Said(act=act, time=time, **{**usual, **fields})


def closed(verdict: Verdict = Verdict.FALSE_POSITIVE, time: float = NOW, **fields: Any) -> Said:
    return said_of(Act.CLOSED, time, verdict=verdict, word="Done", **fields)


def now_of(desk: Desk) -> tuple[Incident, Entry]:
    incident, _, entries, *_ = desk.incident(FIRST)
    return incident, entries[-1]


def test_a_verdict_closes_the_incident_resolves_its_alerts_and_teaches_once(desk: Desk) -> None:
    said = closed(reason="a robot")
    assert desk.hear("pd", said, NOW) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert (incident.state, incident.verdict, incident.reason) == (
        State.CLOSED, Verdict.FALSE_POSITIVE, "a robot",
    )  # fmt: skip
    assert entry == Entry(NOW, "ann via pd", "closed", "false_positive: a robot")
    assert {task.phase for task in desk.tasks()} == {Phase.RESOLVED}
    for _ in range(3):
        assert desk.hear("pd", said, NOW) is Heard.REPEAT
    assert now_of(desk) == (incident, entry)
    ((lesson, _),) = desk.feedback()
    assert (lesson.verdict, lesson.author, lesson.reason) == (Verdict.FALSE_POSITIVE, "ann via pd", "a robot")


def test_work_goes_on_and_never_back(desk: Desk) -> None:
    states = []
    for act in (Act.REOPENED, Act.ACKNOWLEDGED, Act.IN_PROGRESS, Act.ACKNOWLEDGED, Act.REOPENED):
        desk.hear("pd", said_of(act, NOW + len(states)), NOW + 10.0)
        states.append(now_of(desk)[0].state)
    assert states == [State.OPEN, State.ACKNOWLEDGED, *[State.INVESTIGATING] * 3]
    assert [entry.text for entry in desk.incident(FIRST).entries[1:]] == ["to acknowledged", "to investigating"]


def test_a_word_that_is_no_verdict_closes_nothing_and_is_noted_as_work(desk: Desk) -> None:
    assert desk.hear("jira", closed(Verdict.NONE), NOW) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert (incident.state, incident.verdict) == (State.ACKNOWLEDGED, Verdict.NONE)
    assert (entry.act, entry.text) == ("noted", "closed there as Done, which is no verdict here")
    assert desk.feedback() == []
    desk.hear("jira", closed(Verdict.BENIGN_POSITIVE, NOW + 1.0), NOW + 1.0)
    assert now_of(desk)[0].verdict is Verdict.BENIGN_POSITIVE


def test_an_echo_of_our_own_closing_changes_nothing(desk: Desk) -> None:
    desk.act(FIRST, Close(Verdict.TRUE_POSITIVE, "sold"), By("lee", NOW))
    before = desk.incident(FIRST)
    for verdict in (Verdict.NONE, Verdict.UNDETERMINED, Verdict.TRUE_POSITIVE):
        assert desk.hear("pd", closed(verdict, NOW + 1.0), NOW + 2.0) is Heard.NOTHING
    assert desk.hear("pd", said_of(Act.ACKNOWLEDGED, NOW + 2.0), NOW + 2.0) is Heard.CHANGED
    assert desk.incident(FIRST).incident.state is State.OPEN, "who opens there what was closed there opens it here"
    assert before[0].state is State.CLOSED


def test_another_verdict_on_what_is_closed_is_a_note(desk: Desk) -> None:
    desk.hear("pd", closed(Verdict.TRUE_POSITIVE), NOW)
    assert desk.hear("jira", closed(Verdict.FALSE_POSITIVE, reason="no"), NOW) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert incident.verdict is Verdict.TRUE_POSITIVE
    assert (entry.act, entry.text) == ("noted", "says false_positive, closed here as true_positive: no")
    assert len(desk.feedback()) == 1


def test_what_was_closed_elsewhere_is_not_opened_by_those_who_had_not_closed_it(desk: Desk) -> None:
    desk.hear("pd", closed(), NOW)
    assert desk.hear("jira", said_of(Act.IN_PROGRESS), NOW) is Heard.NOTHING
    assert now_of(desk)[0].state is State.CLOSED


def test_opening_it_again_takes_the_verdict_back(desk: Desk) -> None:
    desk.hear("pd", closed(), NOW)
    assert desk.hear("pd", said_of(Act.REOPENED, NOW + 5.0), NOW + 5.0) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert (incident.state, incident.verdict, entry.act) == (State.OPEN, Verdict.NONE, "reopened")
    assert [one.withdrawn_by for one, _ in desk.feedback()] == ["ann via pd"]
    assert {task.phase for task in desk.tasks()} == {Phase.FIRING}
    assert desk.hear("pd", closed(Verdict.TRUE_POSITIVE, NOW + 6.0), NOW + 6.0) is Heard.CHANGED
    assert len(desk.feedback()) == 2


def test_what_comes_late_is_not_taken_for_news(desk: Desk) -> None:
    desk.hear("pd", said_of(Act.REOPENED, NOW + 10.0), NOW + 20.0)
    assert desk.hear("pd", closed(time=NOW + 9.0), NOW + 20.0) is Heard.LATE
    assert now_of(desk)[0].state is State.OPEN
    assert desk.hear("jira", closed(time=NOW + 9.0), NOW + 20.0) is Heard.CHANGED, "others have their own order"


def test_a_clock_that_runs_ahead_does_not_make_all_that_follows_late(desk: Desk) -> None:
    desk.hear("pd", said_of(Act.ACKNOWLEDGED, NOW + 1e6), NOW)
    assert desk.hear("pd", closed(time=NOW + 1.0), NOW + 1.0) is Heard.CHANGED


def test_only_all_alerts_of_an_incident_close_it_by_the_gravest_verdict(
    desk: Desk, commit: Callable[..., None]
) -> None:
    commit(alert_of(SECOND))
    take_in(desk)
    assert len(desk.incidents()) == 1
    assert desk.hear("pd", closed(Verdict.TRUE_POSITIVE), NOW) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert incident.state is State.ACKNOWLEDGED
    assert entry.text == "closed there as Done, which is true_positive, 1 of 2 alerts open there"
    desk.hear("pd", closed(Verdict.FALSE_POSITIVE, alert_ids=(SECOND,)), NOW)
    incident, _ = now_of(desk)
    assert (incident.state, incident.verdict) == (State.CLOSED, Verdict.TRUE_POSITIVE)


def test_one_case_of_several_alerts_closes_them_together(desk: Desk, commit: Callable[..., None]) -> None:
    commit(alert_of(SECOND, actor="E-other"))
    take_in(desk)
    assert desk.hear("pd", closed(alert_ids=(FIRST, SECOND)), NOW) is Heard.CHANGED
    assert [one.verdict for one in desk.incidents()] == [Verdict.FALSE_POSITIVE] * 2


def test_what_is_new_in_an_alert_takes_back_that_it_was_closed_there(desk: Desk, commit: Callable[..., None]) -> None:
    alert = alert_of(FIRST)
    desk.hear("pd", closed(), NOW)
    commit(msgspec.structs.replace(alert, findings=(*alert.findings, make_finding(detection="odd_hours"))))
    take_in(desk)
    assert now_of(desk)[0].state is State.OPEN
    commit(alert_of(SECOND))
    take_in(desk)
    desk.hear("pd", closed(alert_ids=(SECOND,)), NOW + 1.0)
    assert now_of(desk)[0].state is not State.CLOSED, "the first was closed before what is new in it"


def test_what_is_opened_here_must_be_closed_there_anew_alert_by_alert(desk: Desk, commit: Callable[..., None]) -> None:
    commit(alert_of(SECOND))
    take_in(desk)
    for alert_id in (FIRST, SECOND):
        desk.hear("pd", closed(alert_ids=(alert_id,)), NOW)
    desk.act(FIRST, Reopen("not yet"), By("lee", NOW + 1.0))
    desk.hear("pd", closed(time=NOW + 2.0), NOW + 2.0)
    assert now_of(desk)[0].state is State.ACKNOWLEDGED
    desk.hear("pd", closed(time=NOW + 3.0, alert_ids=(SECOND,)), NOW + 3.0)
    assert now_of(desk)[0].state is State.CLOSED


def test_an_alert_is_known_by_its_remote_id_as_well(desk: Desk) -> None:
    assert desk.hear("jira", closed(alert_ids=(), remote_id=f"jira-{FIRST}"), NOW) is Heard.CHANGED
    assert now_of(desk)[0].state is State.CLOSED


def test_nobody_speaks_of_alerts_that_they_were_not_told_of(desk: Desk) -> None:
    for said in (closed(alert_ids=(SECOND,)), closed(alert_ids=()), closed(alert_ids=(), remote_id="pd-x")):
        assert desk.hear("pd", said, NOW) is Heard.UNKNOWN
    assert desk.hear("stranger", closed(), NOW) is Heard.UNKNOWN
    assert now_of(desk)[0].state is State.OPEN


def test_a_note_is_written_and_changes_nothing(desk: Desk) -> None:
    assert desk.hear("pd", said_of(Act.NOTED, word="resolved"), NOW) is Heard.CHANGED
    incident, entry = now_of(desk)
    assert (incident.state, entry.act, entry.text) == (State.OPEN, "noted", "resolved")


def test_a_copy_is_never_new_and_what_is_remembered_is_bounded(desk: Desk, place: Place) -> None:
    said = said_of(Act.ACKNOWLEDGED)
    desk.hear("pd", said, NOW)
    assert desk.hear("pd", said, NOW + KEPT_S) is Heard.REPEAT
    with pytest.raises(StaleError):
        desk.hear("pd", said, NOW + KEPT_S + 1.0)
    assert desk.hear("pd", said_of(Act.IN_PROGRESS, NOW + KEPT_S), NOW + KEPT_S + 1.0) is Heard.CHANGED
    assert place.rows("SELECT count(*) FROM heard") == [(1,)]


def test_hostile_text_is_cut_and_steers_nothing(desk: Desk) -> None:
    said = closed(by=HOSTILE * 20, reason=HOSTILE * 40, event_id=HOSTILE * 9, remote_id="\x00")
    assert desk.hear("pd", msgspec.structs.replace(said, word=HOSTILE, alert_ids=(FIRST, HOSTILE)), NOW)
    incident, entry = now_of(desk)
    assert entry.author.isprintable()
    assert len(entry.author) <= AUTHOR_CHARS
    assert entry.author.endswith(" via pd")
    assert entry.text.isprintable()
    assert incident.reason.isprintable()
    assert len(incident.reason) <= REASON_CHARS
