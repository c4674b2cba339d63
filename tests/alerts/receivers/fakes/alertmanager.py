"""Plays Alertmanager's API v2: the schema of its ``openapi.yaml``, identity by labels, memory that ends."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from tests.alerts.receivers.fakes.server import FakeServer, Reply, Request, expect
from tests.alerts.receivers.fakes.webhook import NOW

LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Fake(FakeServer):
    """An incident is a set of labels; ``refuse`` is an alert that is refused for its own sake."""

    resolves = True
    refuse = ""

    def settings(self) -> dict[str, object]:
        return {**self.reach(), "password_file": str(self.secret_file), "labels": {"team": "fraud"}}

    def handle(self, request: Request) -> Reply:
        expect(request.method == "POST" and request.path == "/api/v2/alerts", "no such path", 404)
        expect(request.headers.get("authorization") == f"Bearer {self.secret()}", "no right", 401)
        alerts = request.json()
        expect(isinstance(alerts, list), "an array of alerts")
        for alert in alerts:
            self._keep(alert)
        return Reply(200)

    def _keep(self, alert: Any) -> None:
        expect(set(alert) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}, "an unknown key")
        labels, annotations = alert["labels"], alert.get("annotations", {})
        expect(labels.get("alertname"), "at least one label")
        expect(labels.get("alert_id") != self.refuse or not self.refuse, "this one is refused")
        for name, value in [*labels.items(), *annotations.items()]:
            expect(LABEL.fullmatch(name), f"no name of a label: {name}")
            expect(isinstance(value, str), f"{name} is no text")
        if "generatorURL" in alert:
            expect(urlsplit(alert["generatorURL"]).scheme in {"http", "https"}, "must be of type uri", 422)
        starts, ends = moment(alert["startsAt"]), moment(alert["endsAt"])
        expect(starts <= ends, "start time must be before end time")
        self.incidents[identity(labels)] = alert

    def resolved(self) -> set[str]:
        return {name for name, alert in self.incidents.items() if moment(alert["endsAt"]) <= NOW}

    def shown(self) -> list[str]:
        return [
            text
            for alert in self.incidents.values()
            for text in [*alert["labels"].values(), *alert["annotations"].values()]
        ]


def identity(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
