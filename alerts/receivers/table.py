"""Every kind of receiver by its name in the configuration."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from alerts.errors import ReceiverError
from alerts.receivers.alertmanager import Alertmanager, AlertmanagerConfig
from alerts.receivers.dingtalk import DingTalk, DingTalkConfig
from alerts.receivers.email import Email, EmailConfig
from alerts.receivers.feishu import Feishu, FeishuConfig
from alerts.receivers.jira import Jira, JiraConfig
from alerts.receivers.kafka import Kafka, KafkaConfig
from alerts.receivers.pagerduty import PagerDuty, PagerDutyConfig
from alerts.receivers.receiver import Receiver
from alerts.receivers.servicenow import ServiceNow, ServiceNowConfig
from alerts.receivers.slack import Slack, SlackConfig
from alerts.receivers.splunk import Splunk, SplunkConfig
from alerts.receivers.syslog import Syslog, SyslogConfig
from alerts.receivers.teams import Teams, TeamsConfig
from alerts.receivers.thehive import TheHive, TheHiveConfig
from alerts.receivers.webhook import Webhook, WebhookConfig
from alerts.receivers.wecom import WeCom, WeComConfig

RECEIVERS: Final[dict[str, tuple[type[msgspec.Struct], Callable[[Any], Receiver]]]] = {
    "alertmanager": (AlertmanagerConfig, Alertmanager),
    "dingtalk": (DingTalkConfig, DingTalk),
    "email": (EmailConfig, Email),
    "feishu": (FeishuConfig, Feishu),
    "jira": (JiraConfig, Jira),
    "kafka": (KafkaConfig, Kafka),
    "pagerduty": (PagerDutyConfig, PagerDuty),
    "servicenow": (ServiceNowConfig, ServiceNow),
    "slack": (SlackConfig, Slack),
    "splunk": (SplunkConfig, Splunk),
    "syslog": (SyslogConfig, Syslog),
    "teams": (TeamsConfig, Teams),
    "thehive": (TheHiveConfig, TheHive),
    "webhook": (WebhookConfig, Webhook),
    "wecom": (WeComConfig, WeCom),
}
"""A kind's configuration, and the class that is opened with one."""

Settings = TypeVar("Settings", bound=msgspec.Struct)
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")


def open_receiver(kind: str, settings: Mapping[str, object]) -> Receiver:
    """The receiver of a kind, with settings as a configuration file gives them. It is closed by whoever opened it.

    Raises:
        ReceiverError: no such kind, a key that it does not have or needs and was not given, a value of another type,
            or one that cannot be used. Values are not repeated: somebody may have put a secret there.
    """
    if kind not in RECEIVERS:
        raise ReceiverError(f"no kind of receiver is {kind!r}; there are {', '.join(RECEIVERS)}")
    config, opened = RECEIVERS[kind]
    return opened(settings_of(kind, config, settings))


def settings_of(kind: str, config: type[Settings], settings: Mapping[str, object]) -> Settings:
    """The configuration of a kind of receiver, of settings as a file gives them; raises as `open_receiver` does."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(config)}
    for key in settings:
        if key not in fields:
            raise ReceiverError(f"a receiver of kind {kind} has no key {key!r}; it has {', '.join(fields)}")
    for name, field in fields.items():
        if field.required and name not in settings:
            raise ReceiverError(f"a receiver of kind {kind} needs the key {name!r}")
    problem = ""
    try:
        return msgspec.convert(dict(settings), config)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        problem = f"{place[1] if place else 'a key'}: {re.sub('Invalid enum value .*', 'no such value', str(error))}"
    raise ReceiverError(f"a receiver of kind {kind}: {_PLACE.sub('', problem)}")
