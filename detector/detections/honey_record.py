"""Honey record: a planted customer, who does not exist, was touched. Nobody has a reason to.

- Behaviour: browsing, searching or exporting without a reason reaches a planted record.
- Data that proves it: the list of honey subjects, and `subjects` of the event.
- Assumption: the list is secret, and batch work over all records runs under service accounts, which are left out.
- How an insider evades it: knows the planted records, or touches customers only by name.
- What the analyst does next: treat it as real; look at everything this session touched, and preserve the logs.
"""

from detector.detection import Detection

DETECTION = Detection(
    name="honey_record",
    technique="T1213",
    lead="Touched a planted customer record that nobody has a reason to open",
    needs="honey",
    certain=True,
)
