"""What senders said of alerts, and until when they were asked."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables and columns; nothing was heard before."""
    op.add_column("deliveries", sa.Column("answer", sa.String(16), nullable=False, server_default=sa.text("''")))
    op.add_column("deliveries", sa.Column("answered", sa.Double, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "heard",
        sa.Column("receiver", ordered(64), primary_key=True),
        sa.Column("event", ordered(40), primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
    )
    op.create_index("ix_heard_time", "heard", ["time"])
    op.create_table(
        "cursors",
        sa.Column("receiver", ordered(64), primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
    )
