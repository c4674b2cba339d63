"""The committed dashboards as the tests look at them: panels, queries, and what Grafana would put in for variables."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.real.prometheus import ROOT

FOLDER: Final = ROOT / "deploy" / "grafana" / "dashboards"
FILES: Final = sorted(FOLDER.glob("*.json"))


@dataclass(frozen=True)
class Query:
    """One query of a panel; `text` is PromQL, or SQL where `sql` says so."""

    board: str
    panel: str
    text: str
    sql: bool
    legend: str
    instant: bool

    @property
    def name(self) -> str:
        return f"{self.board}: {self.panel}"


def boards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    for name, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                text, sql = target.get("rawSql") or target["expr"], "rawSql" in target
                legend, instant = target.get("legendFormat", ""), bool(target.get("instant"))
                yield Query(name, panel["title"], text, sql, legend, instant)


def promql(text: str, rate: str = "10s", choices: dict[str, str] | None = None) -> str:
    """What Grafana asks Prometheus when everything is chosen."""
    text = text.replace("$__rate_interval", rate)
    return re.sub(r"\$(\w+)", lambda found: (choices or {}).get(found[1], ".*"), text)


def sql(text: str, choices: dict[str, list[str]]) -> str:
    """What Grafana asks PostgreSQL when these are chosen, over all time."""
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '1970-01-01Z' AND '2100-01-01Z'", text)
    return re.sub(r"\$\{(\w+):sqlstring\}", lambda found: ",".join(f"'{one}'" for one in choices[found[1]]), text)
