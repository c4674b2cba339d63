"""Where an incident was merged into, how far it was escalated, and when a delivery began to wait."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what is known since; no incident of before was merged, and no delivery is one of this hour."""
    op.add_column("incidents", sa.Column("merged_into", sa.String(20), nullable=False, server_default=sa.text("''")))
    op.add_column("incidents", sa.Column("level", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("incidents", sa.Column("unanswered_since", sa.Double, nullable=False, server_default=sa.text("0")))
    op.add_column("deliveries", sa.Column("admitted", sa.Double, nullable=False, server_default=sa.text("0")))
    op.add_column("deliveries", sa.Column("level", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_index("ix_deliveries_admitted", "deliveries", ["admitted"])
