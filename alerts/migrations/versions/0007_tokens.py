"""Who may use the API, and who ended a silence."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what is known since; no silence of before says who ended it."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    text = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
    op.create_table(
        "tokens",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("name", text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("revoked", sa.Double, nullable=True),
    )
    op.create_index("ix_tokens_name", "tokens", ["name"])
    op.add_column("silences", sa.Column("ended_by", sa.String, nullable=False, server_default=sa.text("''")))
