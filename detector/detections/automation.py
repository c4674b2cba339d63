"""Enumeration and automation: identifiers in order, or the cadence of a machine.

- Behaviour: walking through customer numbers one after the other, or a script that works in a person's name.
- Data that proves it: the steps between customer numbers (kept through tokenising), pauses between events, channels.
- Assumption: people pause irregularly; bots that are meant to be bots have their own history.
- How an insider evades it: shuffled numbers and random pauses; breadth and volume remain.
- What the analyst does next: look for a script or macro on the host; check whether a correction run was ordered.
"""

from detector.detection import Detection
from detector.features import Feature, Peak
from detector.measures import Share, Size, Surprise

DETECTION = Detection(
    name="automation",
    technique="T1119",
    lead="Worked through records like a machine",
    measures=(
        Share("steps_share", Feature.STEPS, Feature.TOUCHES, "% of customer numbers in sequence"),
        Share("bursts_share", Feature.BURSTS, Feature.EVENTS, "% of events within two seconds of the one before"),
        Size("events_ten_minutes", Peak.EVENTS_TEN_MINUTES, "events within ten minutes"),
        Surprise("regularity", Feature.PAUSES, "nats of regularity of the pauses"),
        Size("direct", Feature.DIRECT, "accesses past the application (sql, api)"),
        Share("direct_share", Feature.DIRECT, Feature.EVENTS, "% of accesses past the application (sql, api)"),
    ),
)
