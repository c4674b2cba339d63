"""Accounting days from one to another."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from detector.errors import ConfigError

EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Accounting days, as days since 1970, from ``first`` to ``last``; both are included."""

    first: int
    last: int

    def __contains__(self, day: int) -> bool:
        return self.first <= day <= self.last


EVER: Final = Span(-(2**31), 2**31)


def number_of(day: str) -> int:
    """The number of days from 1970 to an ISO date.

    >>> number_of("2026-03-02")
    20514
    """
    return (date.fromisoformat(day) - EPOCH).days


def span_of(first: str, last: str) -> Span:
    """The days from one ISO date to another, both included; "" leaves that to the log.

    Raises:
        ConfigError: they are in the wrong order.
    """
    if first and last and first > last:
        raise ConfigError(f"no day is from {first} to {last}; name the earlier one by --from")
    return Span(number_of(first) if first else EVER.first, number_of(last) if last else EVER.last)
