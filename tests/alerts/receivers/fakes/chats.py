"""Every chat: its fake, its configuration, its receiver."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from alerts.receivers.dingtalk import DingTalk, DingTalkConfig
from alerts.receivers.feishu import Feishu, FeishuConfig
from alerts.receivers.http import HttpConfig
from alerts.receivers.receiver import Receiver
from alerts.receivers.slack import Slack, SlackConfig
from alerts.receivers.teams import Teams, TeamsConfig
from alerts.receivers.wecom import WeCom, WeComConfig
from tests.alerts.receivers.fakes.chat import FakeChat
from tests.alerts.receivers.fakes.dingtalk import FakeDingTalk
from tests.alerts.receivers.fakes.feishu import FakeFeishu
from tests.alerts.receivers.fakes.slack import FakeSlack
from tests.alerts.receivers.fakes.teams import FakeTeams
from tests.alerts.receivers.fakes.wecom import FakeWeCom


class Chat(NamedTuple):
    fake: type[FakeChat]
    config: type[HttpConfig]
    receiver: Any

    def serve(self, folder: Path) -> FakeChat:
        folder.mkdir(exist_ok=True)
        return self.fake(folder)

    def open(self, fake: FakeChat, **settings: object) -> Receiver:
        made: Receiver = self.receiver(msgspec.convert({**fake.settings(), **settings}, self.config))
        return made


CHATS: Final = {
    "slack": Chat(FakeSlack, SlackConfig, Slack),
    "teams": Chat(FakeTeams, TeamsConfig, Teams),
    "dingtalk": Chat(FakeDingTalk, DingTalkConfig, DingTalk),
    "feishu": Chat(FakeFeishu, FeishuConfig, Feishu),
    "wecom": Chat(FakeWeCom, WeComConfig, WeCom),
}
