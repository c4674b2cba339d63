"""How what a sender says changes incidents, once; functions over one transaction."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from alerts import tables, work
from alerts.errors import StaleError
from alerts.escape import escape
from alerts.inbound.body import digest
from alerts.inbound.sender import Act, Said
from alerts.incident import State, Verdict
from alerts.receivers.receiver import Phase
from alerts.work import By, Close, Move, Note, Reopen

KEPT_S: Final = 30 * 86_400.0
"""For so long what was said is remembered. What is older than that is refused, so a copy is never new."""
CLOSED: Final = "closed"
"""The answer of those who closed an alert without a word that is a verdict here."""
GRAVEST: Final = (
    Verdict.TRUE_POSITIVE,
    Verdict.UNDETERMINED,
    Verdict.BENIGN_POSITIVE,
    Verdict.FALSE_POSITIVE,
)
"""Of several verdicts about one incident the first of these is its own: nothing is made milder by what it is with."""
AUTHOR_CHARS: Final = 128
WORD_CHARS: Final = 64
REASON_CHARS: Final = 1_000

MOVES: Final = {Act.ACKNOWLEDGED: State.ACKNOWLEDGED, Act.IN_PROGRESS: State.INVESTIGATING}
"""How far an incident has come by what was done there."""


class Heard(StrEnum):
    """What became of something that was said."""

    CHANGED = "changed"  # an incident was changed, or a line was written
    NOTHING = "nothing"  # it is so already
    REPEAT = "repeat"  # it was said before
    LATE = "late"  # something later was said before
    UNKNOWN = "unknown"  # it is about no alert that this receiver was told of


def hear(connection: sa.Connection, receiver: str, said: Said, now: float) -> Heard:
    """Take what a receiver says of the alerts that it was told of; whatever fails undoes the whole transaction.

    Raises:
        StaleError: it happened so long ago that nobody remembers whether it was said.
    """
    if said.time < now - KEPT_S:
        raise StaleError("it happened too long ago")
    hearing = _Hearing(connection, receiver, said, now)
    found = hearing.deliveries()
    if not found:
        return Heard.UNKNOWN
    if not _remember(connection, receiver, said.event_id, now):
        return Heard.REPEAT
    time = min(said.time, now)
    news = [one for one in found if one["answered"] <= time]
    if not news:
        return Heard.LATE
    hearing.answer([one["alert_id"] for one in news], time)
    closed_there = {one["incident_id"] for one in news if one["answer"]}
    incident_ids = dict.fromkeys(one["incident_id"] for one in news)
    changed = [hearing.apply(incident_id, incident_id in closed_there) for incident_id in incident_ids]
    return Heard.CHANGED if any(changed) else Heard.NOTHING


class _Hearing:
    """One thing that a receiver says, within a transaction."""

    def __init__(self, connection: sa.Connection, receiver: str, said: Said, now: float) -> None:
        self._connection, self._receiver, self._said = connection, receiver, said
        via = f" via {receiver}"
        self._by = By(f"{_line(said.by, AUTHOR_CHARS - len(via)) or 'somebody'}{via}", now)
        self._word, self._reason = _line(said.word, WORD_CHARS), _line(said.reason, REASON_CHARS)

    def deliveries(self) -> Sequence[Mapping[Any, Any]]:
        """Those of the receiver that it is about."""
        row, said = tables.deliveries, self._said
        # Names of ours and of tools are printable; no database is asked for others, and one would refuse to be.
        this: sa.ColumnElement[bool] = row.c.alert_id.in_([one for one in said.alert_ids if one.isprintable()])
        if said.remote_id and said.remote_id.isprintable():
            this = sa.or_(this, row.c.remote_id == said.remote_id)
        query = sa.select(row).where((row.c.receiver == self._receiver) & this).order_by(row.c.alert_id)
        return self._connection.execute(query).mappings().all()

    def answer(self, alert_ids: Sequence[str], time: float) -> None:
        """Keep with the deliveries what their readers say."""
        row, said = tables.deliveries, self._said
        changes: dict[str, Any] = {"answered": time}
        if said.act is not Act.NOTED:
            changes["answer"] = (said.verdict.value or CLOSED) if said.act is Act.CLOSED else ""
        this = (row.c.receiver == self._receiver) & row.c.alert_id.in_(alert_ids)
        self._connection.execute(sa.update(row).where(this).values(**changes))

    def apply(self, incident_id: str, closed_there: bool) -> bool:
        """Whether an incident was changed by it; `closed_there` is whether the receiver had closed an alert of it."""
        row = tables.incidents
        stored = self._connection.execute(sa.select(row).where(row.c.incident_id == incident_id)).mappings().one()
        state, act = State(stored["state"]), self._said.act
        if act is Act.NOTED:
            return self._note(incident_id, self._word or "nothing more")
        if act is Act.CLOSED and state is State.CLOSED:
            return self._closed_again(incident_id, Verdict(stored["verdict"]))
        if act is Act.CLOSED:
            return self._closed(incident_id, state)
        if state is State.CLOSED:
            return closed_there and self._reopen(incident_id)
        return self._move(incident_id, state, MOVES.get(act, State.OPEN))

    def _closed(self, incident_id: str, state: State) -> bool:
        """Close an incident once all its alerts that the receiver knows of have a verdict there."""
        row = tables.deliveries
        this = (row.c.receiver == self._receiver) & (row.c.incident_id == incident_id)
        told = (row.c.phase == Phase.FIRING.value) & (row.c.state != "dead")
        answers = self._connection.execute(sa.select(row.c.answer).where(this & told)).scalars().all()
        waiting = sum(not answer for answer in answers)
        if not waiting and CLOSED not in answers:
            return self._close(incident_id, next(one for one in GRAVEST if one.value in answers))
        means = self._said.verdict.value or "no verdict here"
        rest = f", {waiting} of {len(answers)} alerts open there" if waiting else ""
        self._move(incident_id, state, State.ACKNOWLEDGED)
        return self._note(incident_id, f"closed there as {self._word or 'nothing'}, which is {means}{rest}")

    def _closed_again(self, incident_id: str, verdict: Verdict) -> bool:
        """An echo of our own closing says nothing; another verdict is for a person to see."""
        said, here = self._said.verdict, verdict.value or "nothing"
        conflicts = said not in (Verdict.NONE, Verdict.UNDETERMINED, verdict)
        return conflicts and self._note(incident_id, f"says {said.value}, closed here as {here}")

    def _note(self, incident_id: str, text: str) -> bool:
        return self._perform(incident_id, Note(f"{text}: {self._reason}" if self._reason else text))

    def _move(self, incident_id: str, state: State, to: State) -> bool:
        further = list(State).index(to) > list(State).index(state)
        return further and self._perform(incident_id, Move(to))

    def _close(self, incident_id: str, verdict: Verdict) -> bool:
        return self._perform(incident_id, Close(verdict, self._reason or self._word))

    def _reopen(self, incident_id: str) -> bool:
        return self._perform(incident_id, Reopen(self._reason or self._word or "open there again"))

    def _perform(self, incident_id: str, act: work.Act) -> bool:
        work.perform(self._connection, incident_id, act, self._by)
        return True


def _remember(connection: sa.Connection, receiver: str, event_id: str, now: float) -> bool:
    """Whether it was not said before; what is older than it need be is forgotten."""
    row = tables.heard
    connection.execute(sa.delete(row).where(row.c.time < now - KEPT_S))
    event = digest(event_id.encode("utf-8", "replace"))
    this = (row.c.receiver == receiver) & (row.c.event == event)
    if connection.execute(sa.select(row.c.time).where(this)).first() is not None:
        return False
    connection.execute(sa.insert(row).values(receiver=receiver, event=event, time=now))
    return True


def _line(text: str, most: int) -> str:
    """A sender's text as one line that steers no screen, cut where it is too long."""
    line = escape(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"
