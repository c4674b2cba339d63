"""Customer breadth: more different customers, or other customers, than the work explains.

- Behaviour: looking up many customers, customers never touched before, or customers without a claim, call or ticket.
- Data that proves it: `subjects` and `purpose` of every access.
- Assumption: the source names the customers and, for its usual work, the purpose.
- How an insider evades it: few customers a day over weeks, which the decayed sums of mild days answer, or invented
  purposes, which need the assignments to unmask.
- What the analyst does next: compare the customers with the person's book and queue; ask the supervisor for the reason.
"""

from detector.detection import Detection
from detector.features import Feature, Peak
from detector.measures import Share, Size

DETECTION = Detection(
    name="customer_breadth",
    technique="T1213",
    lead="Touched more or other customers than the work explains",
    measures=(
        Size("customers", Peak.CUSTOMERS, "different customers"),
        Size("touches_hour", Peak.TOUCHES_HOUR, "accesses to customers within an hour"),
        Size("first_touches", Feature.FIRST_TOUCHES, "customers not touched before"),
        Size("unexplained", Feature.UNEXPLAINED, "accesses to customers without a stated purpose"),
        Share(
            "first_touches_share",
            Feature.FIRST_TOUCHES,
            Feature.TOUCHES,
            "% of accesses to customers not touched before",
        ),
        Share(
            "unexplained_share",
            Feature.UNEXPLAINED,
            Feature.TOUCHES,
            "% of accesses to customers without a stated purpose",
        ),
    ),
)
