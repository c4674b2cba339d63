"""What verdicts say to the detector."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "feedback",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("incident_id", ordered(20), nullable=False),
        sa.Column("actor", ordered(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("detections", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("given", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.Column("withdrawn", sa.Double, nullable=True),
        sa.Column("withdrawn_by", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_incident_id", "feedback", ["incident_id"])
