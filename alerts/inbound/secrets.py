"""Secrets that are shared with senders, several at a time while one takes the place of another."""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from alerts.errors import ForgedError, ReceiverError

LEAST_CHARS: Final = 16
"""Of a secret; tools that make one give 24 or more."""


def read_secrets(path: str) -> tuple[str, ...]:
    """The lines of a file that holds secrets alone, one or more; blank ones are left out.

    Raises:
        ReceiverError: there is none, or one that is too short; the file is named, and never what is in it.
    """
    lines: list[str] = []
    why = "it is empty"
    try:
        lines = [line.strip() for line in Path(path).read_text("utf-8").splitlines() if line.strip()]
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    # Raised out here, since an error of decoding holds the bytes and would come along as the context.
    if not lines:
        raise ReceiverError(f"{path}: no secret can be read ({why}); give a file with one a line")
    if min(map(len, lines)) < LEAST_CHARS:
        raise ReceiverError(f"{path}: a secret has at least {LEAST_CHARS} characters; make a longer one")
    return tuple(lines)


def require_match(right: Iterable[str], given: Sequence[str]) -> None:
    """Return if one of the given texts is right, in a time that says nothing of where they differ.

    Raises:
        ForgedError: none is.
    """
    expected = [one.encode() for one in right]
    offered = [one.encode("utf-8", "replace") for one in given]
    matches = [hmac.compare_digest(one, other) for one in expected for other in offered]
    if not any(matches):
        raise ForgedError("no signature or secret of this sender")


def signatures(secrets: Iterable[str], body: bytes) -> list[str]:
    """HMAC-SHA256 of a body by each secret, in hexadecimal.

    >>> signatures(["It's a Secret to Everybody"], b"Hello World!")
    ['a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9']
    """
    return [hmac.digest(secret.encode(), body, sha256).hex() for secret in secrets]
