"""Whether the challenger may take the champion's place, and why, with the numbers."""

from collections.abc import Iterator
from math import ceil, sqrt
from typing import Final

import msgspec

from detector.backtest.figures import LEAST_ALERTS, UNUSUAL_RATIO, Department, Figures

ABOVE_BUDGET: Final = 1.1
"""Times the budget's alerts that may be told, or, as few alerts exceed any budget by chance, a standard deviation of a
Poisson count above it; a part of an alert counts as one."""
LOST_PRECISION: Final = 0.05

NO_TRUTH: Final = "there is nothing to judge by; give --labels, verdicts or --inject"


class Reason(msgspec.Struct, frozen=True):
    """One thing that was asked, whether it holds, and the numbers in words."""

    holds: bool
    words: str


def judge(champion: Figures, challenger: Figures) -> tuple[Reason, ...]:
    """What was asked of the challenger; it passes if all of it holds."""
    if not challenger.cases:
        return (Reason(holds=False, words=NO_TRUTH),)
    return (
        _recall(champion, challenger),
        _alerts(challenger),
        _precision(champion, challenger),
        *_departments(champion, challenger),
    )


def _recall(champion: Figures, challenger: Figures) -> Reason:
    holds = challenger.found >= champion.found
    if not challenger.found and holds:
        return Reason(holds=False, words=f"of {challenger.cases} cases of misuse neither finds any; nothing is shown")
    return Reason(
        holds,
        f"recall is {'not lower' if holds else 'lower'}: of {challenger.cases} cases of misuse the challenger finds "
        f"{challenger.found}, the champion {champion.found}",
    )


def _alerts(challenger: Figures) -> Reason:
    allowed = challenger.allowed
    most = ceil(round(max(ABOVE_BUDGET * allowed, allowed + sqrt(allowed)), 6))
    holds = challenger.alerts <= most
    return Reason(
        holds,
        f"alerts are {'within' if holds else 'above'} the budget: the challenger tells {challenger.alerts}, the budget "
        f"allows {allowed:.1f} on these days, and up to {most} are let pass",
    )


def _precision(champion: Figures, challenger: Figures) -> Reason:
    words = ", ".join(
        f"{one.true} of the {who}'s {one.judged} judged alerts are true{percent(one.precision)}"
        for who, one in (("challenger", challenger), ("champion", champion))
    )
    if not champion.judged and not challenger.judged:
        return Reason(holds=True, words="precision is not compared: nothing says which alerts are false")
    if champion.precision is None or challenger.precision is None:
        return Reason(holds=True, words=f"precision is not compared: {words}")
    lost = round(champion.precision - challenger.precision, 6)
    holds = lost <= LOST_PRECISION
    return Reason(holds, f"precision is {'not ' if holds else ''}lower by more than 5 points: {words}")


def _departments(champion: Figures, challenger: Figures) -> Iterator[Reason]:
    before = {one.name for one in _hard_hit(champion)}
    worse = [one for one in _hard_hit(challenger) if one.name not in before]
    for one in worse:
        yield Reason(
            holds=False,
            words=f"department {one.name or 'unknown'} is worse off: {one.false} of {one.judged} judged alerts are "
            "false, more than twice the share of all, which was not so before",
        )
    if not worse:
        yield Reason(holds=True, words="no department is worse off: none has come to twice the share of false alerts")


def _hard_hit(figures: Figures) -> list[Department]:
    """Departments whose share of false alerts is more than twice that of all."""
    whole = 1.0 - figures.precision if figures.precision is not None else 0.0
    return [
        one
        for one in figures.departments
        if one.judged >= LEAST_ALERTS and one.false / one.judged > UNUSUAL_RATIO * whole
    ]


def percent(share: float | None) -> str:
    """A share in brackets, nothing for none.

    >>> percent(0.25)
    ' (25 %)'
    """
    return f" ({share:.0%})".replace("%", " %") if share is not None else ""
