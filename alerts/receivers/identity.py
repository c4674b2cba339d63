"""What a receiver calls an alert of ours, and how it knows a notice again."""

import re
from hashlib import blake2b
from typing import Final

from alerts.receivers.receiver import Notice

SOURCE: Final = "innerwatch"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def reference(notice: Notice) -> str:
    """The alert's name there: the same for every revision, and safe in a label, a query and a path."""
    return f"{SOURCE}-{_safe(notice.alert.alert_id)}"


def mark(notice: Notice) -> str:
    """What is left with a notice so that it is known when it comes again.

    It begins and ends with a bracket, since one key may be the beginning of another.
    """
    return f"[{SOURCE}-notice-{_safe(notice.key)}]"


def plain_key(notice: Notice) -> str:
    """The notice's key, safe in a header."""
    return _safe(notice.key)


def _safe(text: str) -> str:
    # Ids and keys are plain in practice; whatever is not is named by its digest, never let into a query.
    return text if _PLAIN.fullmatch(text) else blake2b(text.encode("utf-8", "replace"), digest_size=20).hexdigest()
