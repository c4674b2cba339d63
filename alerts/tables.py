"""The tables of the store, in SQL that SQLite and PostgreSQL both understand.

Times are texts in UTC of one width, so that their order as texts is their order in time.
"""

from datetime import UTC, datetime

from sqlalchemy import Column, Integer, MetaData, String, Table, Text
from sqlalchemy.types import Double

SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table("meta", metadata, Column("schema_version", Integer, nullable=False))

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(20), primary_key=True),
    Column("actor", String, nullable=False, index=True),
    Column("opened_at", String(32), nullable=False, index=True),
    Column("updated_at", String(32), nullable=False),
    Column("risk", Double, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("body", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)

# A shard that is acquired but has nothing committed yet has an epoch and no position.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("shard", String, primary_key=True),
    Column("position", String),
    Column("snapshot", String),
    Column("sha256", String(64)),
    Column("former", String),
    Column("counters", Text),
    Column("epoch", Integer, nullable=False),
)


def time_text(time: datetime) -> str:
    """An aware time as it is stored: RFC 3339 in UTC with six decimals.

    >>> time_text(datetime(2026, 3, 2, 1, 14, tzinfo=UTC))
    '2026-03-02T01:14:00.000000+00:00'
    """
    return time.astimezone(UTC).isoformat(timespec="microseconds")
