"""Labels are as they were known at the end of the last day: a verdict that came later is not there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.labels import Label
from detector.config import Config
from detector.errors import ExportError
from detector.export.check import check_folder
from detector.export.job import LABELS, Order, write_labels
from detector.span import EVER, Span, span_of
from tests.detector.export.out import TOKENS, forge, rows


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def label(alert_id: str, given: str, withdrawn: str | None = None) -> Label:
    return Label(
        alert_id=alert_id,
        actor="E-1",
        incident_id="i",
        verdict="false_positive",
        opened_at=datetime(2026, 3, 2, 1, tzinfo=UTC),
        given=at(given),
        withdrawn=None if withdrawn is None else at(withdrawn),
    )


GIVEN = [
    label("a", "2026-03-09T03:59:59+08:00"),  # still the accounting day before
    label("b", "2026-03-09T04:00:00+08:00", "2026-03-10T03:59:59.5+08:00"),
    label("c", "2026-03-09T12:00:00+08:00", "2026-03-10T04:00:00+08:00"),
    label("d", "2026-03-10T12:00:00+08:00"),
]


def write(folder: Path, span: Span = EVER) -> list[dict]:
    write_labels(Order((LABELS,), folder, span), GIVEN, Config(), TOKENS)
    check_folder(folder)
    return rows(folder, LABELS)


def test_every_verdict_is_in_the_partition_of_the_day_it_was_given(tmp_path: Path) -> None:
    found = write(tmp_path / "out")
    assert [(row["alert_id"], row["day"]) for row in found] == [
        ("a", "2026-03-08"),
        ("b", "2026-03-09"),
        ("c", "2026-03-09"),
        ("d", "2026-03-10"),
    ]
    assert [row["known_at"].timestamp() for row in found] == [one.given for one in GIVEN]
    assert [row["withdrawn_at"] and row["withdrawn_at"].timestamp() for row in found] == [
        one.withdrawn for one in GIVEN
    ]


def test_what_became_known_after_the_last_day_is_not_there(tmp_path: Path) -> None:
    found = write(tmp_path / "out", span_of("2026-03-09", "2026-03-09"))
    assert [(row["alert_id"], row["withdrawn_at"] is not None) for row in found] == [("b", True), ("c", False)]


def test_a_withdrawal_that_is_planted_from_the_future_is_found(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "out", span_of("", "2026-03-09"))
    whole, file = (next((tmp_path / name / "labels" / "day=2026-03-09").iterdir()) for name in ("whole", "out"))
    from pyarrow import parquet

    forge(tmp_path / "out", file, lambda _: parquet.ParquetFile(whole).read_row_group(0))
    with pytest.raises(ExportError, match="withdrawn_at is after the last day; the row knew the future"):
        check_folder(tmp_path / "out")


def test_without_verdicts_there_is_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="what is there is from 2026-03-08 to 2026-03-10"):
        write(tmp_path / "out", span_of("2027-01-01", ""))
    with pytest.raises(ExportError, match="nothing for labels at all"):
        write_labels(Order((LABELS,), tmp_path / "out"), [], Config(), TOKENS)
    assert list(tmp_path.iterdir()) == []
