"""How good the alerts were: alerts against the stories that a simulation hid.

An insider is found when an alert on that actor was opened or updated between the story's start and two days
after its end; a twin is flagged by the same rule. An alert is true when it matches an insider's story.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated, Literal, TypeVar

import msgspec

from detector.errors import DetectorError

GRACE = timedelta(days=2)  # a story may be told after its last access: batches close, risk accumulates
WARM_UP_DAYS = 20

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Line = TypeVar("Line", "AlertLine", "Label")


class EvaluationError(DetectorError):
    """Alerts or labels cannot be evaluated: names the file, the line and what to do."""


class AlertLine(msgspec.Struct, frozen=True):
    """One line of an alerts file; keys that are not named here are ignored."""

    alert_id: str
    actor: str
    opened_at: Moment
    updated_at: Moment | None = None

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When the alert was opened and last updated."""
        return (self.opened_at,) if self.updated_at is None else (self.opened_at, self.updated_at)


class Label(msgspec.Struct, frozen=True):
    """One line of a labels file: a story, who acted in it and when."""

    story: str
    kind: Literal["insider", "twin"]
    actor: str
    start: Moment
    end: Moment
    expects: tuple[str, ...] = ()


class _Manifest(msgspec.Struct, frozen=True):
    staff: int
    config: dict[str, int | str]


@dataclass(frozen=True)
class StoryResult:
    """What became of one story.

    Attributes:
        story: Its name.
        kind: `insider` or `twin`.
        actor: Who acted.
        alert_ids: The alerts that match, the earliest first; empty if nobody was told.
        delay_s: Seconds from the story's start to the first of them; none if nobody was told.
        expects: The detections that one would hope for.
    """

    story: str
    kind: str
    actor: str
    alert_ids: tuple[str, ...]
    delay_s: float | None
    expects: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """The result for one alerts file.

    Attributes:
        found: Insider stories with an alert.
        insiders: Insider stories.
        flagged: Twins with an alert.
        twins: Twins.
        alerts: Alerts opened after the warm-up.
        true_alerts: Those of them that match an insider's story.
        share_true: `true_alerts / alerts`; none without alerts.
        early_alerts: Alerts opened in the warm-up; they find nothing and count nowhere else.
        median_delay_s: Median seconds from a found story's start to its first alert; none if none is found.
        alerts_per_1000_employee_days: After the warm-up, calendar days; none without a manifest.
        stories: One result a story, in the order of the labels.
    """

    found: int
    insiders: int
    flagged: int
    twins: int
    alerts: int
    true_alerts: int
    share_true: float | None
    early_alerts: int
    median_delay_s: float | None
    alerts_per_1000_employee_days: float | None
    stories: tuple[StoryResult, ...]

    def as_dict(self) -> dict[str, object]:
        """The evaluation as plain values, ready for JSON."""
        return asdict(self)


def evaluate(alerts_path: Path, labels_path: Path, warm_up_days: int | None = None) -> Evaluation:
    """Compare alerts with labels.

    `roster.csv` and `manifest.json` beside the labels are read if they are there: the roster tells real ids
    from pseudonyms, the manifest tells when the warm-up ended. Without a manifest no alert counts as early.

    Args:
        alerts_path: JSON lines with `alert_id`, `actor` (the real id), `opened_at` and `updated_at` (RFC 3339
            with offset). Lines of the same alert are taken as one, first opened and last updated.
        labels_path: JSON lines as the simulation writes them.
        warm_up_days: Days at the beginning in which alerts are counted apart; the manifest's unless given.

    Raises:
        EvaluationError: A file is missing or a line is not what it should be, or actors are pseudonyms.
    """
    labels = read_labels(labels_path)
    alerts = _merged(_read_lines(alerts_path, AlertLine))
    _refuse_pseudonyms(alerts, alerts_path, labels_path.with_name("roster.csv"))
    manifest = _read_manifest(labels_path.with_name("manifest.json"))
    warm_up_ends = _warm_up_end(manifest, labels, warm_up_days)
    counted = [alert for alert in alerts if warm_up_ends is None or alert.opened_at >= warm_up_ends]
    stories = tuple(judge_story(label, counted) for label in labels)
    insiders = [story for story in stories if story.kind == "insider"]
    twins = [story for story in stories if story.kind == "twin"]
    true_ids = {alert_id for story in insiders for alert_id in story.alert_ids}
    delays = [story.delay_s for story in insiders if story.delay_s is not None]
    return Evaluation(
        found=len(delays),
        insiders=len(insiders),
        flagged=sum(bool(story.alert_ids) for story in twins),
        twins=len(twins),
        alerts=len(counted),
        true_alerts=len(true_ids),
        share_true=len(true_ids) / len(counted) if counted else None,
        early_alerts=len(alerts) - len(counted),
        median_delay_s=median(delays) if delays else None,
        alerts_per_1000_employee_days=_rate(len(counted), manifest, warm_up_days),
        stories=stories,
    )


def read_labels(path: Path) -> list[Label]:
    """The stories in a file of labels.

    Raises:
        EvaluationError: it is missing, or a line is not what it should be.
    """
    return _read_lines(path, Label)


def judge_story(label: Label, alerts: Sequence[AlertLine]) -> StoryResult:
    """What became of one story: the alerts that match it, and how long it took."""
    matches: list[tuple[datetime, str]] = []
    for alert in alerts:
        inside = [moment for moment in alert.moments if label.start <= moment <= label.end + GRACE]
        if alert.actor == label.actor and inside:
            matches.append((min(inside), alert.alert_id))
    matches.sort()
    delay_s = (matches[0][0] - label.start).total_seconds() if matches else None
    ids = tuple(alert_id for _, alert_id in matches)
    return StoryResult(label.story, label.kind, label.actor, ids, delay_s, label.expects)


def _merged(lines: Sequence[AlertLine]) -> list[AlertLine]:
    """One alert for each id: first opened, last updated."""
    merged: dict[str, AlertLine] = {}
    for line in lines:
        known = merged.setdefault(line.alert_id, line)
        moments = (*known.moments, *line.moments)
        opened_at, last = min(known.opened_at, line.opened_at), max(moments)
        merged[line.alert_id] = msgspec.structs.replace(known, opened_at=opened_at, updated_at=last)
    return list(merged.values())


def _read_lines(path: Path, kind: type[Line]) -> list[Line]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}; give a file of JSON lines") from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            lines.append(msgspec.json.decode(line, type=kind))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise EvaluationError(f"{path}: line {number}: {error}; correct or remove the line") from error
    return lines


def _read_manifest(path: Path) -> _Manifest | None:
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise EvaluationError(f"{path}: {error}; simulate again or remove the file") from error


def _refuse_pseudonyms(alerts: Sequence[AlertLine], alerts_path: Path, roster: Path) -> None:
    if not roster.exists():
        return
    with roster.open(newline="", encoding="utf-8") as file:
        known = {row["id"] for row in csv.DictReader(file)}
    for alert in alerts:
        if alert.actor not in known:
            raise EvaluationError(
                f"{alerts_path}: actor {alert.actor!r} is not in {roster}; "
                "if it is a pseudonym, run replay with --reveal"
            )


def _warm_up_end(manifest: _Manifest | None, labels: Sequence[Label], warm_up_days: int | None) -> datetime | None:
    """Midnight after the warm-up, in the offset of the labels."""
    if manifest is None or not labels:
        return None
    first = date.fromisoformat(str(manifest.config["start"]))
    midnight = datetime(first.year, first.month, first.day, tzinfo=labels[0].start.tzinfo)
    return midnight + timedelta(days=_warm_up(manifest, warm_up_days))


def _warm_up(manifest: _Manifest, warm_up_days: int | None) -> int:
    return int(manifest.config.get("warm_up_days", WARM_UP_DAYS)) if warm_up_days is None else warm_up_days


def _rate(alerts: int, manifest: _Manifest | None, warm_up_days: int | None) -> float | None:
    if manifest is None:
        return None
    days = int(manifest.config["days"]) - _warm_up(manifest, warm_up_days)
    return 1000.0 * alerts / (manifest.staff * days) if days > 0 else None
