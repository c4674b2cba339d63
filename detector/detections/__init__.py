"""The table of detections, by name, in the order in which findings are told when they are equally strong."""

from typing import Final

from detector.detection import Detection
from detector.detections import (
    automation,
    bulk_export,
    customer_breadth,
    honey_record,
    new_place,
    odd_hours,
    odd_session,
    unmask_abuse,
)

DETECTIONS: dict[str, Detection] = {
    "honey_record": honey_record.DETECTION,
    "bulk_export": bulk_export.DETECTION,
    "customer_breadth": customer_breadth.DETECTION,
    "unmask_abuse": unmask_abuse.DETECTION,
    "automation": automation.DETECTION,
    "odd_hours": odd_hours.DETECTION,
    "new_place": new_place.DETECTION,
    "odd_session": odd_session.DETECTION,
}

MEASURES: Final = tuple(measure for detection in DETECTIONS.values() for measure in detection.measures)
"""Of all detections, in the order of the columns of scores."""
