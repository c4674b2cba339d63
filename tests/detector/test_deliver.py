"""A configuration of delivery becomes stages and levels."""

from datetime import datetime
from pathlib import Path

import pytest

from alerts.alert import Severity
from alerts.pipeline import Case, Decision, Why, decide
from detector.config import Config, load_config
from detector.deliver import levels_of, stages_of
from tests.alerts.samples import make_alert

TEXT = """
[time]
zone = "Europe/Berlin"
[delivery.receivers.chat]
kind = "slack"
url_file = "slack"
[delivery.receivers.loud]
kind = "slack"
url_file = "slack"
hourly = 0
inhibit_hours = 0.0
[delivery.receivers.ann]
kind = "pagerduty"
routing_key_file = "ann"
[delivery.receivers.bo]
kind = "pagerduty"
routing_key_file = "bo"
[delivery.receivers.siem]
kind = "splunk"
url = "https://splunk.example"
token_file = "splunk"
[delivery.rotations.first]
receivers = ["ann", "bo"]
starts = 2026-03-02T09:00:00
days = 1.0
overrides = [{ receiver = "bo", starts = 2026-03-04T12:00:00, ends = 2026-03-04T13:00:00 }]
[[delivery.routes]]
receivers = ["chat", "loud", "siem"]
on_call = ["first"]
[[delivery.escalations]]
on_call = ["first"]
after_minutes = 30
[[delivery.escalations]]
receivers = ["chat"]
severity = "critical"
after_minutes = 60
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "innerwatch.toml"
    file.write_text(TEXT)
    return load_config(file)


def at(local: str, config: Config) -> float:
    return datetime.fromisoformat(f"{local}+01:00").timestamp()


def decided(config: Config, **case: object) -> dict[str, Decision]:
    usual = {"alert": make_alert(severity=Severity.MEDIUM), "now": at("2026-03-02T10:00", config)}
    decisions = decide(stages_of(config), Case(**{**usual, **case}), list(config.delivery.receivers))
    return {one.stage: one for one in decisions}


def test_those_on_call_are_told_by_the_organisations_clock(config: Config) -> None:
    moments = ["2026-03-02T10:00", "2026-03-03T10:00", "2026-03-04T10:00", "2026-03-04T12:30"]
    told = [decided(config, now=at(moment, config))["route"].receivers for moment in moments]
    assert [set(one) - {"chat", "loud", "siem"} for one in told] == [{"ann"}, {"bo"}, {"ann"}, {"bo"}]


def test_people_are_spared_and_throttled_and_tools_are_not(config: Config) -> None:
    names = ("chat", "loud", "ann", "siem")
    now = at("2026-03-02T10:00", config)
    inhibited = decided(config, paged=[(name, Severity.HIGH, now - 60.0) for name in names])["inhibit"]
    assert (inhibited.why, inhibited.receivers) == (Why.INHIBITED, ("loud", "siem"))
    throttled = decided(config, fresh=dict.fromkeys(names, 30))["throttle"]
    assert throttled.due == {"chat": now + 3_600.0}


def test_escalations_are_levels_in_their_order(config: Config) -> None:
    first, second = levels_of(config)
    now = at("2026-03-03T10:00", config)
    assert (first.severity, first.after_s, first.told(now)) == (Severity.HIGH, 1_800.0, ("bo",))
    assert (second.severity, second.after_s, second.told(now)) == (Severity.CRITICAL, 3_600.0, ("chat",))


def test_without_a_word_everybody_is_told_and_nobody_else() -> None:
    assert levels_of(Config()) == []
    assert [one.stage for one in decide(stages_of(Config()), Case(alert=make_alert(), now=0.0), ["soc"])][-1] == (
        "throttle"
    )
