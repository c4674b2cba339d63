"""What else there is about the queue: single alerts, deliveries, what verdicts have taught, and numbers."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import Field

from alerts.api import resources
from alerts.api.examples import ID
from alerts.api.incidents import HEX, Body, Known, Name
from alerts.api.pages import Cursor, Key, Limit, cursor, link, place
from alerts.api.problems import documented
from alerts.api.resources import alert_of
from alerts.api.service import Admin, Analyst, Asked, Queue

router = APIRouter()


class Retry(Body):
    """Whose dead deliveries are to be tried again; null for everybody's."""

    receiver: Name | None = Field(None, examples=["soc"])


@router.get("/alerts/{alert_id}", tags=["alerts"], summary="One alert with all evidence", responses=documented(404))
def show_alert(
    alert_id: Annotated[str, Path(pattern=HEX, description="The alert's id.", examples=[ID])], queue: Queue
) -> resources.Alert:
    """Every number that it rests on, the incident that it is in, and why somebody was told or was not."""
    return alert_of(*queue.alert(alert_id))


@router.get("/deliveries", tags=["deliveries"], summary="List deliveries", responses=documented(422))
def list_deliveries(  # noqa: PLR0913 - each parameter is one of the query
    request: Request,
    response: Response,
    queue: Queue,
    *,
    state: Literal["waiting", "told", "dead"] | None = None,
    receiver: Annotated[Known | None, Query(description="The receiver's name in the configuration.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> resources.Deliveries:
    """What each receiver is to be told and was told, by receiver and alert."""
    found = queue.tasks(state=state, receiver=receiver, after=place(cursor, tuple[Key, Key]), most=limit + 1)
    items = [resources.Delivery.model_validate(one) for one in found[:limit]]
    following = _after(items[-1]) if len(found) > limit else None
    response.headers.update(link(request, following))
    return resources.Deliveries(items=items, next=following)


def _after(last: resources.Delivery) -> str:
    return cursor((last.receiver, last.alert_id))


@router.post(
    "/deliveries/retry", tags=["deliveries"], summary="Try dead deliveries again", responses=documented(403, 413, 422)
)
def retry_deliveries(body: Retry, queue: Queue, by: Admin) -> resources.Retried:
    """After what stood in their way was mended; it is noted at their incidents."""
    return resources.Retried(deliveries=queue.retry(body.receiver, by))


@router.get("/feedback", tags=["feedback"], summary="What verdicts teach the detector", responses=documented(422))
def list_feedback(
    queue: Queue, every: Annotated[bool, Query(alias="all", description="What was taken back too.")] = False
) -> resources.Feedbacks:
    """Who said it about whom, until when, and on how many days of a shard it has made a difference."""
    found = [(one, days) for one, days in queue.feedback() if every or one.withdrawn is None]
    kind = resources.Feedback
    return resources.Feedbacks(
        items=[kind.model_validate(resources.with_more(kind, one, days=days)) for one, days in found]
    )


@router.post(
    "/feedback/{number}/withdraw",
    tags=["feedback"],
    summary="Take back what a verdict taught",
    status_code=204,
    responses=documented(403, 404),
)
def withdraw_feedback(
    number: Annotated[int, Path(ge=1, le=2**53, description="Its number.")], queue: Queue, by: Analyst
) -> None:
    """From the next look of the detector on; the incident and its verdict stay as they are."""
    if not queue.withdraw_feedback(number, by):
        raise HTTPException(404, f"no feedback {number} is in force")


@router.get(
    "/statistics", tags=["statistics"], summary="How the queue stands and the work went", responses=documented(422)
)
def show_statistics(
    queue: Queue,
    service: Asked,
    days: Annotated[int, Query(ge=1, le=366, description="How far the work is looked back upon.")] = 30,
) -> resources.Statistics:
    """Open incidents by severity and age, how soon people took them on, verdicts, and what raised false alarms."""
    return resources.Statistics.model_validate(queue.statistics(days, service.now()))
