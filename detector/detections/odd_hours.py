"""Odd hours: work at times that are unlikely for this person, on their own clock.

- Behaviour: accesses late in the evening, at night, at weekends, on holidays or on leave.
- Data that proves it: the time of the event, the person's zone, shift and leave, the country's working days.
- Assumption: people have habits; the first days are judged by the peers' habits.
- How an insider evades it: acts during ordinary hours; then the other detections have more to compare.
- What the analyst does next: check overtime, shift swaps and remote work with the supervisor; look at what was opened.
"""

from detector.detection import Detection
from detector.features import Feature
from detector.measures import Share, Size, Surprise

DETECTION = Detection(
    name="odd_hours",
    technique="T1078",
    lead="Worked at hours that are unusual for this person",
    measures=(
        Surprise("oddness", Feature.ODDNESS, "nats of surprise about the hours"),
        Size("off_hours", Feature.OFF_HOURS, "accesses outside working hours"),
        Share("off_hours_share", Feature.OFF_HOURS, Feature.EVENTS, "% of accesses outside working hours"),
    ),
)
