"""Incidents, what was decided about alerts, deliveries and silences."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def ordered(length: int | None = None) -> sa.String:
    """As in `alerts/tables.py`."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Add the six tables."""
    _incidents()
    _decisions()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("incident_id", ordered(20), primary_key=True),
        sa.Column("actor", ordered(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("risk", sa.Double, nullable=False),
        sa.Column("opened_at", ordered(32), nullable=False),
        sa.Column("updated_at", ordered(32), nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_incidents_actor", "incidents", ["actor"])
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.create_table(
        "incident_alerts",
        sa.Column("alert_id", ordered(20), primary_key=True),
        sa.Column("incident_id", ordered(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("gist", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_alerts_incident_id", "incident_alerts", ["incident_id"])
    op.create_table(
        "incident_log",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("incident_id", ordered(20), nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_log_incident_id", "incident_log", ["incident_id"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("alert_id", ordered(20), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stage", ordered(16), primary_key=True),
        sa.Column("reason", sa.String(24), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("receiver", ordered(64), primary_key=True),
        sa.Column("alert_id", ordered(20), primary_key=True),
        sa.Column("incident_id", ordered(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(8), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("remote_id", sa.Text, nullable=False),
    )
    op.create_index("ix_deliveries_incident_id", "deliveries", ["incident_id"])
    op.create_index("ix_deliveries_state_due", "deliveries", ["state", "due"])
    op.create_table(
        "silences",
        sa.Column("silence_id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("matcher", sa.Text, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("starts", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
    )
