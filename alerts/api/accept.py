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
    ranked = {kind: max((best for best in ranges if _fits(kind, best[0])), default=("", -1, 0.0),
                        key=lambda one: one[1])[2] for kind in offered}  # fmt: skip
    best = max(offered, key=ranked.__getitem__)
    return best if ranked[best] > 0 else ""


def _range(text: str) -> tuple[str, int, float]:
    """A media range, how specific it is, and how much it is wanted."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, 2 - kind.count("*"), float(weight)
    except ValueError:
        return kind, 0, 0.0


def _fits(kind: str, asked: str) -> bool:
    return asked in ("*/*", kind, f"{kind.partition('/')[0]}/*")
