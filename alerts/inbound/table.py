"""Every kind of receiver that can say something back, by its name in the configuration."""

from collections.abc import Callable
from typing import Final

from alerts.errors import ReceiverError
from alerts.inbound.jira import JiraSender
from alerts.inbound.pagerduty import PagerDutySender
from alerts.inbound.sender import Sender, SenderConfig
from alerts.inbound.servicenow import ServiceNowSender
from alerts.inbound.thehive import TheHiveSender
from alerts.inbound.webhook import WebhookSender

SENDERS: Final[dict[str, Callable[[SenderConfig], Sender]]] = {
    "jira": JiraSender,
    "pagerduty": PagerDutySender,
    "servicenow": ServiceNowSender,
    "thehive": TheHiveSender,
    "webhook": WebhookSender,
}
"""The class that verifies and reads what a kind sends."""


def open_sender(kind: str, config: SenderConfig) -> Sender:
    """The sender of a kind.

    Raises:
        ReceiverError: the kind sends nothing, or its secrets cannot be used.
    """
    if kind not in SENDERS:
        raise ReceiverError(f"a receiver of kind {kind} says nothing back; those that do are {', '.join(SENDERS)}")
    return SENDERS[kind](config)
