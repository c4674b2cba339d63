"""What the API answers with: the nouns of this room as JSON, with times in RFC 3339."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alerts.alert import Severity
from alerts.browse import Decided
from alerts.inbound.hearing import Heard
from alerts.incident import State, Verdict
from alerts.intake import NEVER
from alerts.receivers.receiver import Phase


def _decision(decided: Any) -> Any:
    return dict(zip(("revision", "stage", "reason", "detail"), decided, strict=True))


def _due(time: Any) -> Any:
    return None if time >= NEVER else time


Due = Annotated[datetime | None, BeforeValidator(_due)]


class Resource(BaseModel):
    """Made from what the desk gives."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Incident(Resource):
    """The alerts that are worked on together; `version` names it as it stands, and is its ETag.

    `actor` is a pseudonym, `owner` "" for nobody, `verdict` "" until it is closed, `merged_into` "" unless it was.
    """

    incident_id: str
    version: str
    actor: str
    state: State
    severity: Severity
    risk: float
    opened_at: datetime
    updated_at: datetime
    owner: str
    verdict: Verdict
    reason: str
    merged_into: str


class Incidents(Resource):
    """A page of incidents, the one with the highest risk first; `next` is the cursor of the next page."""

    items: list[Incident]
    next: str | None


class Finding(Resource):
    """What one detection found about the actor, with everything that is needed to check it."""

    detection: str
    time: datetime
    p_value: float
    observed: float
    expected: float | None
    peer_expected: float | None
    unit: str
    event_ids: list[str]
    event_count: int
    technique: str
    sentence: str
    sample_size: int
    peer_sample_size: int
    threshold: float | None
    model_version: str
    certain: bool
    customers: int | None
    records: int | None
    exported: int | None
    data_class: str | None


class Decision(Resource):
    """Why somebody was told of a revision of an alert, or was not: a stage's reason."""

    revision: int
    stage: str
    reason: str
    detail: str


class Alert(Resource):
    """One episode of one actor with all evidence; `incident_id` is "" until the queue has taken it in."""

    alert_id: str
    incident_id: str
    actor: str
    opened_at: datetime
    updated_at: datetime
    risk: float
    severity: Severity
    findings: list[Finding]
    role: str | None
    department: str | None
    position: str
    decisions: list[Annotated[Decision, BeforeValidator(_decision)]]


class Entry(Resource):
    """A line of an incident's history: what was done, by whom and when."""

    time: datetime
    author: str
    act: str
    text: str


class Delivery(Resource):
    """What a receiver is to be told of an alert and was told; `due` is when that is tried (again), null for never."""

    receiver: str
    alert_id: str
    incident_id: str
    revision: int
    phase: Phase
    state: str = Field(description="waiting, told, or dead, when a person must look.")
    attempts: int
    due: Due
    since: datetime
    detail: str
    remote_id: str
    level: int


class Deliveries(Resource):
    """A page of deliveries, by receiver and alert; `next` is the cursor of the next page."""

    items: list[Delivery]
    next: str | None


class Dossier(Resource):
    """All there is about an incident."""

    incident: Incident
    alerts: list[Alert]
    history: list[Entry]
    deliveries: list[Delivery]


class Matcher(Resource):
    """Which alerts a silence is about: of any of these, and with nothing but these detections; what is empty is any."""

    severity: Severity
    actors: list[str]
    detections: list[str]
    departments: list[str]
    roles: list[str]


class Silence(Resource):
    """Nobody is told of what matches, from `starts` until before `ends`; `ended_by` is who ended it early."""

    silence_id: int
    matcher: Matcher
    owner: str
    reason: str
    starts: datetime
    ends: datetime
    ended_by: str


class Silences(Resource):
    """Silences, in the order in which they were made."""

    items: list[Silence]


class Hidden(Resource):
    """What a silence or exceptions would have hidden of the newest alerts: how many, and how many of them confirmed."""

    looked_at: int
    hidden: int
    confirmed: int
    alert_ids: list[str] = Field(description="The newest of those that it would have hidden, at most 20.")


class Retried(Resource):
    """How many deliveries wait again."""

    deliveries: int


class Feedback(Resource):
    """What somebody has told the detector about one actor, until when, and on how many days that made a difference."""

    number: int
    incident_id: str
    actor: str
    verdict: str = Field(description='A verdict, or "expected": an exception, which has no incident.')
    detections: list[str]
    risk: float
    author: str
    reason: str
    given: datetime
    ends: datetime
    withdrawn: datetime | None
    withdrawn_by: str
    days: int


class Feedbacks(Resource):
    """What was said, in order."""

    items: list[Feedback]


class Answering(Resource):
    """How long incidents waited for the first person who took them on, in seconds; null where there were none."""

    incidents: int
    median_s: float | None
    p90_s: float | None
    longest_s: float | None


class DetectionRecord(Resource):
    """How often a detection was called false, of the incidents with a finding of it that were not undetermined."""

    detection: str
    incidents: int
    false_positives: int
    false_positive_share: float


class Statistics(Resource):
    """The queue now (`open`, by severity and age) and the work of the last `days`."""

    days: int
    open: dict[Severity, dict[str, int]]
    acknowledged: Answering
    verdicts: dict[Verdict, int]
    detections: list[DetectionRecord]


class Health(Resource):
    """That all is well."""

    status: str


def with_more(kind: type[Resource], source: Any, **more: Any) -> dict[str, Any]:
    """The fields of a resource that a source has, and more that it has not."""
    return {name: getattr(source, name) for name in kind.model_fields if name not in more} | more


def alert_of(alert: Any, incident_id: str, decisions: list[Decided]) -> Alert:
    """An alert with the incident that it is in and what was decided about it."""
    return Alert.model_validate(with_more(Alert, alert, incident_id=incident_id, decisions=decisions))


def incident_of(incident: Any, version: str) -> Incident:
    """An incident with its version."""
    return Incident.model_validate(with_more(Incident, incident, version=version))


class Taken(Resource):
    """What became of a message: `repeat` is one that was taken before, `unknown` is about nothing of ours."""

    heard: Heard


class Kept(Resource):
    """The numbers of exceptions that were kept, in the order of their actors."""

    numbers: list[int]
