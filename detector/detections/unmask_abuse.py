"""Unmask abuse: identity numbers, phones and accounts shown in clear more often than the work needs.

- Behaviour: revealing masked fields at an ordinary volume of work, or moving to more sensitive data.
- Data that proves it: `masked`, the action unmask, `data.class`.
- Assumption: the source says whether the fields were masked; the share matters more than the number.
- How an insider evades it: works where nothing is masked.
- What the analyst does next: compare the unmasked customers with open claims and calls; ask what the fields were for.
"""

from detector.detection import Detection
from detector.features import Feature
from detector.measures import Share, Volume

DETECTION = Detection(
    name="unmask_abuse",
    technique="T1213",
    lead="Uncovered masked data more often than usual",
    measures=(
        Volume("unmasked", Feature.UNMASKED, "unmasked accesses"),
        Share("unmasked_share", Feature.UNMASKED, Feature.MASKABLE, "% of accesses unmasked"),
        Share(
            "sensitive_share",
            Feature.SENSITIVE,
            Feature.EVENTS,
            "% of accesses to sensitive data (C3 and above)",
        ),
    ),
)
