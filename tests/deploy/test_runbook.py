"""The runbook has a section for each alert, and the commands, keys and panels that it sends people to exist."""

import re

import pytest

from detector.config import Config
from streams import Reason
from tests.deploy.boards import boards, panels
from tests.deploy.test_rules import ALERTS, RUNBOOK
from tests.house.test_docs import COMMANDS

TEXT = RUNBOOK.read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_every_alert_has_a_section_to_which_its_url_leads_and_no_other_has() -> None:
    assert set(SECTIONS) - {"Walked"} == set(ALERTS)
    for name, rule in ALERTS.items():
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (path, anchor) == ("deploy/RUNBOOK.md", name.lower())  # as Markdown makes anchors of headings


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    parts = re.findall(r"^\*\*(Meaning|First look|Fix)\.\*\* *\n?(.+)", SECTIONS[name], re.MULTILINE)
    assert [part for part, _ in parts] == ["Meaning", "First look", "Fix"]
    assert set(re.findall(r"\*\*(Innerwatch\w+)\*\*", SECTIONS[name])) <= set(ALERTS) - {name}


def test_commands_and_options_exist() -> None:
    called = re.findall(r"`innerwatch ([^`]+)`", TEXT)
    assert called
    for words in called:
        name = max((one for one in COMMANDS if f"innerwatch {words} ".startswith(f"{one} ")), key=len, default="")
        assert name or words.split()[0] in {"incidents", "run", "deliver"}, words
        options = {option for parameter in COMMANDS[name].params for option in parameter.opts} if name else set()
        assert set(re.findall(r"--[a-z-]+", words)) <= options, words


def test_configuration_keys_exist() -> None:
    sections = "|".join(Config.model_fields)
    named = re.findall(rf"`({sections})\.((?:[a-z_]+\.)?[a-z_]+)`", TEXT)
    assert named
    for section, key in named:
        found = getattr(Config(), section)
        for part in key.split("."):
            assert part in type(found).model_fields, f"{section}.{key}"
            found = getattr(found, part)


def test_panels_dashboards_and_reasons_exist() -> None:
    titles = {panel["title"] for board in boards().values() for panel in panels(board)}
    asked = {name for words in re.findall(r"[Pp]anels? ((?:\*[^*]+\*(?:, | and )?)+)", TEXT)
             for name in re.findall(r"\*([^*]+)\*", words)}  # fmt: skip
    assert asked
    assert asked <= titles
    assert set(re.findall(r"`(innerwatch-[a-z]+)`", TEXT)) - {"innerwatch-deliver", "innerwatch-api"} <= {
        board["uid"] for board in boards().values()
    }
    rejecting = set(re.findall(r"`([a-z_]+)`", SECTIONS["InnerwatchRejecting"].split("**Fix.**")[1]))
    assert rejecting <= {reason.value for reason in Reason}
