"""The contexts that shards go by, and where each began to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "contexts",
        sa.Column("digest", ordered(64), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    if op.get_context().dialect.name == "postgresql":
        # A body is compressed already; trying again costs time and saves nothing.
        op.execute("ALTER TABLE contexts ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "context_changes",
        sa.Column("shard", ordered(), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.String, nullable=False),
        sa.Column("digest", ordered(64), nullable=False),
    )
