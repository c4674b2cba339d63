"""The registry of bundles."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables; the online models judge alone, as before."""
    op.create_table(
        "bundles",
        sa.Column("digest", ordered(64), primary_key=True),
        sa.Column("name", ordered(64), nullable=False, unique=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
    )
    op.create_table(
        "bundle_acts",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", ordered(64), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("report", sa.String(64), nullable=False),
    )
