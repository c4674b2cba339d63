"""What people do with incidents: each act is done as a whole, in one transaction; functions and acts over it."""

from collections.abc import Collection
from typing import Any, Final, Protocol

import msgspec
import sqlalchemy as sa

from alerts import browse, feedback, intake, regroup, tables
from alerts.errors import ChangedError, IncidentError
from alerts.feedback import Exceptions
from alerts.incident import Entry, Incident, State, Verdict
from alerts.pipeline import Matcher, Silence
from alerts.receivers.receiver import Phase

LONGEST_TEXT: Final = 4_000
STAGES: Final = (State.ACKNOWLEDGED, State.INVESTIGATING, State.CONTAINED)
"""How far the work on an open incident may have come; opening and closing are acts of their own."""
VERDICTS: Final = tuple(verdict for verdict in Verdict if verdict)


class By(msgspec.Struct, frozen=True):
    """Who acts, when (Unix seconds), and upon which versions of the incident; None is whatever it has come to."""

    author: str
    now: float
    seen: Collection[str] | None = None


class Act(Protocol):
    """Something that is done to an incident."""

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Do it and note it; the id of the incident that it comes to."""


class Assign(msgspec.Struct, frozen=True):
    """Gives an incident to somebody; an open one is acknowledged by that."""

    owner: str

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused for a closed one."""
        _require_open(incident)
        state = State.ACKNOWLEDGED if incident.state is State.OPEN else incident.state
        _change(connection, incident, owner=self.owner, state=state.value)
        return _noted(connection, incident, "assigned", f"to {self.owner}", by)


class Move(msgspec.Struct, frozen=True):
    """Says how far the work has come: one of `STAGES`."""

    to: State

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused for a closed one."""
        if self.to not in STAGES:
            raise IncidentError(f"work moves to {', '.join(STAGES)}; {self.to.value!r} has an act of its own")
        _require_open(incident)
        _change(connection, incident, state=self.to.value)
        return _noted(connection, incident, "moved", f"to {self.to.value}", by)


class Note(msgspec.Struct, frozen=True):
    """Writes a line into the history."""

    text: str

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Taken for any incident, closed ones too."""
        return _noted(connection, incident, "noted", self.text, by)


class Close(msgspec.Struct, frozen=True):
    """Closes an incident with a verdict, which the detector is told; its alerts are resolved at their receivers."""

    verdict: Verdict
    reason: str

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused for a closed one."""
        if self.verdict not in VERDICTS:
            raise IncidentError(f"an incident is closed with a verdict: {', '.join(VERDICTS)}")
        _require_open(incident)
        _change(
            connection, incident, state=State.CLOSED.value, verdict=self.verdict.value, reason=_bounded(self.reason)
        )
        intake.turn(connection, incident.incident_id, Phase.RESOLVED, by.now)
        alerts = browse.alerts_of(connection, incident.incident_id)
        said = (by.author, self.reason, by.now)
        feedback.give(connection, incident.incident_id, alerts, self.verdict, said)
        return _noted(connection, incident, "closed", f"{self.verdict.value}: {self.reason}", by)


class Reopen(msgspec.Struct, frozen=True):
    """Opens a closed incident again: its verdict is taken back, and its alerts fire again at their receivers."""

    reason: str

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused for an open one, and for one that was merged."""
        if incident.state is not State.CLOSED:
            raise IncidentError(f"incident {incident.incident_id} is {incident.state.value}; only a closed one reopens")
        _require_apart(incident)
        _change(connection, incident, state=State.OPEN.value, verdict="", reason="", **intake.UNANSWERED)
        intake.turn(connection, incident.incident_id, Phase.FIRING, by.now)
        feedback.withdraw(connection, incident.incident_id, by.author, by.now)
        return _noted(connection, incident, "reopened", self.reason, by)


class Merge(msgspec.Struct, frozen=True):
    """Moves all alerts of an incident into another; the former is closed and points there. `Split` undoes it.

    Receivers are told nothing by that: the alerts go on. What it comes to is the incident that goes on.
    """

    into: str

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused where one of them is closed, or both are the same."""
        target = browse.found(connection, self.into)
        for one in (incident, target):
            _require_open(one)
        regroup.merge(connection, incident, target, by.author, by.now)
        return target.incident_id


class Split(msgspec.Struct, frozen=True):
    """Moves some alerts of an incident to one of their own, which it comes to. `Merge` undoes it."""

    alerts: tuple[str, ...]

    def apply(self, connection: sa.Connection, incident: Incident, by: By) -> str:
        """Refused for a closed one, without alerts, and for the alert that gave the incident its id."""
        _require_open(incident)
        return regroup.split(connection, incident, self.alerts, by.author, by.now)


def perform(connection: sa.Connection, incident_id: str, act: Act, by: By) -> Incident:
    """Do something to the incident whose id is, or alone begins with, `incident_id`; what it comes to.

    The caller keeps others from the queue until the transaction ends.

    Raises:
        UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
        ChangedError: it is not as whoever acts has seen it.
        IncidentError: its state does not allow it, or a text is too long.
    """
    incident = browse.found(connection, incident_id)
    if by.seen is not None and browse.versions(connection, [incident])[0] not in by.seen:
        raise ChangedError(f"incident {incident.incident_id} has changed since; look at it again")
    return browse.found(connection, act.apply(connection, incident, by))


def silence(connection: sa.Connection, made: Silence) -> int:
    """Keep a silence; its number.

    Raises:
        IncidentError: it would silence everything.
    """
    if made.matcher == Matcher():
        raise IncidentError("a silence of everything is none; name an actor, a detection or a department")
    row = tables.silences
    fields = msgspec.structs.asdict(made) | {"matcher": msgspec.json.encode(made.matcher).decode()}
    del fields["silence_id"]
    return int(connection.execute(sa.insert(row).values(**fields).returning(row.c.silence_id)).scalar_one())


def expire(connection: sa.Connection, silence_id: int, by: By) -> bool:
    """End a silence now; whether there was one to end."""
    row = tables.silences
    this = (row.c.silence_id == silence_id) & (row.c.ends > by.now)
    return connection.execute(sa.update(row).where(this).values(ends=by.now, ended_by=by.author)).rowcount > 0


def retry(connection: sa.Connection, receiver: str | None, by: By) -> int:
    """Let dead deliveries wait again, those of one receiver or all, and note it at their incidents; how many."""
    row = tables.deliveries
    dead = row.c.state == "dead" if receiver is None else (row.c.state == "dead") & (row.c.receiver == receiver)
    again = {"state": "waiting", "due": by.now, "since": by.now, "attempts": 0}
    query = sa.update(row).where(dead).values(**again).returning(row.c.incident_id, row.c.receiver)
    waiting = [(str(incident_id), str(name)) for incident_id, name in connection.execute(query)]
    for incident_id, name in sorted(set(waiting)):
        intake.note(connection, incident_id, Entry(by.now, by.author, "retried", name))
    return len(waiting)


def withdraw(connection: sa.Connection, number: int, by: By) -> bool:
    """Take back what a verdict said to the detector, and leave the verdict; whether there was anything."""
    incident_id = feedback.withdraw_one(connection, number, by.author, by.now)
    if incident_id:  # an exception has none
        intake.note(connection, incident_id, Entry(by.now, by.author, "withdrew", f"feedback {number}"))
    return incident_id is not None


def expect(connection: sa.Connection, exceptions: Exceptions, by: By) -> list[int]:
    """Keep exceptions; their numbers. `withdraw` takes one back."""
    _bounded(exceptions.reason)
    return [feedback.keep(connection, one) for one in exceptions.said(by.author, by.now)]


def _change(connection: sa.Connection, incident: Incident, **changes: Any) -> None:
    row = tables.incidents
    connection.execute(sa.update(row).where(row.c.incident_id == incident.incident_id).values(**changes))


def _noted(connection: sa.Connection, incident: Incident, act: str, text: str, by: By) -> str:
    intake.note(connection, incident.incident_id, Entry(by.now, by.author, act, _bounded(text)))
    return incident.incident_id


def _bounded(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise IncidentError(f"a text of {len(text):,} characters; keep it to {LONGEST_TEXT:,}")
    return text


def _require_apart(incident: Incident) -> None:
    if incident.merged_into:
        where = incident.merged_into
        raise IncidentError(f"incident {incident.incident_id} was merged into {where}; work there, or split alerts off")


def _require_open(incident: Incident) -> None:
    _require_apart(incident)
    if incident.state is State.CLOSED:
        raise IncidentError(f"incident {incident.incident_id} is closed; reopen it first")
