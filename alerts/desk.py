"""The queue of incidents and what receivers are to be told, in the database of alerts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from alerts import access, browse, escalation, intake, outbox, schema, tables, work
from alerts.access import Token
from alerts.alert import Alert, Severity
from alerts.browse import Decided, Dossier, Task, Wanted
from alerts.database import Database
from alerts.errors import StaleOwnerError
from alerts.escalation import Level
from alerts.feedback import Exceptions, Feedback
from alerts.inbound.hearing import Heard, hear
from alerts.inbound.sender import Said
from alerts.incident import Incident, State, Verdict
from alerts.pipeline import Matching, Silence, Stage
from alerts.statistics import Statistics, statistics_of
from alerts.work import Act, By

DESK: Final = "desk"
"""The name of the queue among the receivers of the outbox, and of its owner among the shards."""
AT_ONCE: Final = 200


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
            moment = intake.moment_of(connection, browse.silences(connection, now), now)
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
        return [(browse.task(one), msgspec.json.decode(one["body"], type=Alert)) for one in found]

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

    def tasks(
        self,
        *,
        state: str | None = None,
        receiver: str | None = None,
        after: tuple[str, str] | None = None,
        most: int | None = None,
    ) -> list[Task]:
        """Deliveries by receiver and alert: in one state, of one receiver, so many after a receiver and an alert."""
        row = tables.deliveries
        these = [column == value for column, value in ((row.c.state, state), (row.c.receiver, receiver)) if value]
        with self._transaction() as connection:
            return browse.tasks(connection, *these, after=after, limit=most)

    def retry(self, receiver: str | None, by: By) -> int:
        """Let dead deliveries wait again, those of one receiver or all; how many."""
        with self._transaction() as connection:
            return work.retry(connection, receiver, by)

    def incidents(self, states: Sequence[State] = ()) -> list[Incident]:
        """Incidents in some states, or all, the one with the highest risk first."""
        with self._transaction() as connection:
            return browse.incidents(connection, Wanted(states=tuple(states)))

    def some_incidents(self, wanted: Wanted, after: tuple[float, str] | None, most: int) -> list[tuple[Incident, str]]:
        """Incidents with their versions, the one with the highest risk first; so many after a risk and an id."""
        with self._transaction() as connection:
            found = browse.incidents(connection, wanted, after, most)
            return list(zip(found, browse.versions(connection, found), strict=True))

    def incident(self, incident_id: str) -> Dossier:
        """All there is about the incident whose id is, or alone begins with, `incident_id`.

        Raises:
            UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
        """
        with self._transaction() as connection:
            return browse.dossier(connection, incident_id)

    def alert(self, alert_id: str) -> tuple[Alert, str, list[Decided]]:
        """An alert, the incident that it is in, "" for none yet, and what was decided about it.

        Raises:
            UnknownAlertError: there is none.
        """
        with self._transaction() as connection:
            return browse.alert(connection, alert_id)

    def hear(self, receiver: str, said: Said, now: float) -> Heard:
        """Take what a receiver says of the alerts that it was told of; the same again changes nothing.

        Raises:
            StaleError: it happened too long ago.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            return hear(connection, receiver, said, now)

    def cursor(self, receiver: str) -> float | None:
        """Until when everything that a receiver has to say was read, in Unix seconds; None where it never was."""
        row = tables.cursors
        with self._transaction() as connection:
            found = connection.execute(sa.select(row.c.time).where(row.c.receiver == receiver)).scalar()
        return None if found is None else float(found)

    def keep_cursor(self, receiver: str, time: float) -> None:
        """Note until when that is.

        Raises:
            StaleOwnerError: somebody else delivers now.
        """
        row = tables.cursors
        with self._transaction() as connection:
            self._require_owner(connection)
            if connection.execute(sa.update(row).where(row.c.receiver == receiver).values(time=time)).rowcount == 0:
                connection.execute(sa.insert(row).values(receiver=receiver, time=time))

    def act(self, incident_id: str, act: Act, by: By) -> tuple[Incident, str]:
        """Do something to an incident, wholly or not at all; what it comes to, and the version of that.

        Raises:
            UnknownAlertError, AmbiguousAlertError: none, or several, begin so.
            ChangedError: it is not as whoever acts has seen it.
            IncidentError: its state does not allow it, or a text is too long.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            outcome = work.perform(connection, incident_id, act, by)
            return outcome, browse.versions(connection, [outcome])[0]

    def silence(self, silence: Silence) -> int:
        """Keep a silence; its number.

        Raises:
            IncidentError: it would silence everything.
        """
        with self._transaction() as connection:
            return work.silence(connection, silence)

    def silences(self, now: float, *, every: bool = False) -> list[Silence]:
        """The silences that have not ended, or all there ever were."""
        with self._transaction() as connection:
            return browse.silences(connection, now, every=every)

    def expire(self, silence_id: int, by: By) -> bool:
        """End a silence now; whether there was one to end."""
        with self._transaction() as connection:
            return work.expire(connection, silence_id, by)

    def would_hide(self, matcher: Matching, most: int = 1_000) -> list[tuple[Alert, Verdict]]:
        """Which of the newest alerts a silence or exceptions would have hidden, with the verdict on each."""
        with self._transaction() as connection:
            return browse.hidden(connection, matcher, most)

    def withdraw_feedback(self, number: int, by: By) -> bool:
        """Take back what a verdict said to the detector, and leave the verdict; whether there was anything."""
        with self._transaction() as connection:
            return work.withdraw(connection, number, by)

    def expect(self, exceptions: Exceptions, by: By) -> list[int]:
        """Keep exceptions; their numbers. `withdraw_feedback` takes one back.

        Raises:
            IncidentError: the reason is too long.
        """
        with self._transaction() as connection:
            return work.expect(connection, exceptions, by)

    def feedback(self) -> list[tuple[Feedback, int]]:
        """All that verdicts ever said to the detector, and on how many days of a shard each has made a difference."""
        with self._transaction() as connection:
            return browse.taught(connection)

    def statistics(self, days: int, now: float) -> Statistics:
        """How the queue stands, and how the work of the last days went."""
        with self._transaction() as connection:
            return statistics_of(connection, days, now)

    def add_token(self, token: Token, secret: bytes) -> str:
        """Let somebody use the API; the token as it is shown, once.

        Raises:
            AccessError: the name is none, or somebody's who has a token that is valid.
        """
        with self._transaction() as connection:
            connection.execute(tables.HOLD, {"shard": DESK})
            return access.add(connection, token, secret)

    def tokens(self) -> list[Token]:
        """All tokens there ever were, by name."""
        with self._transaction() as connection:
            return access.listed(connection)

    def revoke_token(self, name: str, now: float) -> bool:
        """Let nobody in by this name's token any more; whether there was one that is valid."""
        with self._transaction() as connection:
            return access.revoke(connection, name, now)

    def bearer(self, shown: str, now: float) -> Token | None:
        """Whose token this is, None where it lets nobody in."""
        with self._transaction() as connection:
            return access.bearer(connection, shown, now)

    def check(self) -> None:
        """Require that the database can be reached and is of this release's version.

        Raises:
            UnavailableError, StoreError: it cannot, or is not.
        """
        schema.prepare(self._database)

    def close(self) -> None:
        """Let go of the database; closing twice is the same as once."""
        self._database.close()

    def _require_owner(self, connection: sa.Connection) -> None:
        row = tables.checkpoints
        epoch = connection.execute(sa.select(row.c.epoch).where(row.c.shard == DESK).with_for_update()).scalar()
        if epoch != self._epoch:
            raise StaleOwnerError(f"{self._database.place}: another process delivers now; stop this one")
