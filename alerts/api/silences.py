"""Silences: tell nobody of what is known, until it ends."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import Field, model_validator

from alerts.alert import Alert
from alerts.api import resources
from alerts.api.incidents import Body, Known, Name, Words
from alerts.api.problems import documented
from alerts.api.service import Analyst, Asked, Queue
from alerts.incident import Verdict
from alerts.pipeline import HOUR_S, Matcher, Silence

router = APIRouter(prefix="/silences", tags=["silences"])

LOOKED_AT: Final = 1_000
"""The newest alerts that a preview looks at."""
NAMED: Final = 20
NOTHING: Final = "a silence of everything is none; name an actor, a detection or a department"
Some = Annotated[tuple[Known, ...], Query(max_length=100)]
Names = Annotated[list[Name], Field(max_length=100)]


class NewSilence(Body):
    """What nobody is to be told of, for how long and why. At least one of the three lists names something."""

    actors: Names = Field([], description="Pseudonyms, as alerts give them.")
    detections: Names = Field([], description="Alerts with nothing but these.", examples=[["odd_hours"]])
    departments: Names = Field([], description="Of the actor.")
    hours: Annotated[float, Field(gt=0, le=24 * 90, strict=True, description="At most 90 days.", examples=[24.0])]
    reason: Words = Field(examples=["the night shift of the migration"])

    @model_validator(mode="after")
    def _names_something(self) -> "NewSilence":
        if self.matcher == Matcher():
            raise ValueError(NOTHING)
        return self

    @property
    def matcher(self) -> Matcher:
        """Which alerts that is about."""
        return Matcher(
            actors=tuple(self.actors), detections=tuple(self.detections), departments=tuple(self.departments)
        )


@router.get("", summary="List silences", responses=documented(422))
def list_silences(
    queue: Queue,
    service: Asked,
    every: Annotated[bool, Query(alias="all", description="Those that ended too.")] = False,
) -> resources.Silences:
    """Those that have not ended, in the order in which they were made."""
    found = queue.silences(service.now(), every=every)
    return resources.Silences(items=[resources.Silence.model_validate(one) for one in found])


@router.get("/preview", summary="What a silence would have hidden", responses=documented(422))
def preview_silence(
    queue: Queue,
    *,
    actor: Some = (),
    detection: Some = (),
    department: Some = (),
) -> resources.Hidden:
    """Of the newest 1,000 alerts; how many of those were confirmed as misuse is what to look at before keeping it."""
    matcher = Matcher(actors=actor, detections=detection, departments=department)
    if matcher == Matcher():
        raise HTTPException(422, NOTHING)
    return hidden_of(queue.would_hide(matcher, LOOKED_AT))


def hidden_of(found: Sequence[tuple[Alert, Verdict]]) -> resources.Hidden:
    """What of the newest alerts nobody would have been told of."""
    return resources.Hidden(
        looked_at=LOOKED_AT,
        hidden=len(found),
        confirmed=sum(verdict is Verdict.TRUE_POSITIVE for _, verdict in found),
        alert_ids=[alert.alert_id for alert, _ in found[:NAMED]],
    )


@router.post("", summary="Keep a silence", status_code=201, responses=documented(403, 413, 422))
def add_silence(body: NewSilence, queue: Queue, by: Analyst) -> resources.Silence:
    """From now on, for some hours; look at its preview before."""
    ends = by.now + body.hours * HOUR_S
    made = Silence(matcher=body.matcher, owner=by.author, reason=body.reason, starts=by.now, ends=ends)
    number = queue.silence(made)
    return resources.Silence.model_validate(resources.with_more(resources.Silence, made, silence_id=number))


@router.post("/{silence_id}/expire", summary="End a silence now", status_code=204, responses=documented(403, 404))
def expire_silence(
    silence_id: Annotated[int, Path(ge=1, le=2**53, description="Its number.")], queue: Queue, by: Analyst
) -> None:
    """What it hid stays hidden; whatever comes from now on is told."""
    if not queue.expire(silence_id, by):
        raise HTTPException(404, f"no silence {silence_id} is in force")
