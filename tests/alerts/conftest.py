"""Findings, alerts and stores for the tests of this room."""

import shutil
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

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in SQLite as whoever opens it first makes it."""
    path = tmp_path_factory.mktemp("made") / "alerts.db"
    samples.Place(f"sqlite:///{path}").open().close()
    return path


@pytest.fixture
def url(made: Path, tmp_path: Path) -> str:
    """A copy of it, which takes a tenth of the time."""
    (tmp_path / "state").mkdir(0o700)
    return f"sqlite:///{shutil.copy(made, tmp_path / 'state')}"


@pytest.fixture(params=DATABASES)
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> samples.Place:
    """An empty database, for promises that hold on both."""
    if request.param == "sqlite":
        return samples.Place(f"sqlite:///{tmp_path}/state/alerts.db")
    url = request.getfixturevalue("postgres_url")
    return samples.Place(url, request.getfixturevalue("postgres").password_file)


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> samples.Place:
    """The same with its tables made."""
    if request.param == "sqlite":
        return samples.Place(request.getfixturevalue("url"))
    url = request.getfixturevalue("made_postgres_url")
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
