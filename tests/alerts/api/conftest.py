"""The API over a queue of three incidents, in either database, on a clock of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from alerts.access import Role, Token
from alerts.alert import Alert, Severity
from alerts.api.app import create_app
from alerts.api.service import Desks, Service
from alerts.desk import DESK, Desk
from alerts.inbound.inbound import Inbound
from alerts.pipeline import Routing, pipeline_of
from alerts.store import Store
from tests.alerts.api.checked import Checked
from tests.alerts.api.counted import Counted
from tests.alerts.samples import Place, make_alert, make_checkpoint, make_finding
from tests.alerts.test_dispatch import START, UTC_ZONE
from tests.detector.heard import Heard

ONE, TWO, THREE, FOUR = (letter * 20 for letter in "abcd")
"""Alerts: ONE and TWO are in one incident, THREE and FOUR in their own."""


VERSION = "1.2.3"


@cache
def described() -> dict[str, Any]:
    """What every application of that version says of itself; to find it out takes longer than most tests."""
    return create_app(Service(None, (), (), float, None, Counted()), Heard(), VERSION).openapi()  # type: ignore[arg-type]


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """An application with what is behind it, and clients of every role."""

    app: FastAPI
    place: Place
    clock: Clock
    log: Heard
    counted: Counted
    secrets: dict[str, str] = field(default_factory=dict)

    def desk(self) -> Desk:
        return Desk(self.place.url, self.place.password_file)

    def bearer(self, name: str, role: Role, days: float = 1.0) -> Checked:
        """A client with a new token."""
        token = Token(name=name, role=role, created=self.clock.now, expires=self.clock.now + days * 86_400)
        with closing(self.desk()) as desk:
            self.secrets[name] = desk.add_token(token, bytes([len(self.secrets)]) * 32)
        return Checked(self.app, self.secrets[name])


@pytest.fixture
def commit(place: Place) -> Iterator[Callable[..., None]]:
    with closing(Store(place.url, place.password_file)) as store:
        epoch = store.acquire("0")

        def commit(*alerts: Alert) -> None:
            store.commit("0", make_checkpoint(epoch=epoch), alerts, (DESK,))

        yield commit


@pytest.fixture
def api(place: Place, commit: Callable[..., None]) -> Iterator[Api]:
    commit(
        make_alert(alert_id=ONE, actor="E-1", risk=50.0, severity=Severity.MEDIUM),
        make_alert(alert_id=TWO, actor="E-1", risk=45.0, severity=Severity.MEDIUM),
        make_alert(alert_id=THREE, actor="E-2", risk=95.0, severity=Severity.CRITICAL),
        make_alert(alert_id=FOUR, actor="E-3", risk=20.0, severity=Severity.LOW,
                   findings=(make_finding(detection="odd_hours"),)),
    )  # fmt: skip
    clock, log, counted = Clock(), Heard(), Counted()
    with (
        closing(Desks(lambda: Desk(place.url, place.password_file))) as desks,
        closing(Inbound(Desk(place.url, place.password_file), {}, clock)) as inbound,
    ):
        service = Service(desks, pipeline_of(Routing([], UTC_ZONE)), ("soc",), clock, inbound, counted)
        app = create_app(service, log, VERSION)
        app.openapi = described  # type: ignore[method-assign]
        yield Api(app, place, clock, log, counted)


@pytest.fixture
def reader(api: Api) -> Checked:
    return api.bearer("rea", Role.READER)


@pytest.fixture
def analyst(api: Api) -> Checked:
    return api.bearer("lee", Role.ANALYST)


@pytest.fixture
def admin(api: Api) -> Checked:
    return api.bearer("ada", Role.ADMIN)
