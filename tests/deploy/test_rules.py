"""Rules about innerwatch itself: valid, tested where they fire and where they do not, about metrics that there are."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from detector.catalogue import CATALOGUE
from detector.desk_metrics import DeskMetrics
from detector.metrics import Metrics
from tests.real.prometheus import ROOT, RULES, said, tool

TESTS = sorted(RULES.parent.glob("*.test.yml"))
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOK = ROOT / "deploy" / "RUNBOOK.md"
ENDINGS = {
    "counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"],
    "tally": ["_bucket", "_count", "_sum"],
}  # fmt: skip
TOLD = {metric.name + ending: metric for metric in CATALOGUE for ending in ENDINGS[metric.kind]}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in rules() if "record" in rule}


def metrics_in(expression: str) -> set[str]:
    """The names of ours in an expression."""
    return set(re.findall(r"(?<![:\w])innerwatch_\w+(?![:\w])", expression))


def test_prometheus_accepts_the_rules_and_the_examples(tmp_path: Path) -> None:
    assert f"{len(rules())} rules found" in said("promtool", "check", "rules", str(RULES))
    for folder in (RULES.parent, RULES.parents[1] / "compose"):
        config = tmp_path / f"{folder.name}.yml"
        config.write_text((folder / "prometheus.yml").read_text("utf-8"), "utf-8")
        (tmp_path / RULES.name).write_bytes(RULES.read_bytes())
        assert "SUCCESS" in said("promtool", "check", "config", str(config))


def test_every_rule_fires_where_it_should_and_nowhere_else() -> None:
    assert "SUCCESS" in said("promtool", "test", "rules", *map(str, TESTS))
    asked: dict[str, list[bool]] = {}
    for test in (test for file in TESTS for test in yaml.safe_load(file.read_text("utf-8"))["tests"]):
        for case in test["promql_expr_test"]:
            found = re.match(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}$', case["expr"])
            asked.setdefault(found[1] if found else case["expr"], []).append(bool(case.get("exp_samples")))
    assert set(asked) == {*ALERTS, *RECORDED}
    for name in ALERTS:
        assert set(asked[name]) == {True, False}, f"{name} is tested one way alone"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    names = metrics_in(rule["expr"])
    assert names <= set(TOLD)
    for name in names:
        for matchers in re.findall(rf"{name}\{{([^}}]*)\}}", rule["expr"]):
            asked = set(re.findall(r"(\w+)\s*[=!]", matchers)) - {"job", "instance", "le"}
            assert asked <= set(TOLD[name].labels)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_where_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert name.startswith("Innerwatch")
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert "severity" not in re.findall(r"by \(([^)]*)\)", rule["expr"])  # its own would be hidden
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#{name.lower()}"


def test_the_example_of_an_alertmanager_is_valid_and_wakes_somebody_for_what_is_critical_alone() -> None:
    assert "SUCCESS" in said("amtool", "check-config", str(ALERTMANAGER))
    for severity, receiver in (("critical", "on-call"), ("warning", "operators")):
        route = ["config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}"]
        assert said("amtool", *route, "alertname=InnerwatchDown").splitlines()[0] == receiver
    inhibiting = yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]
    named = {name for rule in inhibiting for one in (*rule["source_matchers"], *rule["target_matchers"])
             for name in re.findall(r"Innerwatch\w+", one)}  # fmt: skip
    assert named <= set(ALERTS)


@pytest.mark.parametrize("metrics", [Metrics(), DeskMetrics(["soc"])], ids=["run", "deliver"])
def test_promtool_finds_nothing_wrong_with_what_a_process_tells(metrics: Metrics | DeskMetrics) -> None:
    text = generate_latest(metrics.registry)
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
