"""Findings, alerts, checkpoints and databases as the tests of this room want them."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.alert import Alert, Severity
from alerts.checkpoint import Checkpoint
from alerts.database import Database
from alerts.finding import Finding
from alerts.store import Store

MORNING = datetime(2026, 3, 2, 1, 14, 5, 120_000, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A database of a test's own, in SQLite or PostgreSQL."""

    url: str
    password_file: Path | None = None

    def open(self, **options: Any) -> Store:
        return Store(self.url, self.password_file, **options)

    def run(self, *statements: str) -> None:
        """Run statements in a connection of their own."""
        with closing(Database(self.url, self.password_file)) as database, database.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[Any]:
        with closing(Database(self.url, self.password_file)) as database, database.transaction() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]


def make_finding(**fields: Any) -> Finding:
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


def make_alert(**fields: Any) -> Alert:
    usual: dict[str, Any] = {
        "alert_id": "0123456789abcdef0123",
        "actor": "E-7f3a",
        "opened_at": MORNING,
        "updated_at": MORNING,
        "risk": 72.5,
        "severity": Severity.HIGH,
        "findings": (make_finding(),),
        "position": "claims/0:1841",
    }
    return Alert(**{**usual, **fields})


def make_checkpoint(**fields: Any) -> Checkpoint:
    usual: dict[str, Any] = {
        "position": "1842",
        "snapshot": "claims-0.1842.npz",
        "sha256": "ab" * 32,
        "counters": {"events": 1842, "rejected": 3},
        "epoch": 1,
    }
    return Checkpoint(**{**usual, **fields})
