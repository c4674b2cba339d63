"""Findings, alerts and stores for the tests of this room."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Alert, Severity
from alerts.checkpoint import Checkpoint
from alerts.finding import Finding
from alerts.store import Store

MORNING = datetime(2026, 3, 2, 1, 14, 5, 120_000, tzinfo=UTC)


@pytest.fixture(scope="session")
def morning() -> datetime:
    return MORNING


@pytest.fixture(scope="session")
def make_finding() -> Callable[..., Finding]:
    return _finding


@pytest.fixture(scope="session")
def make_alert() -> Callable[..., Alert]:
    return _alert


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Checkpoint]:
    return _checkpoint


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alerts.db"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{store_path}")) as opened:
        yield opened


def _finding(**fields: Any) -> Finding:
    usual: dict[str, Any] = {
        "detection": "bulk_export",
        "time": MORNING,
        "p_value": 0.000025,
        "observed": 412.0,
        "expected": 18.0,
        "peer_expected": 22.5,
        "unit": "customers",
        "event_ids": ("ev-1", "ev-2"),
        "event_count": 30,
        "technique": "T1213",
        "sentence": "E-7f3a opened 412 customers in two hours; a normal day has 18.",
        "sample_size": 60,
        "peer_sample_size": 9,
        "threshold": 61.0,
        "model_version": "m-1",
    }
    return Finding(**{**usual, **fields})


def _alert(**fields: Any) -> Alert:
    usual: dict[str, Any] = {
        "alert_id": "0123456789abcdef0123",
        "actor": "E-7f3a",
        "opened_at": MORNING,
        "updated_at": MORNING,
        "risk": 72.5,
        "severity": Severity.HIGH,
        "findings": (_finding(),),
        "position": "claims/0:1841",
    }
    return Alert(**{**usual, **fields})


def _checkpoint(**fields: Any) -> Checkpoint:
    usual: dict[str, Any] = {
        "position": "1842",
        "snapshot": "claims-0.1842.npz",
        "sha256": "ab" * 32,
        "counters": {"events": 1842, "rejected": 3},
        "epoch": 1,
    }
    return Checkpoint(**{**usual, **fields})
