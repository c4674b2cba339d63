"""Alerts and checkpoints, as they were before the store had versions: `meta` said 1 then."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`; the store was in SQLite alone then, so PostgreSQL begins with it."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Make the three tables."""
    meta = op.create_table("meta", sa.Column("schema_version", sa.Integer, nullable=False))
    op.bulk_insert(meta, [{"schema_version": 1}])
    op.create_table(
        "alerts",
        sa.Column("alert_id", ordered(20), primary_key=True),
        sa.Column("actor", sa.String, nullable=False, index=True),
        sa.Column("opened_at", ordered(32), nullable=False, index=True),
        sa.Column("updated_at", ordered(32), nullable=False),
        sa.Column("risk", sa.types.Double, nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("shard", ordered(), primary_key=True),
        sa.Column("position", sa.String),
        sa.Column("snapshot", sa.String),
        sa.Column("sha256", sa.String(64)),
        sa.Column("counters", sa.Text),
        sa.Column("epoch", sa.Integer, nullable=False),
    )
