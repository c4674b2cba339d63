"""New place: a host, address, system, action, channel or program that this person, or anyone like them, never used.

- Behaviour: a borrowed login from another desk, a right never used before, a new tool.
- Data that proves it: `src.host`, `src.ip`, `src.channel`, `src.user_agent`, `resource.system` with action and type.
- Assumption: what a whole team starts to use on one day is a roll-out; the organisation's view discounts it.
- How an insider evades it: works from the own desk with the own tools.
- What the analyst does next: ask whether the device or right is new; check the badge and the owner of the other host.
"""

from detector.detection import Detection
from detector.features import Feature
from detector.measures import Surprise

DETECTION = Detection(
    name="new_place",
    technique="T1078",
    lead="Used places or functions that neither this person nor their peers use",
    measures=(Surprise("newness", Feature.NEWNESS, "nats of surprise about new places"),),
)
