"""Verdicts as analysts might have given them, exported."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from alerts.labels import Label
from detector.config import Config
from detector.export.job import LABELS, Order, write_labels
from tests.detector.export.out import TOKENS


def said_of(
    alerts: Sequence[tuple[str, datetime, str]], folder: Path, config: Config, taken_back: bool = False
) -> Path:
    """An export of verdicts on alerts of these actors that opened then."""
    labels = [
        Label(
            alert_id=f"{number:020x}",
            actor=actor,
            incident_id=f"{number:020x}",
            verdict=verdict,
            opened_at=opened,
            given=(opened + timedelta(days=1)).timestamp(),
            withdrawn=(opened + timedelta(days=2)).timestamp() if taken_back else None,
        )
        for number, (actor, opened, verdict) in enumerate(alerts)
    ]
    write_labels(Order((LABELS,), folder), labels, config, TOKENS)
    return folder
