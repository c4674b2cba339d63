"""Every kind of receiver, by the name that a configuration gives it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.receiver import Receiver
from alerts.receivers.webhook import Webhook, WebhookConfig

KINDS: Final[dict[str, tuple[Any, Any]]] = {
    "webhook": (WebhookConfig, Webhook),
}
"""The class of the settings and that of the receiver."""


def open_receiver(kind: str, settings: Mapping[str, object]) -> Receiver:
    """The receiver of a kind.

    Raises:
        ReceiverError: there is no such kind, or a setting is unknown, missing or cannot be used; by name.
    """
    if kind not in KINDS:
        raise ReceiverError(f"{kind!r} is no kind of receiver; there are {', '.join(sorted(KINDS))}")
    config, receiver = KINDS[kind]
    unknown = sorted(set(settings) - set(config.__struct_fields__))
    if unknown:
        raise ReceiverError(f"{kind}: unknown setting {unknown[0]!r}; there are {', '.join(config.__struct_fields__)}")
    try:
        return receiver(msgspec.convert(dict(settings), config))  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise ReceiverError(f"{kind}: {error}") from None
