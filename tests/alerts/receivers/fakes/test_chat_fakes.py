"""The fakes of chats refuse what the real ones are documented to refuse."""

import base64
import hmac
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.alerts.receivers.fakes.chat import CANARY, SIGNING, FakeChat, hmac_sha256, markdown
from tests.alerts.receivers.fakes.chats import CHATS
from tests.alerts.receivers.fakes.dingtalk import FakeDingTalk
from tests.alerts.receivers.fakes.feishu import FakeFeishu
from tests.alerts.receivers.fakes.server import RuleError
from tests.alerts.receivers.fakes.slack import FakeSlack
from tests.alerts.receivers.fakes.teams import FakeTeams
from tests.alerts.receivers.fakes.wecom import FakeWeCom

NOW = 1_772_500_000.0
Serve = Callable[[type[FakeChat]], Any]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    served: list[FakeChat] = []

    def one(kind: type[FakeChat]) -> FakeChat:
        served.append(kind(tmp_path))
        return served[-1]

    yield one
    for fake in served:
        fake.close()


def post(fake: FakeChat, body: object, query: str = "", path: str | None = None) -> httpx.Response:
    url = f"{fake.url}{fake.path if path is None else path}{fake.query}{query}"
    return httpx.post(url, json=body, trust_env=False)


def ding(text: str = "x", **fields: object) -> dict[str, object]:
    return {"msgtype": "markdown", "markdown": {"title": "t", "text": text}, **fields}


def signed_ding(seconds: float = NOW) -> str:
    timestamp = int(seconds * 1000)
    made = hmac.new(SIGNING.encode(), f"{timestamp}\n{SIGNING}".encode(), sha256).digest()
    return str(httpx.QueryParams({"timestamp": timestamp, "sign": base64.b64encode(made).decode()}))


def lark(text: str = "x", timestamp: float = NOW, key: str = SIGNING) -> dict[str, object]:
    made = hmac.new(f"{int(timestamp)}\n{key}".encode(), b"", sha256).digest()
    title = {"tag": "plain_text", "content": "t"}
    card = {
        "header": {"template": "red", "title": title},
        "elements": [{"tag": "div", "text": {**title, "content": text}}],
    }
    sign = base64.b64encode(made).decode()
    return {"timestamp": str(int(timestamp)), "sign": sign, "msg_type": "interactive", "card": card}


def wecom(text: str = "x") -> dict[str, object]:
    return {"msgtype": "markdown", "markdown": {"content": text}}


def card(*elements: object) -> dict[str, object]:
    content = {"$schema": "s", "type": "AdaptiveCard", "version": "1.2", "body": elements}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def run(text: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}


def section(text: str, **fields: object) -> dict[str, object]:
    return {"text": "t", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text, **fields}}]}


@pytest.mark.parametrize("key", [b"k", b"k" * 64, b"k" * 65])
def test_the_written_out_hmac_is_that_of_the_library(key: bytes) -> None:
    assert hmac_sha256(key, b"text") == hmac.digest(key, b"text", sha256)


@pytest.mark.parametrize("name", list(CHATS))
def test_each_refuses_another_path_and_another_type(name: str, serve: Serve) -> None:
    fake = serve(CHATS[name].fake)
    post(fake, {}, path="/elsewhere")
    httpx.post(f"{fake.url}{fake.path}{fake.query}", content=b"x", trust_env=False)
    assert fake.messages == []
    assert len(fake.reasons) == 2


def test_dingtalk_wants_a_fresh_signature_a_small_message_and_a_slow_sender(serve: Serve) -> None:
    fake = serve(FakeDingTalk)
    fake.now = NOW
    good = "&" + signed_ding()
    assert post(fake, ding(), good).json() == {"errcode": 0, "errmsg": "ok"}
    assert post(fake, ding()).json()["errcode"] == 310000
    assert post(fake, ding(), "&" + signed_ding(NOW - 3601)).json()["errcode"] == 310000
    assert post(fake, ding("x" * 20_000), good).json()["errcode"] == 460101
    assert post(fake, {"msgtype": "markdown"}, good).status_code == 400
    assert [post(fake, ding(), good).json()["errcode"] for _ in range(18)] == [0] * 17 + [130101]
    fake.now = NOW + 599
    assert post(fake, ding(), "&" + signed_ding(fake.now)).json()["errcode"] == 130101
    fake.now = NOW + 601
    assert post(fake, ding(), "&" + signed_ding(fake.now)).json()["errcode"] == 0


def test_dingtalk_finds_links_and_mentions(serve: Serve) -> None:
    fake = serve(FakeDingTalk)
    post(fake, ding("[a](https://b) https://c ![d](https://e) @13800000000", at={"isAtAll": True}), "&" + signed_ding())
    assert fake.links == ["https://b", "https://e", "https://c"]
    assert fake.mentions == ["all", "@13800000000"]


def test_feishu_wants_a_fresh_signature_a_small_card_and_a_slow_sender(serve: Serve) -> None:
    fake = serve(FakeFeishu)
    fake.now = NOW
    assert post(fake, lark()).json()["code"] == 0
    assert post(fake, lark(key="other")).json()["code"] == 19021
    assert post(fake, lark(timestamp=NOW - 3601)).json()["code"] == 19021
    assert post(fake, lark("x" * 20_480)).json()["code"] == 9499
    assert post(fake, {**lark(), "card": {}}).status_code == 400
    assert [post(fake, lark()).json()["code"] for _ in range(3)] == [0, 0, 11232]


def test_wecom_counts_bytes_and_messages(serve: Serve) -> None:
    fake = serve(FakeWeCom)
    fake.now = NOW
    assert post(fake, wecom("户" * 1365 + "x")).json()["errcode"] == 0
    assert post(fake, wecom("户" * 1366)).json()["errcode"] == 40058
    assert post(fake, wecom("<b>x</b>")).status_code == 400
    assert post(fake, wecom('<font color="red">x</font>')).status_code == 400
    assert [post(fake, wecom()).json()["errcode"] for _ in range(17)] == [0] * 16 + [45009]
    fake.removed = True
    assert post(fake, wecom()).json()["errcode"] == 93000


def test_teams_wants_its_signature_and_a_card_without_markdown(serve: Serve) -> None:
    fake = serve(FakeTeams)
    assert post(fake, card(run("x"))).status_code == 202
    assert post(fake, card(run("{{DATE(2026-01-01T00:00:00Z)}}"))).status_code == 400
    assert post(fake, card({"type": "TextBlock", "text": "x"})).status_code == 400
    assert post(fake, card(run("x" * 28 * 1024))).status_code == 413
    bad = httpx.post(f"{fake.url}{fake.path}?sig=other", json=card(run("x")), trust_env=False)
    assert (bad.status_code, CANARY in bad.text) == (401, False)
    fake.now = NOW
    assert [post(fake, card(run("x"))).status_code for _ in range(5)] == [202] * 4 + [429]
    fake.deleted = True
    assert post(fake, card(run("x"))).json() == {"error": {"code": "WorkflowNotFound"}}


def test_slack_counts_characters_and_messages(serve: Serve) -> None:
    fake = serve(FakeSlack)
    assert (post(fake, section("x" * 3000)).status_code, post(fake, section("x")).text) == (200, "ok")
    assert post(fake, section("x" * 3001)).status_code == 400
    assert post(fake, {"text": "t", "blocks": section("x")["blocks"] * 51}).status_code == 400  # type: ignore[operator]
    assert post(fake, section("a & b")).status_code == 400
    assert post(fake, section("a < b")).status_code == 400
    header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151, "emoji": False}}
    assert post(fake, {"text": "t", "blocks": [header]}).status_code == 400
    fake.now = NOW
    assert [post(fake, section("x")).status_code for _ in range(2)] == [200, 429]
    fake.closed = True
    assert (post(fake, section("x")).status_code, post(fake, section("x")).text) == (404, "no_service")


def test_slack_finds_links_and_mentions(serve: Serve) -> None:
    fake = serve(FakeSlack)
    post(fake, section("<!channel> <@U1> <https://b|c> https://d @here"))
    post(fake, section("https://e @here", verbatim=True))
    assert fake.mentions == ["!channel", "@U1", "@here"]
    assert fake.links == ["https://b", "https://d"]
    assert fake.messages[0] == "  c https://d @here"


def test_a_tag_that_is_none_of_ours_is_refused(serve: Serve) -> None:
    fake = serve(FakeWeCom)
    with pytest.raises(RuleError, match="tag"):
        markdown("<script>", fake)
