"""A real Prometheus scrapes a real run: every panel and rule gets data, and an alert arrives at an Alertmanager."""

import math
import re
import signal
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from detector.app import now
from detector.catalogue import CATALOGUE
from detector.detections import DETECTIONS
from tests.deploy.boards import Query, boards, promql, queries, sql
from tests.deploy.test_rules import ALERTS, RECORDED, TOLD, metrics_in
from tests.real.broker import Broker
from tests.real.observed import JOBS, Observed, running_observed, until
from tests.real.postgres import Postgres

pytestmark = pytest.mark.slow

CHOICES = {"severity": ["low", "medium", "high", "critical"], "detection": list(DETECTIONS)}
COLUMNS: dict[str, type | tuple[type, ...]] = {
    "incident_id": str, "alert_id": str, "actor": str, "risk": Decimal, "severity": str, "state": str,
    "assigned": bool, "alerts": int, "detections": str, "opened_at": datetime, "updated_at": datetime,
    "detection": str, "verdict": str, "incidents": int, "time": datetime, "name": str, "digest": str, "act": str,
    "text": str,
}  # fmt: skip
PERSONAL = re.compile(r"\bE-[0-9a-f]{8}|\bE\d{3}|lee|WS-")


@pytest.fixture(scope="module")
def observed(kafka_broker: Broker, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with running_observed(tmp_path_factory.mktemp("observed"), kafka_broker, postgres) as running:
        yield running


def found(observed: Observed, expression: str, step_s: float = 2.0) -> list[tuple[dict[str, str], list[float]]]:
    """The series of an expression since the beginning, those with a value that is a number."""
    series = observed.prometheus.query_range(expression, observed.began, now(), step_s)
    kept = [(one["metric"], [float(value) for _, value in one["values"]]) for one in series]
    return [(labels, values) for labels, values in kept if any(map(math.isfinite, values))]


def problem(observed: Observed, query: Query) -> str:
    """What is wrong with a panel's data, "" when nothing is."""
    if query.sql:
        columns, rows = observed.rows(sql(query.text, CHOICES))
        wrong = [name for row in rows for name, value in zip(columns, row, strict=True)
                 if not isinstance(value, COLUMNS[name])]  # fmt: skip
        return "no rows" if not rows else f"wrong types: {set(wrong)}" if wrong else ""
    expression = promql(query.text)
    series = found(observed, expression)
    if not series:
        return "no data"
    for labels, _ in series:
        missing = [name for name in re.findall(r"\{\{(\w+)\}\}", query.legend) if not labels.get(name)]
        if missing or PERSONAL.search(repr(labels)):
            return f"labels {labels}"
    if query.instant and not [
        one for one in observed.prometheus.query(expression) if math.isfinite(float(one["value"][1]))
    ]:
        return "no data now"
    return ""


def test_every_query_of_every_panel_gives_data_with_the_labels_that_it_shows(observed: Observed) -> None:
    wrong = {f"{query.name}: {query.text}": said for query in queries() if (said := problem(observed, query))}
    assert wrong == {}


def test_variables_and_annotations_find_what_they_look_for(observed: Observed) -> None:
    for board in boards().values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                label, metric = variable["query"]["query"].removeprefix("label_values(").rstrip(")").split(", ")[::-1]
                assert observed.prometheus.label_values(label, metric)
    releases, restarts = (one["expr"] for one in boards()["pipeline-health"]["annotations"]["list"])
    ((labels, _),) = found(observed, releases)
    assert re.match(r"\d+\.\d+", labels["version"])
    assert found(observed, restarts) == []  # nothing has started again yet
    (promotions,) = [one for one in boards()["detection-quality"]["annotations"]["list"] if "target" in one]
    columns, rows = observed.rows(sql(promotions["target"]["rawSql"], CHOICES))
    assert (columns, [row[1] for row in rows]) == (["time", "text"], ["spring: promote"])


def test_every_rule_is_evaluated_and_asks_for_what_is_there(observed: Observed) -> None:
    until(lambda: all(rule["health"] == "ok" for rule in observed.prometheus.rules()), "every rule is in order")
    for name in RECORDED:
        assert found(observed, name), name
    for name, rule in ALERTS.items():
        for metric in metrics_in(rule["expr"]):
            assert metric in TOLD
            assert observed.prometheus.series(metric), f"{name}: nobody tells of {metric}"
    asked = {rule["name"]: rule for rule in observed.prometheus.rules()}
    assert set(asked) == {*ALERTS, *RECORDED}
    assert asked["InnerwatchOwnerless"]["state"] == "inactive"


def test_all_of_the_catalogue_is_told_and_nobody_is_in_it(observed: Observed) -> None:
    told = {one["__name__"] for one in observed.prometheus.series('{job=~"innerwatch.*"}')}
    for metric in CATALOGUE:
        name = metric.name + {"counter": "_total", "histogram": "_count", "tally": "_count", "gauge": ""}[metric.kind]
        assert name in told, metric.name
    values = [value for one in observed.prometheus.series('{__name__=~"innerwatch.*"}') for value in one.values()]
    assert not [value for value in values if PERSONAL.search(value)]


def test_what_is_told_is_what_happened(observed: Observed) -> None:
    with closing(observed.site.store()) as store:
        alerts = store.alerts()
    assert observed.value("sum(innerwatch_alerts_total)") == len(alerts) > 4
    dead = 'innerwatch_deliveries_pending{receiver="picky",state="dead"}'
    until(lambda: observed.value(dead) == len(alerts), "picky has refused every alert", observed.log)
    assert observed.value("sum(innerwatch_incidents)") + 4 == len({alert.actor for alert in alerts})
    actors = {row[0] for row in observed.rows("SELECT actor FROM v_alerts")[1]}
    assert actors == {alert.actor for alert in alerts}
    assert all(actor.startswith("E-") for actor in actors)
    assert observed.post() == 401
    refused = 'innerwatch_inbound_total{receiver="good",result="signature"}'
    until(lambda: observed.value(refused) == 1, "what was posted without a signature is counted", observed.log)
    assert observed.value('innerwatch_requests_total{operation="metrics",status="2xx"}') > 0


def test_an_alert_goes_through_to_an_alertmanager_and_is_resolved_when_the_fault_is_gone(observed: Observed) -> None:
    def heard() -> dict[str, dict[str, Any]]:
        incidents = observed.alertmanager.sink.incidents.values()
        return {one["labels"]["alertname"]: one for one in incidents if one["labels"]["alertname"] in ALERTS}

    until(lambda: "InnerwatchDeliveriesDead" in heard(), "what a receiver refused is an alert")
    dead = heard()["InnerwatchDeliveriesDead"]
    assert dead["labels"]["receiver"] == "picky"
    assert dead["annotations"]["summary"].startswith("picky was not told of ")
    assert dead["annotations"]["runbook_url"].endswith("#innerwatchdeliveriesdead")
    observed.end_delivery(signal.SIGKILL)
    until(lambda: heard().get("InnerwatchDown", {}).get("status") == "firing", "a process that ended is an alert")
    assert heard()["InnerwatchDown"]["labels"]["job"] == JOBS[1]
    observed.start_delivery()
    until(lambda: heard()["InnerwatchDown"]["status"] == "resolved", "its return is known", observed.log)
    restarts = boards()["pipeline-health"]["annotations"]["list"][1]["expr"]
    until(lambda: bool(found(observed, restarts, 1.0)), "a restart is marked on the dashboards")
