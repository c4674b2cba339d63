"""What a store holds, in numbers."""

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from alerts import outbox, tables


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds: where and of which version it is, alerts, epochs by shard, waiting alerts by receiver."""

    place: str
    version: str
    alerts: int
    shards: Mapping[str, int]
    waiting: Mapping[str, int]


def contents(connection: sa.Connection, place: str, version: str) -> Contents:
    """Count what the database at the other end holds."""
    row = tables.checkpoints
    epochs = connection.execute(sa.select(row.c.shard, row.c.epoch).order_by(row.c.shard))
    return Contents(
        place=place,
        version=version,
        alerts=int(connection.execute(sa.select(sa.func.count()).select_from(tables.alerts)).scalar_one()),
        shards={shard: int(epoch) for shard, epoch in epochs},
        waiting=outbox.lengths(connection),
    )
