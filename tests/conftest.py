"""Rules for every test: hypothesis without deadlines, and under CI no test may be skipped."""

import os
from collections.abc import Generator
from typing import Final

import pytest
from hypothesis import settings

from tests.real.broker import Broker, running_broker
from tests.real.postgres import Postgres, running_postgres

CI: Final = os.environ.get("CI") == "true"
OUT_OF_REACH: Final = (
    "needs a Kafka broker",
    "needs a PostgreSQL server",
    "needs an Alertmanager",
    "needs a Prometheus",
    "needs Node.js",
    "needs a container engine",
    "needs an rsyslog server",
    "needs systemd-analyze",
    "needs kubectl",
)
"""How the reason of a skip begins that names a part which a machine for tests need not have."""

LONGEST: Final = "test_workers.py"
"""Tests of this file take minutes each."""

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if CI else "here")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Broker, None, None]:
    """A real Kafka broker, one for each test process that asks for it."""
    with running_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres, None, None]:
    """A real PostgreSQL server, one for each test process that asks for it.

    It leaves the disk to the system: tests end servers, and what a server has written outlives that, but no power cut.
    """
    with running_postgres(fsync="off") as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Generator[str, None, None]:
    """An empty database of its own for each test; the password is in ``postgres.password_file``."""
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def made_database(postgres: Postgres) -> str:
    """A database as whoever opens it first makes it."""
    from alerts.store import Store

    name = postgres.new_database()
    Store(postgres.url(name), postgres.password_file).close()
    return name


@pytest.fixture
def made_postgres_url(postgres: Postgres, made_database: str) -> Generator[str, None, None]:
    """The same as `postgres_url`, with its tables made."""
    name = postgres.new_database(made_database)
    yield postgres.url(name)
    postgres.drop_database(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first: at the end one process would wait minutes for another that is alone with them."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails under CI, so that nobody believes that something was tested which was not."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that is skipped whole fails likewise."""
    report = yield
    if CI and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(OUT_OF_REACH):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI ({reason}); provide what the test needs, or delete the test"
