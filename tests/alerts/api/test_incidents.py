"""The queue by the API: looked at page by page, and worked on from the first look to the verdict."""

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import msgspec
import pytest

from alerts.access import Role
from alerts.alert import Severity
from alerts.api.pages import cursor
from alerts.finding import Finding
from tests.alerts.api.checked import Checked
from tests.alerts.api.conftest import FOUR, ONE, THREE, TWO, Api
from tests.alerts.samples import make_alert, make_finding


def seen(client: Checked, incident_id: str) -> dict[str, str]:
    return {"If-Match": client.get(f"/v1/incidents/{incident_id}").headers["ETag"]}


def act(client: Checked, incident_id: str, act: str, **body: Any) -> Any:
    return client.post(f"/v1/incidents/{incident_id}/{act}", json=body, headers=seen(client, incident_id))


def ids(answer: Any) -> list[str]:
    return [one["incident_id"] for one in answer.json()["items"]]


def test_the_queue_is_there_at_the_first_look_the_worst_first(reader: Checked) -> None:
    assert ids(reader.get("/v1/incidents")) == [THREE, ONE, FOUR]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("severity=critical&severity=low", [THREE, FOUR]),
        ("actor=E-1", [ONE]),
        ("actor=E-9", []),
        ("owner=lee", [ONE]),
        ("owner=", [THREE, FOUR]),
        ("state=acknowledged", [ONE]),
        ("state=open&state=closed", [THREE, FOUR]),
        ("state=open&severity=critical&owner=", [THREE]),
    ],
)
def test_filters_narrow_the_list(analyst: Checked, query: str, expected: list[str]) -> None:
    act(analyst, ONE, "assign", owner="lee")
    assert ids(analyst.get(f"/v1/incidents?{query}")) == expected


def test_pages_together_give_each_incident_once_and_links_lead_through_them(
    api: Api, reader: Checked, commit: Callable[..., None]
) -> None:
    # Several of one risk, so that the id decides as well.
    commit(*(make_alert(alert_id=f"{n:020x}", actor=f"P-{n}", risk=50.0 + n % 2) for n in range(7)))
    whole = ids(reader.get("/v1/incidents?limit=200"))
    assert len(whole) == 10
    for limit in (1, 3, 10):
        found, url = [], f"/v1/incidents?limit={limit}&severity=low&severity=medium&severity=high&severity=critical"
        while url:
            answer = reader.get(url)
            found += ids(answer)
            assert len(found) <= len(whole)
            following = answer.json()["next"]
            assert (following is None) == ("Link" not in answer.headers)
            url = answer.links["next"]["url"] if following else ""
            url = f"/v1/incidents{url}" if url else ""
        assert found == whole


def test_a_cursor_of_something_else_is_refused(reader: Checked) -> None:
    for wrong in ("x", "WyJhIiwiYiJd", cursor((1.0, "a\0b")), "\N{SNOWMAN}"):
        answer = reader.get("/v1/incidents", params={"cursor": wrong})
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"where": "query.cursor", "what": "give next of the page before"}]


def test_a_spreadsheet_gets_the_same_page_and_no_formula(analyst: Checked) -> None:
    act(analyst, ONE, "assign", owner='=HYPERLINK("https://evil.example"),"x"')
    answer = analyst.get("/v1/incidents?limit=2", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    first, second = csv.DictReader(StringIO(answer.text))
    assert (first["incident_id"], second["incident_id"]) == (THREE, ONE)
    assert second["owner"] == '\'=HYPERLINK("https://evil.example"),"x"'
    assert "next" in answer.links
    assert analyst.get("/v1/incidents", headers={"Accept": "image/png"}).status_code == 406


def test_an_incident_is_shown_with_alerts_evidence_history_reasons_and_deliveries(reader: Checked) -> None:
    found = reader.get(f"/v1/incidents/{ONE}").json()
    assert [alert["alert_id"] for alert in found["alerts"]] == [ONE, TWO]
    finding = found["alerts"][0]["findings"][0]
    assert set(finding) == set(Finding.__struct_fields__)
    assert (finding["observed"], finding["expected"], finding["peer_expected"]) == (412.0, 18.0, 22.5)
    assert [entry["act"] for entry in found["history"]] == ["opened", "joined"]
    assert found["alerts"][0]["decisions"][-1]["stage"] == "throttle"
    assert [(one["receiver"], one["state"]) for one in found["deliveries"]] == [("soc", "waiting")] * 2


def test_an_alert_is_shown_with_the_incident_that_it_is_in(reader: Checked) -> None:
    found = reader.get(f"/v1/alerts/{TWO}").json()
    stored = msgspec.to_builtins(make_alert(alert_id=TWO, actor="E-1", risk=45.0, severity=Severity.MEDIUM))
    assert set(stored) | {"incident_id", "decisions"} == set(found)
    assert (found["incident_id"], found["actor"], found["risk"]) == (ONE, "E-1", 45.0)
    assert reader.get(f"/v1/alerts/{'0' * 20}").status_code == 404


def test_an_incident_is_worked_on_from_the_first_look_to_the_verdict(api: Api, analyst: Checked) -> None:
    assert act(analyst, ONE, "assign", owner="kim").json()["state"] == "acknowledged"
    assert act(analyst, ONE, "move", state="investigating").json()["state"] == "investigating"
    act(analyst, ONE, "note", text="asked the supervisor")
    api.clock.now += 60
    closed = act(analyst, ONE, "close", verdict="benign_positive", reason="an audit").json()
    assert (closed["state"], closed["verdict"], closed["reason"]) == ("closed", "benign_positive", "an audit")
    assert [one["phase"] for one in analyst.get(f"/v1/incidents/{ONE}").json()["deliveries"]] == ["resolved"] * 2
    assert act(analyst, ONE, "reopen", reason="no audit").json()["state"] == "open"
    history = analyst.get(f"/v1/incidents/{ONE}").json()["history"][2:]
    assert [(one["act"], one["author"], one["text"]) for one in history] == [
        ("assigned", "lee", "to kim"),
        ("moved", "lee", "to investigating"),
        ("noted", "lee", "asked the supervisor"),
        ("closed", "lee", "benign_positive: an audit"),
        ("reopened", "lee", "no audit"),
    ]
    assert history[3]["time"] == "2026-02-25T06:14:20Z"


def test_alerts_are_merged_and_split_off_again(analyst: Checked) -> None:
    merged = act(analyst, ONE, "merge", into=THREE).json()
    assert merged["incident_id"] == THREE
    former = analyst.get(f"/v1/incidents/{ONE}").json()["incident"]
    assert (former["state"], former["merged_into"]) == ("closed", THREE)
    split = act(analyst, THREE, "split", alerts=[ONE, TWO])
    assert split.json()["incident_id"] == ONE
    assert split.headers["ETag"] == analyst.get(f"/v1/incidents/{ONE}").headers["ETag"]


def test_what_the_state_does_not_allow_is_a_conflict_in_words(analyst: Checked) -> None:
    act(analyst, FOUR, "close", verdict="undetermined", reason="gone")
    for name, body in (
        ("assign", {"owner": "lee"}),
        ("move", {"state": "contained"}),
        ("close", {"verdict": "undetermined", "reason": "again"}),
        ("merge", {"into": ONE}),
    ):
        answer = act(analyst, FOUR, name, **body)
        assert (answer.status_code, answer.json()["detail"]) == (409, f"incident {FOUR} is closed; reopen it first")
    assert act(analyst, ONE, "reopen", reason="x").status_code == 409
    assert act(analyst, ONE, "split", alerts=[ONE]).status_code == 409
    assert act(analyst, ONE, "split", alerts=[THREE]).status_code == 404
    assert act(analyst, ONE, "merge", into="0" * 20).status_code == 404


def test_of_two_analysts_the_slower_is_told_and_nothing_is_overwritten(api: Api, analyst: Checked) -> None:
    other = api.bearer("kim", Role.ANALYST)
    both = seen(analyst, ONE)
    assert both == seen(other, ONE)
    first = analyst.post(f"/v1/incidents/{ONE}/assign", json={"owner": "lee"}, headers=both)
    assert first.status_code == 200
    close = {"verdict": "false_positive", "reason": "a robot"}
    assert other.post(f"/v1/incidents/{ONE}/close", json=close, headers=both).status_code == 412
    assert other.get(f"/v1/incidents/{ONE}").json()["incident"]["owner"] == "lee"
    again = {"If-Match": first.headers["ETag"]}
    assert other.post(f"/v1/incidents/{ONE}/close", json=close, headers=again).status_code == 200


def test_of_many_at_once_one_alone_is_first(api: Api) -> None:
    clients = [api.bearer(f"a{n}", Role.ANALYST) for n in range(8)]
    tag = seen(clients[0], ONE)

    def take(n: int) -> int:
        return clients[n].post(f"/v1/incidents/{ONE}/assign", json={"owner": f"a{n}"}, headers=tag).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [200] + [412] * 7
    history = clients[0].get(f"/v1/incidents/{ONE}").json()["history"]
    assert [one["act"] for one in history].count("assigned") == 1


def test_what_is_found_meanwhile_is_a_change_too_and_a_delivery_that_arrived_is_none(
    api: Api, analyst: Checked, commit: Callable[..., None]
) -> None:
    before = seen(analyst, ONE)
    api.place.run("UPDATE deliveries SET state = 'told'")
    assert seen(analyst, ONE) == before
    worse = make_alert(alert_id=ONE, actor="E-1", risk=90.0, severity=Severity.CRITICAL)
    commit(msgspec.structs.replace(worse, findings=(*worse.findings, make_finding(detection="new_place"))))
    answer = analyst.post(f"/v1/incidents/{ONE}/note", json={"text": "mild"}, headers=before)
    assert answer.status_code == 412


def test_a_version_is_asked_for_and_a_weak_or_other_one_is_none(analyst: Checked) -> None:
    url, body = f"/v1/incidents/{ONE}/note", {"text": "x"}
    assert analyst.post(url, json=body).status_code == 428
    tag = seen(analyst, ONE)["If-Match"]
    for wrong in (f"W/{tag}", '"0"', tag.strip('"'), ""):
        assert analyst.post(url, json=body, headers={"If-Match": wrong}).status_code == 412
    assert analyst.post(url, json=body, headers={"If-Match": f'"0", {tag}'}).status_code == 200
    assert analyst.post(url, json=body, headers={"If-Match": tag}).status_code == 412
    assert analyst.post(url, json=body, headers={"If-Match": "*"}).status_code == 200


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("assign", {"owner": ""}),
    ("assign", {"owner": "lee\nroot"}),
    ("assign", {"owner": "lee", "author": "somebody else"}),
    ("move", {"state": "closed"}),
    ("note", {"text": "   "}),
    ("note", {"text": "x" * 2_001}),
    ("note", {"text": "a\0b"}),
    ("close", {"verdict": "", "reason": "x"}),
    ("close", {"verdict": "guilty", "reason": "x"}),
    ("close", {"verdict": "undetermined"}),
    ("split", {"alerts": []}),
    ("merge", {"into": "b"}),
]


def test_what_is_not_as_it_should_be_is_refused_by_its_place_and_never_repeated(analyst: Checked) -> None:
    for name, body in MALFORMED:
        answer = act(analyst, ONE, name, **body)
        assert answer.status_code == 422, body
        assert all(one["where"].startswith("body.") for one in answer.json()["errors"])
        for value in body.values():
            assert not isinstance(value, str) or len(value) < 5 or value not in answer.text


def test_characters_that_are_no_text_are_refused(analyst: Checked) -> None:
    headers = seen(analyst, ONE) | {"Content-Type": "application/json"}
    answer = analyst.post(f"/v1/incidents/{ONE}/note", content=rb'{"text": "\ud800"}', headers=headers)
    assert answer.status_code == 422
