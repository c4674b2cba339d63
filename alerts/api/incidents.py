"""The queue: looking at incidents, and working on them."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from alerts import work
from alerts.alert import Severity
from alerts.api import resources
from alerts.api.accept import wanted
from alerts.api.examples import ID, OTHER
from alerts.api.pages import Cursor, Key, Limit, cursor, link, place
from alerts.api.problems import documented
from alerts.api.resources import alert_of, incident_of
from alerts.api.service import Queue, Seen
from alerts.api.spreadsheet import csv_of
from alerts.browse import Wanted
from alerts.desk import Desk
from alerts.incident import State, Verdict

router = APIRouter(prefix="/incidents", tags=["incidents"])

JSON, CSV = "application/json", "text/csv"
HEX: Final = r"^[0-9a-f]{20}$"
Id = Annotated[str, Path(pattern=HEX, description="The incident's id.", examples=[ID])]
# PostgreSQL keeps no NUL, and a name on one line can forge no other.
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Known = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
ETAG: Final = {"ETag": {"description": "The incident's version, for If-Match.", "schema": {"type": "string"}}}
ACTED: Final = {
    200: {"description": "What it came to.", "headers": ETAG},
    **documented(403, 404, 409, 412, 413, 422, 428),
}


class Body(BaseModel):
    """Takes what it knows, and refuses anything else."""

    model_config = ConfigDict(extra="forbid")


class Assignment(Body):
    """Whose it shall be."""

    owner: Name = Field(examples=["lee"])


class Stage(Body):
    """How far the work has come."""

    state: Literal[State.ACKNOWLEDGED, State.INVESTIGATING, State.CONTAINED] = Field(examples=["investigating"])


class Remark(Body):
    """What is to be remembered."""

    text: Words = Field(examples=["asked the supervisor"])


class Closing(Body):
    """What it turned out to be, and why."""

    verdict: Literal[Verdict.TRUE_POSITIVE, Verdict.BENIGN_POSITIVE, Verdict.FALSE_POSITIVE, Verdict.UNDETERMINED] = (
        Field(examples=["benign_positive"])
    )
    reason: Words = Field(examples=["an audit, ordered by the head of claims"])


class Reason(Body):
    """Why."""

    reason: Words = Field(examples=["there was no audit"])


class Target(Body):
    """The incident that goes on."""

    into: Annotated[str, StringConstraints(pattern=HEX)] = Field(examples=[OTHER])


class Part(Body):
    """The alerts that go."""

    alerts: Annotated[list[Annotated[str, StringConstraints(pattern=HEX)]], Field(min_length=1, max_length=1_000)] = (
        Field(examples=[[OTHER]])
    )


@router.get(
    "",
    summary="List incidents",
    response_model=resources.Incidents,
    responses={
        200: {
            "description": "A page, as JSON or CSV; `Link` leads to the next.",
            "content": {CSV: {"schema": {"type": "string"}, "example": '"incident_id","version"\r\n'}},
        },
        **documented(406, 422),
    },
)
def list_incidents(  # noqa: PLR0913 - each parameter is one of the query
    request: Request,
    queue: Queue,
    *,
    state: Annotated[tuple[State, ...], Query(description="In any of these.")] = (),
    severity: Annotated[tuple[Severity, ...], Query(description="Any of these.")] = (),
    owner: Annotated[Known | None, Query(description="Whose; empty for nobody's.")] = None,
    actor: Annotated[Known | None, Query(description="The pseudonym, as alerts give it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """The one with the highest risk comes first. With `Accept: text/csv` the same page as CSV."""
    form = wanted(accept, (JSON, CSV))
    if not form:
        raise HTTPException(406)
    asked = Wanted(states=state, severities=severity, owner=owner, actor=actor)
    found = queue.some_incidents(asked, place(cursor, tuple[float, Key]), limit + 1)
    items = [incident_of(*one) for one in found[:limit]]
    following = _after(items[-1]) if len(found) > limit else None
    headers = link(request, following)
    if form == CSV:
        rows = [one.model_dump(mode="json") for one in items]
        named = {"Content-Disposition": 'attachment; filename="incidents.csv"'}
        return Response(csv_of(list(resources.Incident.model_fields), rows), headers=headers | named, media_type=CSV)
    page = resources.Incidents(items=items, next=following)
    return Response(page.model_dump_json(), headers=headers, media_type=JSON)


def _after(last: resources.Incident) -> str:
    return cursor((last.risk, last.incident_id))


@router.get(
    "/{incident_id}",
    summary="Everything about an incident",
    responses={200: {"description": "With its version as ETag.", "headers": ETAG}, **documented(404)},
)
def show_incident(incident_id: Id, queue: Queue, response: Response) -> resources.Dossier:
    """Its alerts with all evidence, its history, why somebody was told or was not, and how the deliveries stand.

    The version changes with whatever was done or found; that a delivery arrived is no such change.
    """
    found = queue.incident(incident_id)
    response.headers["ETag"] = f'"{found.version}"'
    return resources.Dossier(
        incident=incident_of(found.incident, found.version),
        alerts=[alert_of(one, found.incident.incident_id, found.decisions[one.alert_id]) for one in found.alerts],
        history=[resources.Entry.model_validate(one) for one in found.entries],
        deliveries=[resources.Delivery.model_validate(one) for one in found.tasks],
    )


@router.post("/{incident_id}/assign", summary="Give an incident to somebody", responses=ACTED)
def assign_incident(
    incident_id: Id, body: Assignment, queue: Queue, by: Seen, response: Response
) -> resources.Incident:
    """An open one is acknowledged by that."""
    return _acted(queue, incident_id, work.Assign(body.owner), by, response)


@router.post("/{incident_id}/move", summary="Say how far the work has come", responses=ACTED)
def move_incident(incident_id: Id, body: Stage, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """Acknowledged, investigating or contained; any of them ends its escalation."""
    return _acted(queue, incident_id, work.Move(body.state), by, response)


@router.post("/{incident_id}/note", summary="Write a line into the history", responses=ACTED)
def note_incident(incident_id: Id, body: Remark, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """Also of one that is closed."""
    return _acted(queue, incident_id, work.Note(body.text), by, response)


@router.post("/{incident_id}/close", summary="Close an incident with a verdict", responses=ACTED)
def close_incident(incident_id: Id, body: Closing, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """Its alerts are resolved at their receivers, and the detector is told the verdict."""
    return _acted(queue, incident_id, work.Close(body.verdict, body.reason), by, response)


@router.post("/{incident_id}/reopen", summary="Open a closed incident again", responses=ACTED)
def reopen_incident(incident_id: Id, body: Reason, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """Its verdict is taken back, from the detector too, and its alerts fire again at their receivers."""
    return _acted(queue, incident_id, work.Reopen(body.reason), by, response)


@router.post("/{incident_id}/merge", summary="Move all alerts of an incident into another", responses=ACTED)
def merge_incident(incident_id: Id, body: Target, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """The emptied one is closed and says where they went; the answer is the one that goes on."""
    return _acted(queue, incident_id, work.Merge(body.into), by, response)


@router.post("/{incident_id}/split", summary="Move some alerts to an incident of their own", responses=ACTED)
def split_incident(incident_id: Id, body: Part, queue: Queue, by: Seen, response: Response) -> resources.Incident:
    """The answer is the new one; what was merged comes back under its former id."""
    return _acted(queue, incident_id, work.Split(tuple(body.alerts)), by, response)


def _acted(queue: Desk, incident_id: str, act: work.Act, by: work.By, response: Response) -> resources.Incident:
    outcome, version = queue.act(incident_id, act, by)
    response.headers["ETag"] = f'"{version}"'
    return incident_of(outcome, version)
