"""What one detection found about one actor, with everything needed to check it."""

from datetime import datetime, timedelta
from math import isfinite
from operator import index

import msgspec
from msgspec.structs import force_setattr

from alerts.errors import ContractError

MAX_EVENT_IDS = 20
"""Contributing events named in a finding: a screenful; `event_count` says how many there were."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement of one detection. Its JSON object is flat, with exactly these keys in this order.

    `detection` names what judged, `time` (aware, UTC) the moment judged, `p_value` in [0, 1] how often an
    innocent working day looks at least this odd. `observed` is the number itself in `unit`; `expected` is
    the actor's own normal over `sample_size` days of history and `peer_expected` that of `peer_sample_size`
    peers, each None when there is none. `threshold`, also in `unit`, is what would just not have been
    alerted; None when no single number decides. `event_ids` names at most 20 contributing events out of
    `event_count`. `technique` is a MITRE ATT&CK id, `sentence` plain words for a person, `model_version` what
    to load to repeat the judgement. A `certain` finding (a honey record was opened) needs no statistics.
    What the actor touched on that working day up to then, None where it is not known: about how many `customers`,
    how many of their `records` were disclosed and of those `exported`, and the most sensitive `data_class`.

    Raises:
        ContractError: a time that is not aware UTC, a number not finite or out of bounds, too many ids.
    """

    detection: str
    time: datetime
    p_value: float
    observed: float
    expected: float | None
    peer_expected: float | None
    unit: str
    event_ids: tuple[str, ...]
    event_count: int
    technique: str
    sentence: str
    sample_size: int
    peer_sample_size: int
    threshold: float | None
    model_version: str
    certain: bool = False
    customers: int | None = None
    records: int | None = None
    exported: int | None = None
    data_class: str | None = None

    def __post_init__(self) -> None:
        where = f"finding of {self.detection!r}"
        require_utc(self.time, f"{where}: time")
        for name in ("p_value", "observed", "expected", "peer_expected", "threshold"):
            number = getattr(self, name)
            if number is not None:
                force_setattr(self, name, _finite(number, f"{where}: {name}"))
        if not 0.0 <= self.p_value <= 1.0:
            raise ContractError(f"{where}: p_value is {self.p_value}; give a probability from 0 to 1")
        for name in ("event_count", "sample_size", "peer_sample_size", "customers", "records", "exported"):
            count = getattr(self, name)
            if count is not None:
                force_setattr(self, name, _count(count, f"{where}: {name}"))
        if len(self.event_ids) > MAX_EVENT_IDS:
            raise ContractError(f"{where}: {len(self.event_ids)} event_ids; name at most {MAX_EVENT_IDS}")
        if self.event_count < len(self.event_ids):
            raise ContractError(f"{where}: event_count {self.event_count} is below the ids named")
        force_setattr(self, "certain", bool(self.certain))


def require_utc(time: datetime, where: str) -> None:
    """Refuse a time that is naive or in another zone than UTC.

    Raises:
        ContractError: naming `where`.
    """
    if time.utcoffset() != timedelta(0):
        raise ContractError(f"{where} is {time.isoformat()}; convert it to aware UTC first")


def _finite(number: float, where: str) -> float:
    # A whole number or numpy's becomes a plain float: it must print alike before and after a trip through
    # JSON.
    if not isfinite(number):
        raise ContractError(f"{where} is {number}; give a finite number")
    return float(number)


def _count(number: int, where: str) -> int:
    if number < 0:
        raise ContractError(f"{where} is {number}; give 0 or more")
    return index(number)
