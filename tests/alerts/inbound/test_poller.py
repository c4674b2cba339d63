"""Asking goes on in rounds, within the limits, and where it stood before; on a clock of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise

import pytest

from alerts.desk import DESK, Desk
from alerts.errors import StaleOwnerError, UnavailableError
from alerts.inbound.hearing import KEPT_S
from alerts.inbound.poll import Page
from alerts.inbound.poller import LONGEST_WAIT_S, OVERLAP_S, Asked, Poller
from alerts.inbound.sender import Act, Said
from alerts.incident import State, Verdict
from alerts.receivers.receiver import Outcome, Result
from alerts.store import Store
from tests.alerts.samples import make_alert, make_checkpoint

NOW = 1_790_000_000.0
GOOD = Outcome(Result.DELIVERED)


class Script:
    """A tool that gives its pages one after the other, and remembers how it was asked."""

    def __init__(self, *pages: Page) -> None:
        self.pages = list(pages)
        self.calls: list[tuple[float, float, str]] = []

    def read(self, since: float, now: float, page: str) -> Page:
        self.calls.append((since, now, page))
        return self.pages.pop(0) if self.pages else Page(GOOD)

    def close(self) -> None:
        pass


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    with closing(Store(url)) as store, closing(Desk(url)) as desk:
        store.commit("events", make_checkpoint(epoch=store.acquire("events")), [make_alert()], (DESK,))
        desk.acquire()
        desk.take_in([], ["jira"], NOW)
        yield desk


def poller_of(
    desk: Desk, script: Script, may_call: Callable[[str, float], bool] = lambda *_: True
) -> tuple[Poller, list[Outcome]]:
    told: list[Outcome] = []
    return Poller(desk, {"jira": Asked(script, 60.0)}, may_call, lambda _, outcome: told.append(outcome)), told


def said_of(act: Act, time: float = NOW, **fields: object) -> Said:
    alert_ids = (make_alert().alert_id,)
    return Said(event_id=f"{act}{time}", time=time, act=act, by="ann", alert_ids=alert_ids, **fields)


def closed(time: float = NOW) -> Said:
    return said_of(Act.CLOSED, time, verdict=Verdict.TRUE_POSITIVE)


def test_what_is_read_is_told_to_the_desk_in_its_order_and_the_next_round_is_later(desk: Desk) -> None:
    page = Page(GOOD, (closed(NOW + 2.0), said_of(Act.ACKNOWLEDGED, NOW + 1.0)))
    poller, _ = poller_of(desk, script := Script(page))
    assert [poller.step(NOW + second) for second in (3.0, 4.0, 62.9, 63.0)] == [1, 0, 0, 1]
    assert [entry.act for entry in desk.incident(make_alert().alert_id).entries] == ["opened", "moved", "closed"]
    assert [since for since, _, _ in script.calls] == [NOW + 3.0 - OVERLAP_S] * 2
    assert poller.wait_s(NOW + 63.0, 100.0) == 60.0
    assert poller.wait_s(NOW + 63.0, 2.0) == 2.0


def test_after_a_restart_it_goes_on_where_it_stood_and_says_nothing_twice(desk: Desk, url: str) -> None:
    page = Page(GOOD, (closed(),))
    poller_of(desk, Script(page))[0].step(NOW)
    with closing(Desk(url)) as other:
        other.acquire()
        poller, _ = poller_of(other, script := Script(page))
        poller.step(NOW + 86_400.0)
        assert script.calls == [(NOW - OVERLAP_S, NOW + 86_400.0, "")]
        assert other.cursor("jira") == NOW + 86_400.0
        assert len(other.feedback()) == 1
    with pytest.raises(StaleOwnerError):
        poller_of(desk, Script())[0].step(NOW + 86_500.0)


def test_pages_are_of_one_round_and_only_a_finished_round_moves_the_cursor(desk: Desk) -> None:
    poller, _ = poller_of(desk, script := Script(Page(GOOD, (), "2"), Page(GOOD, (closed(),), "3")))
    poller.step(NOW)
    poller.step(NOW + 1.0)
    assert desk.cursor("jira") is None
    poller.step(NOW + 2.0)
    assert script.calls == [(NOW - OVERLAP_S, NOW, page) for page in ("", "2", "3")]
    assert desk.cursor("jira") == NOW


def test_a_failure_begins_the_round_anew_after_a_wait_that_grows_and_is_asked_for(desk: Desk) -> None:
    away = [Page(Outcome(Result.RETRY, "HTTP 503"))] * 9
    poller, told = poller_of(desk, script := Script(Page(GOOD, (), "2"), *away))
    now, times = NOW, []
    while len(script.calls) < 10:
        times += [now] * poller.step(now)
        now += max(poller.wait_s(now, 1e9), 1.0)
    assert [page for _, _, page in script.calls] == ["", "2", *[""] * 8]
    waits = [later - former for former, later in pairwise(times[1:])]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (120.0, LONGEST_WAIT_S)
    assert {outcome.detail for outcome in told} == {"", "HTTP 503"}
    poller, _ = poller_of(desk, Script(Page(Outcome(Result.RETRY, "HTTP 429", 5_000.0))))
    poller.step(NOW)
    assert poller.wait_s(NOW, 1e9) == 5_000.0


def test_it_is_asked_only_where_its_limits_leave_room(desk: Desk) -> None:
    room = [False, False, True]
    poller, _ = poller_of(desk, script := Script(), lambda *_: room.pop(0))
    assert [poller.step(NOW + second) for second in range(3)] == [0, 0, 1]
    assert len(script.calls) == 1


def test_what_is_older_than_memory_goes_holds_nothing_up(desk: Desk) -> None:
    old = said_of(Act.ACKNOWLEDGED, NOW - KEPT_S - 1.0)
    poller, _ = poller_of(desk, Script(Page(GOOD, (old, closed()))))
    poller.step(NOW)
    assert desk.incidents()[0].state is State.CLOSED


def test_a_store_that_goes_away_in_the_middle_is_asked_for_the_same_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(GOOD, (said_of(Act.ACKNOWLEDGED), closed(NOW + 1.0)))
    poller, _ = poller_of(desk, Script(page, page))
    real, calls = Desk.hear, iter(range(9))

    def hear(self: Desk, *arguments: object) -> object:
        if next(calls) == 1:
            raise UnavailableError("away")
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Desk, "hear", hear)
    with pytest.raises(UnavailableError):
        poller.step(NOW + 2.0)
    assert desk.cursor("jira") is None
    poller.step(NOW + 8.0)
    assert [entry.act for entry in desk.incident(make_alert().alert_id).entries] == ["opened", "moved", "closed"]
