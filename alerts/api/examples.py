"""Answers as the description of the API shows them."""

from typing import Any, Final

ID, OTHER = "0123456789abcdef0123", "fedcba98765432100000"
TIME, LATER = "2026-03-02T01:14:05.120000Z", "2026-03-02T02:05:00Z"

INCIDENT: Final[dict[str, Any]] = {
    "incident_id": ID, "version": "9f2c6a1d0b4e8f37c5a2", "actor": "E-7f3a", "state": "acknowledged",
    "severity": "high", "risk": 72.5, "opened_at": TIME, "updated_at": TIME, "owner": "lee", "verdict": "",
    "reason": "", "merged_into": "",
}  # fmt: skip
FINDING: Final[dict[str, Any]] = {
    "detection": "bulk_export", "time": TIME, "p_value": 0.000025, "observed": 412.0, "expected": 18.0,
    "peer_expected": 22.5, "unit": "customers", "event_ids": ["ev-1", "ev-2"], "event_count": 30,
    "technique": "T1213", "sentence": "E-7f3a opened 412 customers in two hours; a normal day has 18.",
    "sample_size": 60, "peer_sample_size": 9, "threshold": 61.0, "model_version": "m-1", "certain": False,
    "customers": 412, "records": 1200, "exported": 400, "data_class": "C2",
}  # fmt: skip
ALERT: Final[dict[str, Any]] = {
    "alert_id": ID, "incident_id": ID, "actor": "E-7f3a", "opened_at": TIME, "updated_at": TIME, "risk": 72.5,
    "severity": "high", "findings": [FINDING], "role": "claims_adjuster", "department": "B03",
    "position": "access-events-0-of-4:1841",
    "decisions": [{"revision": 1, "stage": "route", "reason": "routed", "detail": "soc"}],
}  # fmt: skip
DELIVERY: Final[dict[str, Any]] = {
    "receiver": "soc", "alert_id": ID, "incident_id": ID, "revision": 1, "phase": "firing", "state": "told",
    "attempts": 0, "due": None, "since": LATER, "detail": "", "remote_id": "INC-1041", "level": 0,
}  # fmt: skip
SILENCE: Final[dict[str, Any]] = {
    "silence_id": 3,
    "matcher": {"severity": "low", "actors": [], "detections": ["odd_hours"], "departments": ["B03"], "roles": []},
    "owner": "lee", "reason": "the night shift of the migration", "starts": TIME, "ends": "2026-03-03T01:14:05.120000Z",
    "ended_by": "",
}  # fmt: skip
FEEDBACK: Final[dict[str, Any]] = {
    "number": 7, "incident_id": ID, "actor": "E-7f3a", "verdict": "false_positive", "detections": ["bulk_export"],
    "risk": 72.5, "author": "lee", "reason": "a robot", "given": LATER, "ends": "2026-05-31T01:14:05.120000Z",
    "withdrawn": None, "withdrawn_by": "", "days": 2,
}  # fmt: skip
AGES: Final = {"under_1_day": 1, "1_to_3_days": 2, "3_to_7_days": 0, "over_7_days": 0}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "Incident": INCIDENT,
    "Incidents": {"items": [INCIDENT], "next": "WzcyLjUsIjAxMjM0NTY3ODlhYmNkZWYwMTIzIl0"},
    "Dossier": {
        "incident": INCIDENT,
        "alerts": [ALERT],
        "history": [{"time": LATER, "author": "lee", "act": "assigned", "text": "to lee"}],
        "deliveries": [DELIVERY],
    },
    "Alert": ALERT,
    "Deliveries": {"items": [DELIVERY], "next": None},
    "Silence": SILENCE,
    "Silences": {"items": [SILENCE]},
    "Hidden": {"looked_at": 1000, "hidden": 12, "confirmed": 1, "alert_ids": [ID, OTHER]},
    "Retried": {"deliveries": 3},
    "Feedbacks": {"items": [FEEDBACK]},
    "Statistics": {
        "days": 30,
        "open": dict.fromkeys(("low", "medium", "high", "critical"), AGES),
        "acknowledged": {"incidents": 41, "median_s": 540.0, "p90_s": 3120.0, "longest_s": 80_400.0},
        "verdicts": {"true_positive": 9, "benign_positive": 20, "false_positive": 10, "undetermined": 2},
        "detections": [
            {"detection": "bulk_export", "incidents": 12, "false_positives": 3, "false_positive_share": 0.25}
        ],
    },
    "Health": {"status": "ok"},
    "Kept": {"numbers": [8]},
    "Taken": {"heard": "changed"},
}
"""By the name of what is answered."""
