"""Exceptions: what is to be expected of somebody, until it ends. They are listed and taken back as feedback is."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from alerts.alert import Severity
from alerts.api import resources
from alerts.api.incidents import Body, Known, Name, Words
from alerts.api.problems import documented
from alerts.api.service import Analyst, Queue
from alerts.api.silences import LOOKED_AT, hidden_of
from alerts.feedback import LONGEST_DAYS, Exceptions

router = APIRouter(prefix="/exceptions", tags=["exceptions"])

Names = Annotated[list[Name], Field(min_length=1, max_length=100)]
Some = Annotated[tuple[Known, ...], Query(min_length=1, max_length=100)]


class NewExceptions(Body):
    """Of whom what is expected, for how long and why; anything else, and what is more severe, is told."""

    actors: Names = Field(description="Pseudonyms, as alerts give them.", examples=[["E-7f3a"]])
    detections: Names = Field(description="These and nothing else.", examples=[["bulk_export"]])
    severity: Severity = Field(Severity.HIGH, description="The most severe that is expected; never critical.")
    days: Annotated[float, Field(gt=0, le=LONGEST_DAYS, strict=True, examples=[14.0])]
    reason: Words = Field(examples=["the yearly report to the regulator"])


@router.get("/preview", summary="What exceptions would have spared", responses=documented(409, 422))
def preview_exceptions(
    queue: Queue, *, actor: Some, detection: Some, severity: Severity = Severity.HIGH
) -> resources.Hidden:
    """Of the newest 1,000 alerts; how many of those were confirmed as misuse is what to look at before keeping them."""
    made = Exceptions(actors=actor, detections=detection, most=severity, days=LONGEST_DAYS, reason="")
    return hidden_of(queue.would_hide(made, LOOKED_AT))


@router.post("", summary="Keep exceptions", status_code=201, responses=documented(403, 409, 413, 422))
def add_exceptions(body: NewExceptions, queue: Queue, by: Analyst) -> resources.Kept:
    """One for each actor, from the next look of the detector on; the numbers are those of feedback."""
    made = Exceptions(
        actors=tuple(body.actors),
        detections=tuple(body.detections),
        most=body.severity,
        days=body.days,
        reason=body.reason,
    )
    return resources.Kept(numbers=queue.expect(made, by))
