"""Messages that are signed as the Standard Webhooks specification 1.0 says."""

from collections.abc import Mapping
from typing import Final

from alerts.errors import ForgedError, StaleError
from alerts.inbound.secrets import read_secrets, require_match
from alerts.inbound.sender import TOLERANCE_S
from alerts.receivers.webhook import signature, signing_key

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
MOST_DIGITS: Final = 12


class StandardSignature:
    """Knows messages by `webhook-id`, `webhook-timestamp` and `webhook-signature`, which may hold several."""

    def __init__(self, secret_file: str) -> None:
        self._keys = [signing_key(secret) for secret in read_secrets(secret_file)]

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """See `Sender`."""
        message_id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        if not message_id or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MOST_DIGITS):
            raise ForgedError("no id, or no time")
        right = [signature(key, message_id, int(stamp), body) for key in self._keys]
        require_match(right, headers.get(SIGNATURE, "").split(" "))
        if abs(now - int(stamp)) > TOLERANCE_S:
            raise StaleError("signed too long ago, or not yet")
