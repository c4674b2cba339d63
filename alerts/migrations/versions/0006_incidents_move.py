"""Where an incident was merged into."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Add what is known since; no incident of before was merged."""
    merged = sa.Column("merged_into", sa.String(20), nullable=False, server_default=sa.text("''"))
    op.add_column("incidents", merged)
