"""Views for dashboards: incidents, alerts and verdicts by pseudonym, without anybody's words or the evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# What the two databases say differently.
POSTGRESQL = {
    "findings": "CROSS JOIN LATERAL json_array_elements(a.body::json -> 'findings') AS f(value)",
    "detection": "f.value ->> 'detection'",
    "opened": "NULLIF(x.opened_at, '')::timestamptz",
    "updated": "NULLIF(x.updated_at, '')::timestamptz",
    "closed": "to_timestamp(max(l.time))",
    "listed": "SELECT string_agg(n.detection, ', ' ORDER BY n.detection) FROM",
}
SQLITE = {
    "findings": "CROSS JOIN json_each(a.body, '$.findings') AS f",
    "detection": "json_extract(f.value, '$.detection')",
    "opened": "x.opened_at",
    "updated": "x.updated_at",
    "closed": "strftime('%Y-%m-%dT%H:%M:%f+00:00', max(l.time), 'unixepoch')",
    "listed": "SELECT group_concat(n.detection, ', ') FROM",
}
DETECTIONS = """
CREATE VIEW v_detections AS
SELECT DISTINCT a.alert_id, {detection} AS detection FROM alerts a {findings}
"""
ALERTS = """
CREATE VIEW v_alerts AS
SELECT x.alert_id, j.incident_id, x.actor, x.severity, x.risk, {opened} AS opened_at, {updated} AS updated_at,
  ({listed} (SELECT d.detection FROM v_detections d WHERE d.alert_id = x.alert_id ORDER BY d.detection) n) AS detections
FROM alerts x LEFT JOIN incident_alerts j ON j.alert_id = x.alert_id
"""
INCIDENTS = """
CREATE VIEW v_incidents AS
SELECT x.incident_id, x.actor, x.state, x.severity, x.risk, {opened} AS opened_at, {updated} AS updated_at,
  x.owner <> '' AS assigned, x.verdict,
  (SELECT count(*) FROM incident_alerts j WHERE j.incident_id = x.incident_id) AS alerts,
  ({listed} (SELECT DISTINCT d.detection FROM incident_alerts j JOIN v_detections d ON d.alert_id = j.alert_id
    WHERE j.incident_id = x.incident_id ORDER BY d.detection) n) AS detections
FROM incidents x WHERE x.merged_into = ''
"""
VERDICTS = """
CREATE VIEW v_verdicts AS
SELECT DISTINCT x.incident_id, d.detection, x.verdict, x.severity,
  (SELECT {closed} FROM incident_log l WHERE l.incident_id = x.incident_id AND l.act = 'closed') AS closed_at
FROM incidents x JOIN incident_alerts j ON j.incident_id = x.incident_id JOIN v_detections d ON d.alert_id = j.alert_id
WHERE x.verdict <> ''
"""


def upgrade() -> None:
    """Add the views, those that others look into first."""
    words = POSTGRESQL if op.get_context().dialect.name == "postgresql" else SQLITE
    for view in (DETECTIONS, ALERTS, INCIDENTS, VERDICTS):
        op.execute(sa.text(view.format(**words).replace(":", r"\:")))
