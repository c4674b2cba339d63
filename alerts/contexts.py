"""By which context a shard was judged, and from where on: written with the checkpoint whose state has taken it over.

The store knows no more of a context than its digest and its body, which is bytes.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from alerts import tables


class ContextChange(msgspec.Struct, frozen=True, kw_only=True):
    """From `position` on a shard goes by the context of this `digest`.

    `number` counts the shard's changes from 1: positions of different files have no order of their own, and a
    context may change twice at one position. `body` is what the digest stands for, None when it was read without it.
    """

    number: int
    position: str
    digest: str
    body: bytes | None = None


def record(connection: sa.Connection, shard: str, changes: Sequence[ContextChange]) -> None:
    """Write changes of a shard, and the bodies that are not there yet.

    A number that was written before is written over, and those above it go: the state that had met them is gone.
    """
    row = tables.context_changes
    if not changes:
        return
    connection.execute(sa.delete(row).where(row.c.shard == shard, row.c.number >= changes[0].number))
    for change in changes:
        if change.body is not None:
            connection.execute(_PUT, {"digest": change.digest, "body": change.body})
    fields = ("number", "position", "digest")
    rows = [{"shard": shard} | {name: getattr(change, name) for name in fields} for change in changes]
    connection.execute(sa.insert(row), rows)


def recorded(connection: sa.Connection, shard: str, above: int) -> list[ContextChange]:
    """The shard's changes with a number above this one, in order, without their bodies."""
    row = tables.context_changes
    this = (row.c.shard == shard) & (row.c.number > above)
    query = sa.select(row.c.number, row.c.position, row.c.digest).where(this).order_by(row.c.number)
    return [ContextChange(**fields) for fields in connection.execute(query).mappings()]


def body_of(connection: sa.Connection, digest: str) -> bytes | None:
    """What the digest stands for, or None when nobody wrote it."""
    row = tables.contexts
    body = connection.execute(sa.select(row.c.body).where(row.c.digest == digest)).scalar()
    return None if body is None else bytes(body)


# Of two shards that are the first to take a context over at once, the second has nothing left to write.
_PUT = sa.text("INSERT INTO contexts (digest, body) VALUES (:digest, :body) ON CONFLICT (digest) DO NOTHING")
