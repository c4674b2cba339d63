"""What waits to be told to receivers: written with the alerts, deleted once it was told."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from alerts import tables
from alerts.alert import Alert


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that waits for one receiver.

    `sequence` grows in the order in which alerts of a shard began to wait. `revision` is the alert's and
    `body` its JSON; `actor` is its pseudonym, by which a receiver may keep one person's alerts together.
    """

    sequence: int
    receiver: str
    shard: str
    alert_id: str
    revision: int
    actor: str
    body: str


def enqueue(
    connection: sa.Connection, receivers: Sequence[str], shard: str, alert: Alert, revision: int, body: str
) -> None:
    """Let a revision of an alert wait for every receiver.

    Where an older revision of the alert still waits, the newer one takes its place in the queue: it is the
    same alert in its present state, so none is lost, and one that keeps changing waits as one row. It keeps
    the older one's sequence, or it would be sent back to the end with every change and might never come
    first. Told meanwhile, the older one does not take the newer one with it: see `remove`.
    """
    row = tables.outbox
    fields = {"shard": shard, "revision": revision, "actor": alert.actor, "body": body}
    for receiver in receivers:
        this = (row.c.receiver == receiver) & (row.c.alert_id == alert.alert_id)
        if connection.execute(sa.update(row).where(this).values(fields)).rowcount == 0:
            connection.execute(sa.insert(row).values(receiver=receiver, alert_id=alert.alert_id, **fields))


def waiting(connection: sa.Connection, receiver: str, shard: str, limit: int) -> list[Delivery]:
    """The receiver's deliveries of a shard, the one that has waited longest first."""
    row = tables.outbox
    this = (row.c.receiver == receiver) & (row.c.shard == shard)
    found = connection.execute(sa.select(row).where(this).order_by(row.c.sequence).limit(limit))
    return [Delivery(**fields) for fields in found.mappings()]


def of_receiver(connection: sa.Connection, receiver: str, limit: int) -> list[Delivery]:
    """A receiver's deliveries of all shards, the one that has waited longest first."""
    row = tables.outbox
    found = connection.execute(sa.select(row).where(row.c.receiver == receiver).order_by(row.c.sequence).limit(limit))
    return [Delivery(**fields) for fields in found.mappings()]


def remove(connection: sa.Connection, deliveries: Sequence[Delivery]) -> None:
    """Delete what was told. A row that has a newer revision by now stays: that one was not told.

    A row that the shard's owner has just locked is about to get one; it is passed over, so that the two never
    wait for each other.
    """
    row = tables.outbox
    this = (row.c.sequence == sa.bindparam("told")) & (row.c.revision == sa.bindparam("as_of"))
    if deliveries:
        told = [{"told": delivery.sequence, "as_of": delivery.revision} for delivery in deliveries]
        free = sa.select(row.c.sequence).where(this).with_for_update(skip_locked=True)
        connection.execute(sa.delete(row).where(row.c.sequence.in_(free)), told)


def lengths(connection: sa.Connection) -> dict[str, int]:
    """How many deliveries wait for each receiver that any wait for."""
    row = tables.outbox
    query = sa.select(row.c.receiver, sa.func.count()).group_by(row.c.receiver).order_by(row.c.receiver)
    return {receiver: int(waiting) for receiver, waiting in connection.execute(query)}
