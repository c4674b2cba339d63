"""A webhook of one's own, signed as the Standard Webhooks specification 1.0 says."""

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal

import msgspec

from alerts.errors import ReceiverError
from alerts.escape import escape
from alerts.receivers.bodies import envelope, finding
from alerts.receivers.http import HttpCaller, HttpConfig, read_secret
from alerts.receivers.identity import plain_key
from alerts.receivers.receiver import Limits, Notice, Outcome

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 24  # of a secret, as the specification asks


class WebhookConfig(HttpConfig, frozen=True, kw_only=True):
    """Where the webhook is; `secret_file` holds `whsec_` and the key in base64.

    `format` is the body's: "innerwatch", the alert's own JSON within the envelope that the specification recommends,
    or "ocsf", a bare Detection Finding for those who take in nothing else.
    """

    secret_file: str
    format: Literal["innerwatch", "ocsf"] = "innerwatch"


class Webhook:
    r"""Posts each notice as JSON, with `webhook-id` as the key by which the other side tells a repeat.

    What an alert holds is data in JSON; characters that would steer a screen are written as `\uXXXX`, which any
    reader of JSON takes back.
    """

    limits = Limits(calls=10, per_s=1.0)

    def __init__(self, config: WebhookConfig) -> None:
        self._key = signing_key(read_secret(config.secret_file))
        self._body = finding if config.format == "ocsf" else envelope
        self._caller = HttpCaller(config)

    def send(self, notices: Sequence[Notice], now: float) -> list[Outcome]:
        """One call a notice."""
        return [self._one(notice, int(now)) for notice in notices]

    def reach(self) -> str:
        """Connect to the server, and say why it cannot be reached."""
        return self._caller.reach()

    def close(self) -> None:
        """Let go of connections."""
        self._caller.close()

    def _one(self, notice: Notice, now: int) -> Outcome:
        body = escape(msgspec.json.encode(self._body(notice)).decode()).encode()
        message_id = plain_key(notice)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._key, message_id, now, body),
        }
        return self._caller.call("POST", content=body, headers=headers).outcome


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: HMAC-SHA256 of id, time and body, joined by full stops.

    >>> signature(b"k" * 24, "msg_1", 1_700_000_000, b"{}")
    'v1,E3sCg9uS8x43RKlJqcda1EcaYZxNkN+l2u7RBZBSZQQ='
    """
    signed = b".".join((message_id.encode(), b"%d" % timestamp, body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


def signing_key(secret: str) -> bytes:
    """The key in a secret; `ReceiverError` where it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or len(key) < LEAST_BYTES:
        raise ReceiverError(f"the secret of a webhook is {PREFIX} and at least {LEAST_BYTES} bytes in base64")
    return key
