"""A detection: a behaviour, the measures that show it, and what to tell a person about it."""

from dataclasses import dataclass

from detector.measures import Measure, Normal


@dataclass(frozen=True, slots=True)
class Detection:
    """One row of the table of detections.

    Attributes:
        name: the name in alerts and configuration.
        technique: MITRE ATT&CK id.
        lead: what the sentence begins with: the behaviour in plain words.
        measures: what is measured; the detection's p-value is that of the strongest, corrected for their number.
        needs: the context without which it cannot judge, "" where there is none.
        certain: one occurrence is enough, no baseline is involved.
    """

    name: str
    technique: str
    lead: str
    measures: tuple[Measure, ...] = ()
    needs: str = ""
    certain: bool = False

    def sentence(self, measure: Measure, observed: float, normal: Normal) -> str:
        """What happened and what would have been normal, in one sentence."""
        text = f"{self.lead}: {amount(observed)} {measure.unit} in one working day"
        if normal.expected is not None:
            text += f"; normal for this person is {amount(normal.expected)} ({normal.days} days)"
        if normal.peer_expected is not None:
            text += f"{',' if normal.expected is not None else ';'} for peers {amount(normal.peer_expected)}"
        return text + "."


def amount(value: float) -> str:
    """A number as a person reads it.

    >>> amount(1204.4), amount(3.14159), amount(0.0), amount(0.04)
    ('1,204', '3.1', '0', '0.04')
    """
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.2g}"
