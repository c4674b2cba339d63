"""Receivers are opened by name, and what is wrong with their settings is said by name."""

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.errors import ReceiverError
from alerts.receivers.http import HttpCaller
from alerts.receivers.receiver import Limits
from alerts.receivers.table import RECEIVERS, open_receiver
from alerts.receivers.webhook import Webhook
from tests.alerts.receivers.fakes.server import CANARY


@pytest.fixture
def webhook(tmp_path: Path) -> dict[str, object]:
    file = tmp_path / "secret"
    file.write_text("whsec_" + "a2V5" * 10, "utf-8")
    return {"url": "https://a.example/hook", "secret_file": str(file)}


def test_a_receiver_is_opened_with_what_a_file_says(webhook: dict[str, object]) -> None:
    settings = {**webhook, "timeout_s": 3, "allow_networks": ["10.0.0.0/8"], "format": "ocsf"}
    with closing(open_receiver("webhook", settings)) as receiver:
        assert isinstance(receiver, Webhook)
        assert isinstance(receiver.limits, Limits)


@pytest.mark.parametrize("kind", list(RECEIVERS))
def test_every_configuration_is_frozen_and_its_keys_are_plain(kind: str) -> None:
    config, _ = RECEIVERS[kind]
    assert config.__struct_config__.frozen
    assert all(field.name == field.encode_name and field.name.islower() for field in msgspec.structs.fields(config))
    assert config.__doc__


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("pigeon", {}, r"no kind of receiver is 'pigeon'; there are alertmanager, .*webhook"),
        ("webhook", {"secretfile": "x"}, r"of kind webhook has no key 'secretfile'; it has url, .*secret_file"),
        ("webhook", {"url": 3}, r"of kind webhook: url: Expected `str`, got `int`$"),
        ("webhook", {"allow_networks": "10.0.0.0/8"}, r"allow_networks: Expected `array`, got `str`$"),
        ("webhook", {"allow_networks": [1]}, r"allow_networks\[0\]: Expected `str`, got `int`$"),
        ("webhook", {"allow_plain": "yes"}, r"allow_plain: Expected `bool`, got `str`$"),
        ("webhook", {"timeout_s": 0}, r"timeout_s: Expected `float` > 0.0$"),
        ("webhook", {"format": CANARY}, r"format: no such value$"),
        ("jira", {"secret_file": "x"}, r"of kind jira has no key 'secret_file'"),
        ("alertmanager", {"secret_file": "x"}, r"of kind alertmanager has no key 'secret_file'"),
    ],
)
def test_what_is_wrong_is_said_by_name(
    kind: str, change: dict[str, Any], message: str, webhook: dict[str, object]
) -> None:
    with pytest.raises(ReceiverError, match=message) as caught:
        open_receiver(kind, {**webhook, **change})
    assert CANARY not in repr(caught.value) + repr(caught.value.__context__)


def test_a_key_that_is_needed_is_asked_for() -> None:
    with pytest.raises(ReceiverError, match="a receiver of kind jira needs the key 'project'"):
        open_receiver("jira", {"url": "https://a.example"})


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("jira", {"project": 'X" OR 1'}, "no key of a project"),
        ("servicenow", {"table": "incident/../user"}, "no name of a table"),
        ("pagerduty", {}, "a routing key of PagerDuty has 32 characters"),
        ("alertmanager", {"labels": {"alert_id": "x"}}, "'alert_id' is taken"),
        ("alertmanager", {"labels": {"a-b": "x"}}, "no label of Prometheus"),
        ("splunk", {}, "header Authorization must be printable ASCII"),
        ("thehive", {}, "header Authorization must be printable ASCII"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    kind: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(CANARY + "é", "utf-8")
    secrets = {
        "jira": "token_file", "servicenow": "password_file", "pagerduty": "routing_key_file", "splunk": "token_file",
        "thehive": "token_file", "alertmanager": "password_file",
    }  # fmt: skip
    given = {"project": "SEC"} if kind == "jira" else {}
    with pytest.raises(ReceiverError, match=message) as caught:
        open_receiver(kind, {"url": "https://a.example", secrets[kind]: str(file), **given, **settings})
    assert CANARY not in repr(caught.value)


def test_nothing_is_called_when_a_receiver_is_opened(
    webhook: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpCaller, "call", lambda *_: pytest.fail("called"))
    open_receiver("webhook", webhook).close()
