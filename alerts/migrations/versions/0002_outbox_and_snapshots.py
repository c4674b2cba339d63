"""The outbox, snapshots in the database, and the snapshot before the newest; alembic keeps the version from here on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add them, and drop the table that held the version."""
    op.add_column("checkpoints", sa.Column("former", sa.String))
    op.create_table(
        "snapshots",
        sa.Column("shard", ordered(), primary_key=True),
        sa.Column("name", ordered(), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    if op.get_context().dialect.name == "postgresql":
        # A snapshot is compressed already; trying again costs time and saves nothing.
        op.execute("ALTER TABLE snapshots ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("shard", sa.String, nullable=False),
        sa.Column("alert_id", ordered(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("receiver", "alert_id", "revision", name="uq_outbox_receiver_alert_id_revision"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_receiver_shard_sequence", "outbox", ["receiver", "shard", "sequence"])
    op.drop_table("meta")
