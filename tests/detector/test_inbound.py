"""From a configuration to a verdict and back: told to a tool, closed there, closed here once, by post and by asking."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alerts.desk import DESK, Desk
from alerts.errors import ReceiverError
from alerts.inbound.sender import Act
from alerts.inbound.table import POLLS, SENDERS
from alerts.incident import State, Verdict
from alerts.receivers.receiver import Outcome, Phase
from alerts.store import Store
from detector.config import Config, load_config
from detector.config_delivery import INBOUND, POLLED
from detector.deliver import Delivering, open_desk, open_dispatcher
from detector.desk_metrics import DeskMetrics
from detector.inbound import open_inbound, open_poller
from detector.serve import opened
from tests.alerts.inbound.senders import secret_of, word_of
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.receivers.test_conformance import fake_of
from tests.alerts.samples import make_alert, make_checkpoint
from tests.detector.heard import Heard


@pytest.fixture(params=sorted(SENDERS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(kind: str, tmp_path: Path) -> Iterator[Any]:
    with closing(fake_of(kind)(tmp_path)) as opened:
        yield opened


@pytest.fixture
def config(kind: str, fake: Any, tmp_path: Path) -> Config:
    (tmp_path / "inbound").write_text(secret_of(kind) + "\n")
    settings = fake.settings() | {"kind": kind, "verdicts": {word_of(kind): "true_positive"}}
    settings["inbound_secret_file"] = "inbound"
    if kind in POLLS:
        settings["poll_s"] = 60.0
    if kind == "pagerduty":
        settings |= {"api_url": fake.url, "api_token_file": "secret"}
    file = tmp_path / "innerwatch.toml"
    lines = [f"{key} = {toml(value)}" for key, value in settings.items()]
    file.write_text("\n".join(['[state]\nfolder = "state"\n[delivery.receivers.tool]', *lines, ""]))
    return load_config(file)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(one)}' for key, one in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


@pytest.fixture
def desk(config: Config) -> Iterator[Desk]:
    with closing(open_desk(config)) as opened, closing(Store(f"sqlite:///{config.state.folder}/alerts.db")) as store:
        store.commit("events", make_checkpoint(epoch=store.acquire("events")), [make_alert()], (DESK,))
        opened.acquire()
        yield opened


class Clock:
    """A signal that comes after some looks at the clock, which goes on with every wait."""

    def __init__(self, fake: Any, seconds: float, start: float) -> None:
        self.signal, self._fake, self._end, self._now = 0, fake, start + seconds, start

    def wait(self, seconds: float) -> None:
        self._now += seconds
        self.signal = int(self._now >= self._end)

    def now(self) -> float:
        self._fake.clock = self._now
        return self._now


def run(config: Config, desk: Desk, fake: Any, seconds: float, start: float = NOW) -> float:
    """Deliver as the command does, for so long; when it ended."""
    clock, away = Clock(fake, seconds, start), list[str]()
    failed: list[tuple[str, Outcome]] = []
    with ExitStack() as stack:
        dispatcher = open_dispatcher(config, desk, stack)
        poller = open_poller(config, desk, stack, dispatcher.may_call, lambda *one: failed.append(one))
        metrics = DeskMetrics(config.delivery.receivers)
        Delivering(desk, dispatcher, poller, metrics, clock.now, away.append).until(clock)
    assert (away, [one for one in failed if one[1].detail], fake.reasons) == ([], [], [])
    return clock.now()


def closed_once(desk: Desk) -> None:
    (incident,) = desk.incidents()
    assert (incident.state, incident.verdict) == (State.CLOSED, Verdict.TRUE_POSITIVE)
    entries = desk.incident(incident.incident_id).entries
    assert [(entry.act, entry.author) for entry in entries[-1:]] == [("closed", "ann via tool")]
    assert [entry.act for entry in entries].count("closed") == 1
    ((lesson, _),) = desk.feedback()
    assert (lesson.verdict, lesson.author, lesson.withdrawn) == (Verdict.TRUE_POSITIVE, "ann via tool", None)


def test_what_is_closed_there_is_posted_back_and_closes_here_once(
    kind: str, config: Config, desk: Desk, fake: Any
) -> None:
    now = run(config, desk, fake, 1.0)
    assert len(fake.incidents) == 1
    body = fake.said(Act.CLOSED, now, word_of(kind))
    headers = fake.signed(secret_of(kind), body, now)
    with opened(config, lambda: now, Heard()) as app, TestClient(app) as client:
        heard = [client.post("/inbound/tool", content=body, headers=headers).json() for _ in range(2)]
    assert heard == [{"heard": "changed"}, {"heard": "repeat"}]
    closed_once(desk)
    run(config, desk, fake, 200.0, now + 1.0)
    closed_once(desk)
    assert [(task.phase, task.state) for task in desk.tasks()] == [(Phase.RESOLVED, "told")]


@pytest.mark.parametrize("kind", sorted(POLLS))
def test_what_is_closed_there_is_asked_for_and_closes_here_once(
    kind: str, config: Config, desk: Desk, fake: Any
) -> None:
    now = run(config, desk, fake, 1.0)
    fake.said(Act.CLOSED, now + 5.0, word_of(kind))
    now = run(config, desk, fake, 200.0, now + 10.0)
    closed_once(desk)
    run(config, desk, fake, 200.0, now + 600.0)
    closed_once(desk)
    assert [(task.phase, task.state) for task in desk.tasks()] == [(Phase.RESOLVED, "told")]


def test_a_secret_that_cannot_be_used_is_an_error_that_names_the_receiver(config: Config, tmp_path: Path) -> None:
    (tmp_path / "inbound").write_text("\n")
    with ExitStack() as stack, pytest.raises(ReceiverError, match=r"^delivery.receivers.tool: .*no secret can be read"):
        open_inbound(config, stack, lambda: NOW)


def test_kinds_of_which_the_configuration_knows_are_those_of_the_tables() -> None:
    assert set(SENDERS) == INBOUND
    assert set(POLLS) == POLLED
