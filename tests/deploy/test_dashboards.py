"""The dashboards are what is generated, Grafana's kit reads them back, and what they ask for exists."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.build import GENERATED
from tests.deploy.boards import FILES, FOLDER, Query, boards, panels, queries
from tests.deploy.test_rules import RECORDED, TOLD

PROVISIONING = FOLDER.parent / "provisioning"
OF_PROCESSES = {"up", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
UIDS = {
    "soc-overview": "innerwatch-soc",
    "detection-quality": "innerwatch-detection",
    "pipeline-health": "innerwatch-pipeline",
}
VIEWS = {"v_incidents", "v_alerts", "v_verdicts", "v_promotions"}
KIT_KEEPS_NOT = ("titleFormat", "step", "target")
"""Of annotations; Grafana reads them, its kit has no field for them."""

every_board = pytest.mark.parametrize(("name", "board"), list(boards().items()), ids=list(boards()))
every_query = pytest.mark.parametrize("query", list(queries()), ids=lambda query: query.name)


def read_back(board: dict[str, Any]) -> dict[str, Any]:
    """Through Grafana's kit and out again."""
    register_default_plugins()
    found: dict[str, Any] = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    return found


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in board["templating"]["list"]}


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_what_is_committed_is_what_is_generated(path: Path) -> None:
    assert path.read_text("utf-8") == GENERATED[path](), "run make dashboards"


def test_no_other_is_committed() -> None:
    assert set(FILES) == {path for path in GENERATED if path.suffix == ".json"}
    assert {path.stem for path in FILES} == set(UIDS)


@every_board
def test_grafanas_kit_reads_it_back(name: str, board: dict[str, Any]) -> None:
    for annotation in board["annotations"]["list"]:
        for key in KIT_KEEPS_NOT:
            annotation.pop(key, None)
    assert read_back(board) == board


@every_board
def test_it_has_a_fixed_uid_links_to_the_others_and_no_id_of_an_installation(name: str, board: dict[str, Any]) -> None:
    assert board["uid"] == UIDS[name]
    assert board.get("id") is None
    assert board["tags"] == ["innerwatch"]
    assert [link["tags"] for link in board["links"]] == [["innerwatch"]]
    marks = ["Releases", "Restarts", *(["Promotions"] if name == "detection-quality" else [])]
    assert [one["name"] for one in board["annotations"]["list"]] == marks


@every_board
def test_panels_have_ids_words_and_a_place_of_their_own(name: str, board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert ids == list(range(1, len(ids) + 1))
    places = [panel["gridPos"] for panel in board["panels"]]
    for one, other in combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    for panel in panels(board):
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert re.fullmatch(r"\S.*\.", panel["description"])
        assert panel["targets"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


@every_board
def test_every_variable_is_used_and_every_used_one_is_there(name: str, board: dict[str, Any]) -> None:
    known = variables(board)
    asked = json.dumps([*board["panels"], *known.values(), *board["annotations"]["list"]])
    used = set(re.findall(r"\$\{?([a-z]\w*)", asked))
    assert used == set(known) - (set() if "${database}" in asked else {"database"})
    for variable in known.values():
        if variable["type"] == "query":
            label, metric = re.match(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).group(2, 1)  # type: ignore[union-attr]
            assert label in TOLD[metric].labels


@every_query
def test_a_query_asks_for_what_there_is(query: Query) -> None:
    if query.sql:
        assert set(re.findall(r"(?:FROM|JOIN) (\w+)", query.text)) <= VIEWS
        return
    names = set(
        re.findall(r"(?<![\w:\"])(?:innerwatch|process|job|job_detection|up)(?:[\w:]*)(?=[{\[)\s]|$)", query.text)
    )
    names -= {"job", "innerwatch"}
    assert names or query.text.startswith("vector(")
    assert names <= set(TOLD) | set(RECORDED) | OF_PROCESSES
    for name, matchers in re.findall(r"(innerwatch_\w+)\{([^}]*)\}", query.text):
        if name in TOLD:
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= {*TOLD[name].labels, "le"}
    shown = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", query.text)))) | {"job", "instance"}
    assert shown <= grouped


def test_provisioning_gives_the_data_sources_and_folders_that_the_dashboards_look_for() -> None:
    (sources,) = (PROVISIONING / "datasources").glob("*.yml")
    provisioned = {one["uid"]: one for one in yaml.safe_load(sources.read_text("utf-8"))["datasources"]}
    for board in boards().values():
        for name in ("metrics", "database"):
            variable = variables(board)[name]
            assert provisioned[variable["current"]["value"]]["type"] == variable["query"]
    reader = provisioned["innerwatch-postgresql"]
    assert reader["user"] in (FOLDER.parent / "reader.sql").read_text("utf-8")
    assert reader["secureJsonData"]["password"].startswith("$")
    (provider,) = (PROVISIONING / "dashboards").glob("*.yml")
    (options,) = [one["options"] for one in yaml.safe_load(provider.read_text("utf-8"))["providers"]]
    assert options["path"].endswith("/dashboards")
