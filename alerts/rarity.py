"""A probability in words."""

RAREST_DAYS = 1e6
"""Beyond one day in this many, a number would claim more than any model knows."""

COMMON = 0.2
"""From once in five days on, "every so often" says it better than a count of days."""


def rarity(p_value: float) -> str:
    """How often an innocent working day looks at least this odd, for a p-value of one working day in [0, 1].

    The number of days is rounded to two figures.

    >>> rarity(0.0000251)
    'about once in 40,000 working days'
    >>> rarity(0.5)
    'nothing unusual: more often than once in 5 working days'
    """
    if p_value > COMMON:
        return f"nothing unusual: more often than once in {1 / COMMON:.0f} working days"
    if p_value * RAREST_DAYS < 1:
        return f"less than once in {RAREST_DAYS:,.0f} working days"
    return f"about once in {float(f'{1 / p_value:.2g}'):,.0f} working days"
