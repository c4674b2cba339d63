"""Every kind of receiver that can say something back, by its name in the configuration."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from alerts.errors import ReceiverError
from alerts.inbound.jira import JiraPoll, JiraSender
from alerts.inbound.pagerduty import PagerDutyPoll, PagerDutySender
from alerts.inbound.poll import Poll
from alerts.inbound.sender import Sender, SenderConfig
from alerts.inbound.servicenow import ServiceNowPoll, ServiceNowSender
from alerts.inbound.thehive import TheHivePoll, TheHiveSender
from alerts.inbound.webhook import WebhookSender
from alerts.incident import Verdict
from alerts.receivers.jira import JiraConfig
from alerts.receivers.pagerduty import PagerDutyConfig
from alerts.receivers.servicenow import ServiceNowConfig
from alerts.receivers.table import settings_of
from alerts.receivers.thehive import TheHiveConfig

SENDERS: Final[dict[str, Callable[[SenderConfig], Sender]]] = {
    "jira": JiraSender,
    "pagerduty": PagerDutySender,
    "servicenow": ServiceNowSender,
    "thehive": TheHiveSender,
    "webhook": WebhookSender,
}
"""The class that verifies and reads what a kind sends."""

POLLS: Final[dict[str, tuple[type[msgspec.Struct], Callable[[Any, Mapping[str, Verdict]], Poll]]]] = {
    "jira": (JiraConfig, JiraPoll),
    "pagerduty": (PagerDutyConfig, PagerDutyPoll),
    "servicenow": (ServiceNowConfig, ServiceNowPoll),
    "thehive": (TheHiveConfig, TheHivePoll),
}
"""The configuration of a kind of receiver, and the class that asks it."""


def open_sender(kind: str, config: SenderConfig) -> Sender:
    """The sender of a kind.

    Raises:
        ReceiverError: the kind sends nothing, or its secrets cannot be used.
    """
    if kind not in SENDERS:
        raise ReceiverError(f"a receiver of kind {kind} says nothing back; those that do are {', '.join(SENDERS)}")
    return SENDERS[kind](config)


def open_poll(kind: str, settings: Mapping[str, object], verdicts: Mapping[str, Verdict]) -> Poll:
    """What asks a receiver of a kind, with settings as a configuration file gives them. Whoever opened it closes it.

    Raises:
        ReceiverError: the kind cannot be asked, or its settings cannot be used.
    """
    if kind not in POLLS:
        raise ReceiverError(f"a receiver of kind {kind} cannot be asked; those that can are {', '.join(POLLS)}")
    config, opened = POLLS[kind]
    return opened(settings_of(kind, config, settings), verdicts)
