"""What to simulate: the size, the length, the seed and the first day."""

from dataclasses import dataclass
from datetime import date

from detector.errors import DetectorError

SMALLEST_STAFF = 40  # 17 insiders and 6 twins are different people, and each needs colleagues
SHORTEST_AFTER_WARM_UP = 8  # days; a story needs at least one working week to happen in


class SimulationError(DetectorError):
    """A simulation was asked for that cannot be made; the message says which number to change."""


@dataclass(frozen=True)
class SimulationConfig:
    """The size of the insurer and of the time it is watched.

    Attributes:
        staff: Employees, at least 40 (service accounts come on top).
        days: Calendar days, at least 8 more than `warm_up_days`.
        seed: Non-negative; the same seed gives byte-identical files.
        start: First day, `YYYY-MM-DD`, local time of the insurer (+08:00).
        warm_up_days: Days at the beginning in which no story starts.

    Raises:
        SimulationError: A number is out of range or `start` is no date.

    Examples:
        >>> SimulationConfig(staff=60, days=30).first_day
        datetime.date(2026, 3, 2)
    """

    staff: int = 161
    days: int = 60
    seed: int = 7
    start: str = "2026-03-02"
    warm_up_days: int = 20

    def __post_init__(self) -> None:
        if self.staff < SMALLEST_STAFF:
            raise SimulationError(f"staff is {self.staff}; give at least {SMALLEST_STAFF}")
        if self.seed < 0:
            raise SimulationError(f"seed is {self.seed}; give zero or more")
        if self.warm_up_days < 0:
            raise SimulationError(f"warm_up_days is {self.warm_up_days}; give zero or more")
        least = self.warm_up_days + SHORTEST_AFTER_WARM_UP
        if self.days < least:
            raise SimulationError(f"days is {self.days}; give at least {least} (the warm-up and a week of stories)")
        try:
            date.fromisoformat(self.start)
        except ValueError as error:
            raise SimulationError(f"start is {self.start!r}; give a date such as 2026-03-02") from error

    @property
    def first_day(self) -> date:
        """The first simulated day."""
        return date.fromisoformat(self.start)
