"""The queue of incidents and what receivers are to be told, in the database of alerts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import escalation, feedback, intake, outbox, regroup, schema, tables
from alerts.alert import Alert, Severity
from alerts.database import Database
from alerts.errors import AmbiguousAlertError, IncidentError, StaleOwnerError, UnknownAlertError
from alerts.escalation import Level
from alerts.incident import Entry, Incident, State, Verdict
from alerts.pipeline import Matcher, Silence, Stage
from alerts.receivers.receiver import Phase
from alerts.workload import Workload, workload

DESK: Final = "desk"
"""The name of the queue among the receivers of the outbox, and of its owner among the shards."""
LONGEST_TEXT: Final = 4_000
AT_ONCE: Final = 200


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that a receiver is to be told of: in which phase and revision, and how often that was tried.

    `state` is `waiting`, `told`, or `dead`, when a person must look; `due` is when to try (again) and `since` since
    when it has waited, both Unix seconds. `detail` is what the receiver last said.
    `level` is that of the escalation by which it is told, 0 for none.
    """

    receiver: str
    alert_id: str
    incident_id: str
    revision: int
    phase: Phase
    state: str
    attempts: int
    due: float
    since: float
    detail: str
    remote_id: str
    level: int = 0


class Desk:
    """Incidents, deliveries and silences. One desk is one connection, for one call at a time.

    Args:
        url: of the database of alerts.
        password_file: of that database.

    Raises:
        StoreError: the database cannot be used.
    """

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        self._database = Database(url, password_file)
        self._transaction = self._database.transaction
        self._epoch: int | None = None
        try:
            schema.prepare(self._database)
        except BaseException:
            self.close()
            raise

    def acquire(self) -> None:
        """Become the one that delivers; a former one delivers no more."""
        with self._transaction() as connection:
            self._epoch = int(connection.execute(tables.ACQUIRE, {"shard": DESK}).scalar_one())

    def take_in(self, stages: Sequence[Stage], receivers: Sequence[str], now: float) -> int:
        """Join waiting alerts to incidents and decide who is told of them; how many there were.

        One transaction does both and takes them out of the outbox: done twice it changes nothing.
        """
        with self._transaction() as connection:
            if not outbox.of_receiver(connection, DESK, 1):
                return 0
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})  # those who look at the queue take in as well
            waiting = outbox.of_receiver(connection, DESK, AT_ONCE)
            moment = intake.moment_of(connection, _silences(connection, now), now)
            for delivery in waiting:
                intake.admit(connection, delivery, stages, receivers, moment)
            outbox.remove(connection, waiting)
        return len(waiting)

    def escalate(self, levels: Sequence[Level], now: float) -> int:
        """Tell those of the next level of incidents that nobody acknowledged in time; how many incidents that were.

        Raises:
            StaleOwnerError: somebody else delivers now.
        """
        with self._transaction() as connection:
            self._require_owner(connection)
            return escalation.escalate(connection, levels, now)

    def due(self, receiver: str, now: float, limit: int) -> list[tuple[Task, Alert]]:
        """What a receiver is to be told by now, the longest waiting first, and of those the most severe."""
        row = tables.deliveries
        mildness = sa.case(*[(tables.alerts.c.severity == one.value, -rank) for rank, one in enumerate(Severity)])
        ripe = (row.c.receiver == receiver) & (row.c.state != "dead") & (row.c.due <= now)
        query = (
            sa.select(row, tables.alerts.c.body)
            .join(tables.alerts, tables.alerts.c.alert_id == row.c.alert_id)
            .where(ripe)
            .order_by(row.c.due, mildness, row.c.alert_id)
            .limit(limit)
        )
        with self._transaction() as connection:
            found = connection.execute(query).mappings().all()
        return [(_task(one), msgspec.json.decode(one["body"], type=Alert)) for one in found]

    def next_due(self) -> dict[str, float]:
        """When each receiver is next to be told of something, those of whom anything waits."""
        row = tables.deliveries
        waits = (row.c.state != "dead") & (row.c.due < intake.NEVER)
        query = sa.select(row.c.receiver, sa.func.min(row.c.due)).where(waits).group_by(row.c.receiver)
        with self._transaction() as connection:
            return {receiver: float(due) for receiver, due in connection.execute(query)}

    def record(self, went: Sequence[tuple[Task, Mapping[str, Any]]]) -> None:
        """Note how deliveries went, but for those of which something else is to be told by now.

        Raises:
            StaleOwnerError: somebody else delivers now.
        """
        row = tables.deliveries
        with self._transaction() as connection:
            self._require_owner(connection)
            for task, changes in went:
                this = (row.c.receiver == task.receiver) & (row.c.alert_id == task.alert_id)
                same = (
                    (row.c.revision == task.revision) & (row.c.phase == task.phase.value) & (row.c.level == task.level)
                )
                connection.execute(sa.update(row).where(this & same).values(**changes))

    def tasks(self, *, state: str | None = None) -> list[Task]:
        """Deliveries, by receiver and alert: all, or those in one state."""
        row = tables.deliveries
        query = sa.select(row).order_by(row.c.receiver, row.c.alert_id)
        with self._transaction() as connection:
            found = connection.execute(query if state is None else query.where(row.c.state == state)).mappings().all()
        return [_task(one) for one in found]

    def retry(self, receiver: str | None, now: float) -> int:
        """Let dead deliveries wait again, those of one receiver or all; how many."""
        row = tables.deliveries
        dead = row.c.state == "dead" if receiver is None else (row.c.state == "dead") & (row.c.receiver == receiver)
        with self._transaction() as connection:
            return connection.execute(
                sa.update(row).where(dead).values(state="waiting", due=now, since=now, attempts=0)
            ).rowcount

    def incidents(self, states: Sequence[State] = ()) -> list[Incident]:
        """Incidents in some states, or all, the one with the highest risk first."""
        row = tables.incidents
        query = sa.select(row).order_by(row.c.risk.desc(), row.c.incident_id)
        if states:
            query = query.where(row.c.state.in_([state.value for state in states]))
        with self._transaction() as connection:
            return [_incident(one) for one in connection.execute(query).mappings()]

    def incident(self, incident_id: str) -> tuple[Incident, list[Alert], list[Entry]]:
        """The incident whose id is, or alone begins with, `incident_id`; with its alerts and its history.

        Raises:
            UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
        """
        log = tables.incident_log
        with self._transaction() as connection:
            incident = self._found(connection, incident_id)
            alerts = _alerts(connection, incident.incident_id)
            entries = connection.execute(
                sa.select(log.c.time, log.c.author, log.c.act, log.c.text)
                .where(log.c.incident_id == incident.incident_id)
                .order_by(log.c.number)
            ).all()
        return incident, alerts, [Entry(*entry) for entry in entries]

    def decisions(self, alert_id: str) -> list[tuple[int, str, str, str]]:
        """What was decided about an alert: revision, stage, reason and detail, in order."""
        row = tables.decisions
        query = sa.select(row.c.revision, row.c.stage, row.c.reason, row.c.detail).where(row.c.alert_id == alert_id)
        with self._transaction() as connection:
            return [tuple(one) for one in connection.execute(query.order_by(row.c.revision, row.c.time))]

    def act(self, incident_id: str, act: str, author: str, now: float, text: str = "", **changes: Any) -> Incident:
        """Change an incident and note it; closing resolves its alerts at their receivers, reopening fires them again.

        A verdict is told to the detector, and what it said is taken back when the incident is opened again.

        Raises:
            IncidentError: it is closed already, was merged, or the text is too long.
        """
        if len(text) > LONGEST_TEXT:
            raise IncidentError(f"a text of {len(text):,} characters; keep it to {LONGEST_TEXT:,}")
        row = tables.incidents
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            incident = self._found(connection, incident_id)
            reopened = incident.state is State.CLOSED and changes.get("state", State.CLOSED) is not State.CLOSED
            if changes and (incident.merged_into or not reopened):
                _require_open(incident)
            this = row.c.incident_id == incident.incident_id
            if reopened:
                changes |= intake.UNANSWERED
            if changes:
                connection.execute(sa.update(row).where(this).values(**changes))
            intake.note(connection, incident.incident_id, Entry(now, author, act, text))
            if changes.get("state") is State.CLOSED or reopened:
                phase = Phase.FIRING if reopened else Phase.RESOLVED
                intake.turn(connection, incident.incident_id, phase, now)
            if reopened:
                feedback.withdraw(connection, incident.incident_id, author, now)
            elif changes.get("verdict"):
                said, alerts = (author, changes.get("reason", ""), now), _alerts(connection, incident.incident_id)
                feedback.give(connection, incident.incident_id, alerts, Verdict(changes["verdict"]), said)
            return self._found(connection, incident.incident_id)

    def merge(self, incident_id: str, into: str, author: str, now: float) -> Incident:
        """Move all alerts of an incident to another, which is given back; the former is closed and points there.

        Receivers are told nothing by that: the alerts go on. `split` undoes it.

        Raises:
            IncidentError: one of them is closed, or both are the same.
            UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            source, target = self._found(connection, incident_id), self._found(connection, into)
            for one in (source, target):
                _require_open(one)
            regroup.merge(connection, source, target, author, now)
            return self._found(connection, target.incident_id)

    def split(self, incident_id: str, alert_ids: Sequence[str], author: str, now: float) -> Incident:
        """Move some alerts of an incident to one of their own, which is given back. `merge` undoes it.

        Raises:
            IncidentError: it is closed, no alert is named, or the one that gave the incident its id.
            UnknownAlertError: an id begins none or several of its alerts.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            source = self._found(connection, incident_id)
            _require_open(source)
            return self._found(connection, regroup.split(connection, source, alert_ids, author, now))

    def silence(self, silence: Silence) -> int:
        """Keep a silence; its number."""
        row = tables.silences
        fields = msgspec.structs.asdict(silence) | {"matcher": msgspec.json.encode(silence.matcher).decode()}
        del fields["silence_id"]
        with self._transaction() as connection:
            return int(connection.execute(sa.insert(row).values(**fields).returning(row.c.silence_id)).scalar_one())

    def silences(self, now: float) -> list[Silence]:
        """The silences that have not ended."""
        with self._transaction() as connection:
            return _silences(connection, now)

    def expire(self, silence_id: int, now: float) -> bool:
        """End a silence now; whether there was one to end."""
        row = tables.silences
        this = (row.c.silence_id == silence_id) & (row.c.ends > now)
        with self._transaction() as connection:
            return connection.execute(sa.update(row).where(this).values(ends=now)).rowcount > 0

    def would_hide(self, matcher: Matcher, most: int = 1_000) -> list[tuple[Alert, Verdict]]:
        """Which of the newest alerts a silence would have hidden, with the verdict on each."""
        alerts, joined, incidents = tables.alerts, tables.incident_alerts, tables.incidents
        query = (
            sa.select(alerts.c.body, incidents.c.verdict)
            .outerjoin(joined, joined.c.alert_id == alerts.c.alert_id)
            .outerjoin(incidents, incidents.c.incident_id == joined.c.incident_id)
            .order_by(alerts.c.opened_at.desc())
            .limit(most)
        )
        with self._transaction() as connection:
            found = connection.execute(query).all()
        pairs = [(msgspec.json.decode(body, type=Alert), Verdict(verdict or "")) for body, verdict in found]
        return [(alert, verdict) for alert, verdict in pairs if matcher.matches(alert)]

    def withdraw_feedback(self, number: int, author: str, now: float) -> bool:
        """Take back what a verdict said to the detector, and leave the verdict; whether there was anything."""
        with self._transaction() as connection:
            incident_id = feedback.withdraw_one(connection, number, author, now)
            if incident_id is not None:
                intake.note(connection, incident_id, Entry(now, author, "withdrew", f"feedback {number}"))
        return incident_id is not None

    def feedback(self) -> list[tuple[feedback.Feedback, int]]:
        """All that verdicts ever said to the detector, and on how many days of a shard each has made a difference."""
        row = tables.checkpoints
        with self._transaction() as connection:
            found = feedback.given(connection, every=True)
            counters = connection.execute(sa.select(row.c.counters).where(row.c.counters.is_not(None))).scalars().all()
        counted = [msgspec.json.decode(one, type=dict[str, int]) for one in counters]
        return [(one, sum(counts.get(f"feedback.{one.number}", 0) for counts in counted)) for one in found]

    def workload(self, now: float) -> Workload:
        """What the queue holds and how it is worked off, in numbers."""
        with self._transaction() as connection:
            return workload(connection, now)

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        self._database.close()

    def _found(self, connection: sa.Connection, begins: str) -> Incident:
        row = tables.incidents
        this = row.c.incident_id.startswith(begins.lower(), autoescape=True)
        found = connection.execute(sa.select(row).where(this).limit(2)).mappings().all() if begins else []
        if len(found) != 1:
            kind = AmbiguousAlertError if found else UnknownAlertError
            how_many = "several incidents begin" if found else "no incident begins"
            raise kind(f"{self._database.place}: {how_many} with {begins!r}; list the incidents for their ids")
        return _incident(found[0])

    def _require_owner(self, connection: sa.Connection) -> None:
        row = tables.checkpoints
        epoch = connection.execute(sa.select(row.c.epoch).where(row.c.shard == DESK).with_for_update()).scalar()
        if epoch != self._epoch:
            raise StaleOwnerError(f"{self._database.place}: another process delivers now; stop this one")


def _require_open(incident: Incident) -> None:
    if incident.merged_into:
        where = incident.merged_into
        raise IncidentError(f"incident {incident.incident_id} was merged into {where}; work there, or split alerts off")
    if incident.state is State.CLOSED:
        raise IncidentError(f"incident {incident.incident_id} is closed; reopen it first")


def _alerts(connection: sa.Connection, incident_id: str) -> list[Alert]:
    """Those of an incident, in the order in which they opened."""
    row, joined = tables.alerts, tables.incident_alerts
    query = (
        sa.select(row.c.body)
        .join(joined, joined.c.alert_id == row.c.alert_id)
        .where(joined.c.incident_id == incident_id)
        .order_by(row.c.opened_at, row.c.alert_id)
    )
    return [msgspec.json.decode(body, type=Alert) for body in connection.execute(query).scalars()]


def _task(row: Mapping[Any, Any]) -> Task:
    return msgspec.convert({name: row[name] for name in Task.__struct_fields__}, Task)


def _incident(row: Mapping[Any, Any]) -> Incident:
    return msgspec.convert({name: row[name] for name in Incident.__struct_fields__}, Incident)


def _silences(connection: sa.Connection, now: float) -> list[Silence]:
    row = tables.silences
    found = connection.execute(sa.select(row).where(row.c.ends > now).order_by(row.c.silence_id)).mappings()
    return [Silence(**{**one, "matcher": msgspec.json.decode(one["matcher"], type=Matcher)}) for one in found]
