"""The view of promotions for dashboards: which bundle, when, and whether it was promoted or taken back; not by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TIMES = {"postgresql": "to_timestamp(a.at)", "sqlite": "strftime('%Y-%m-%dT%H:%M:%f+00:00', a.at, 'unixepoch')"}
PROMOTIONS = """
CREATE VIEW v_promotions AS
SELECT {time} AS time, b.name, substr(b.digest, 1, 12) AS digest, a.act
FROM bundle_acts a JOIN bundles b ON b.digest = a.digest WHERE a.act IN ('promote', 'rollback')
"""


def upgrade() -> None:
    """Add the view."""
    time = TIMES[op.get_context().dialect.name]
    op.execute(sa.text(PROMOTIONS.format(time=time).replace(":", r"\:")))
