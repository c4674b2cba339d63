"""Which detections can judge, and why the others cannot yet."""

from dataclasses import dataclass

from detector.detections import DETECTIONS
from detector.engine import Engine


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one detection is able to do.

    Attributes:
        detection: its name.
        ready: whether it judges.
        why: in words, why it does not and what would help; "" if it does.
    """

    detection: str
    ready: bool
    why: str


def readiness(engine: Engine) -> list[Readiness]:
    """The readiness of every detection, in the order of the table."""
    return [Readiness(name, not why, why) for name, why in ((name, _why_not(name, engine)) for name in DETECTIONS)]


def _why_not(name: str, engine: Engine) -> str:
    detection = engine.detections.get(name)
    if detection is None:
        return "it is named in detections.disabled"
    if detection.needs == "honey" and not len(engine.context.honey):
        return "there are no planted subjects; name a list of them in context.honey"
    if not detection.certain and not engine.ready:
        return f"warm-up: {engine.age} of {engine.config.risk.warm_up_days} days"
    return ""
