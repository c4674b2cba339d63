"""Which form of an answer is wanted (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence


def wanted(accept: str | None, offered: Sequence[str]) -> str:
    """The media type of those offered that is wanted most, the first of equals; "" when none is acceptable.

    >>> wanted("text/csv, application/json;q=0.5", ["application/json", "text/csv"])
    'text/csv'
    >>> wanted("image/png", ["application/json"])
    ''
    """
    ranges = [_range(one) for one in (accept or "*/*").split(",")]
    best = max(offered, key=lambda kind: _weight(kind, ranges))
    return best if _weight(best, ranges) > 0 else ""


def _range(text: str) -> tuple[str, float]:
    """A media range and how much it is wanted; what is malformed is not wanted."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 0.0


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How much a media type is wanted: what the most specific range says that it is in."""
    family = kind.partition("/")[0]
    for asked in (kind, f"{family}/*", "*/*"):
        for one, weight in ranges:
            if one == asked:
                return weight
    return 0.0
