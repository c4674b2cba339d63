"""Findings, alerts and stores for the tests of this room."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Alert
from alerts.checkpoint import Checkpoint
from alerts.finding import Finding
from alerts.store import Store
from tests.alerts import samples


@pytest.fixture(scope="session")
def morning() -> datetime:
    return samples.MORNING


@pytest.fixture(scope="session")
def make_finding() -> Callable[..., Finding]:
    return samples.make_finding


@pytest.fixture(scope="session")
def make_alert() -> Callable[..., Alert]:
    return samples.make_alert


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Checkpoint]:
    return samples.make_checkpoint


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> samples.Place:
    """For promises that hold on both."""
    if request.param == "sqlite":
        return samples.Place(f"sqlite:///{tmp_path}/state/alerts.db")
    url = request.getfixturevalue("postgres_url")
    return samples.Place(url, request.getfixturevalue("postgres").password_file)


@pytest.fixture
def store(place: samples.Place) -> Iterator[Store]:
    with closing(place.open()) as opened:
        yield opened


@pytest.fixture
def commit() -> Callable[..., None]:
    def send(
        store: Store, *alerts: Alert, shard: str = "claims/0", receivers: Sequence[str] = (), **fields: Any
    ) -> None:
        store.commit(shard, samples.make_checkpoint(**fields), alerts, receivers)

    return send
