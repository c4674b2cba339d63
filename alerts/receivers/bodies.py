"""A notice as data, for receivers that are programs."""

from typing import Any

from alerts.ocsf import CLASS_UID, detection_finding
from alerts.receivers.receiver import Notice, Phase


def envelope(notice: Notice) -> dict[str, Any]:
    """The alert's own JSON within the envelope that Standard Webhooks recommends."""
    return {
        "type": f"alert.{notice.phase.value}",
        "timestamp": notice.alert.updated_at,
        "data": {
            "alert": notice.alert,
            "revision": notice.revision,
            "level": notice.level,
            "link": notice.link,
            "test": notice.test,
        },
    }


def finding(notice: Notice) -> dict[str, Any]:
    """The OCSF Detection Finding; one that was closed is an activity of its own, and a test is no alert."""
    made: dict[str, Any] = detection_finding(notice.alert, notice.revision)
    if notice.phase is Phase.RESOLVED:
        made |= {"activity_id": 3, "activity_name": "Close", "status_id": 4, "status": "Resolved"}
        made |= {"type_uid": CLASS_UID * 100 + 3, "type_name": "Detection Finding: Close"}
    if notice.test:
        made["is_alert"] = False
        made["message"] = f"[TEST] {made['message']}"
        made["metadata"]["labels"] = ["test"]
    if notice.link:
        made["finding_info"]["src_url"] = notice.link
    return made
