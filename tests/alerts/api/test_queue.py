"""Silences, deliveries, verdicts and numbers by the API."""

from contextlib import closing
from typing import Any

import pytest

from alerts.incident import Verdict
from alerts.work import By, Close
from tests.alerts.api.checked import Checked
from tests.alerts.api.conftest import FOUR, ONE, THREE, Api
from tests.alerts.test_dispatch import START


def close(api: Api, incident_id: str, verdict: Verdict) -> None:
    with closing(api.desk()) as desk:
        desk.act(incident_id, Close(verdict, "looked into"), By("lee", api.clock.now))


def test_a_silence_says_what_it_would_have_hidden_before_it_is_kept(api: Api, analyst: Checked) -> None:
    assert analyst.get("/v1/incidents").status_code == 200
    close(api, THREE, Verdict.TRUE_POSITIVE)
    found = analyst.get("/v1/silences/preview", params={"detection": ["bulk_export"], "actor": ["E-2", "E-3"]}).json()
    assert found == {"looked_at": 1_000, "hidden": 1, "confirmed": 1, "alert_ids": [THREE]}
    assert analyst.get("/v1/silences/preview?detection=odd_hours").json()["alert_ids"] == [FOUR]
    assert analyst.get("/v1/silences").json() == {"items": []}


def test_a_silence_of_everything_is_none(analyst: Checked) -> None:
    assert analyst.get("/v1/silences/preview").status_code == 422
    answer = analyst.post("/v1/silences", json={"hours": 1.0, "reason": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "body")
    assert "a silence of everything is none" in answer.json()["errors"][0]["what"]


@pytest.mark.parametrize("hours", [0, -1.0, 24 * 90 + 0.1, "24", True, None])
def test_a_silence_ends_within_90_days(analyst: Checked, hours: Any) -> None:
    body = {"detections": ["odd_hours"], "hours": hours, "reason": "x"}
    assert analyst.post("/v1/silences", json=body).status_code == 422


def test_a_silence_is_kept_listed_and_ended_by_its_authors(api: Api, analyst: Checked, admin: Checked) -> None:
    made = analyst.post("/v1/silences", json={"detections": ["odd_hours"], "hours": 24, "reason": "a migration"})
    assert (made.status_code, made.json()["owner"], made.json()["ended_by"]) == (201, "lee", "")
    number = made.json()["silence_id"]
    assert [one["silence_id"] for one in analyst.get("/v1/silences").json()["items"]] == [number]
    api.clock.now += 60
    assert admin.post(f"/v1/silences/{number}/expire").status_code == 204
    assert admin.post(f"/v1/silences/{number}/expire").status_code == 404
    assert analyst.get("/v1/silences").json() == {"items": []}
    (ended,) = analyst.get("/v1/silences?all=true").json()["items"]
    assert (ended["ended_by"], ended["matcher"]["detections"]) == ("ada", ["odd_hours"])


def test_exceptions_say_what_they_would_have_spared_and_are_listed_and_ended_as_feedback(
    api: Api, reader: Checked, analyst: Checked
) -> None:
    analyst.get("/v1/incidents")
    close(api, ONE, Verdict.TRUE_POSITIVE)
    asked = {"actor": ["E-1", "E-2"], "detection": ["bulk_export"]}
    assert analyst.get("/v1/exceptions/preview", params=asked).json()["confirmed"] == 2
    mild = analyst.get("/v1/exceptions/preview", params={**asked, "severity": "low"}).json()
    assert (mild["hidden"], mild["alert_ids"]) == (0, [])
    body = {"actors": ["E-1", "E-2"], "detections": ["bulk_export"], "days": 14, "reason": "a migration"}
    assert reader.post("/v1/exceptions", json=body).status_code == 403
    assert analyst.post("/v1/exceptions", json=body | {"severity": "critical"}).status_code == 409
    assert analyst.post("/v1/exceptions", json=body | {"days": 91}).status_code == 422
    made = analyst.post("/v1/exceptions", json=body)
    assert made.status_code == 201
    numbers = made.json()["numbers"]
    listed = [one for one in analyst.get("/v1/feedback").json()["items"] if one["verdict"] == "expected"]
    assert [(one["number"], one["actor"], one["author"], one["risk"]) for one in listed] == [
        (numbers[0], "E-1", "lee", 89.99), (numbers[1], "E-2", "lee", 89.99),
    ]  # fmt: skip
    assert analyst.post(f"/v1/feedback/{numbers[0]}/withdraw").status_code == 204
    assert analyst.post(f"/v1/feedback/{numbers[0]}/withdraw").status_code == 404


def test_deliveries_are_listed_page_by_page_and_dead_ones_tried_again(
    api: Api, reader: Checked, analyst: Checked, admin: Checked
) -> None:
    reader.get("/v1/incidents")
    api.place.run(f"UPDATE deliveries SET state = 'dead', detail = 'HTTP 400' WHERE incident_id = '{ONE}'")
    found, url = [], "/v1/deliveries?limit=1&receiver=soc"
    while url:
        page = reader.get(url)
        found += [one["alert_id"] for one in page.json()["items"]]
        assert len(found) <= 4
        url = f"/v1/deliveries{page.links['next']['url']}" if page.json()["next"] else ""
    assert found == [ONE, "b" * 20, THREE, FOUR]
    assert {one["detail"] for one in reader.get("/v1/deliveries?state=dead").json()["items"]} == {"HTTP 400"}
    assert analyst.post("/v1/deliveries/retry", json={}).status_code == 403
    assert admin.post("/v1/deliveries/retry", json={"receiver": "mail"}).json() == {"deliveries": 0}
    assert admin.post("/v1/deliveries/retry", json={"receiver": None}).json() == {"deliveries": 2}
    assert reader.get("/v1/deliveries?state=dead").json() == {"items": [], "next": None}
    last = reader.get(f"/v1/incidents/{ONE}").json()["history"][-1]
    assert (last["act"], last["author"], last["text"]) == ("retried", "ada", "soc")


def test_what_a_verdict_taught_is_listed_and_taken_back(api: Api, analyst: Checked) -> None:
    analyst.get("/v1/incidents")
    close(api, ONE, Verdict.FALSE_POSITIVE)
    (one,) = analyst.get("/v1/feedback").json()["items"]
    assert (one["incident_id"], one["verdict"], one["author"], one["days"]) == (ONE, "false_positive", "lee", 0)
    assert analyst.post(f"/v1/feedback/{one['number']}/withdraw").status_code == 204
    assert analyst.post(f"/v1/feedback/{one['number']}/withdraw").status_code == 404
    assert analyst.get("/v1/feedback").json() == {"items": []}
    (one,) = analyst.get("/v1/feedback?all=true").json()["items"]
    assert one["withdrawn_by"] == "lee"
    assert analyst.get(f"/v1/incidents/{ONE}").json()["incident"]["verdict"] == "false_positive"


def test_numbers_are_there_for_those_who_look(api: Api, reader: Checked) -> None:
    reader.get("/v1/incidents")
    api.clock.now = START + 3_600
    close(api, ONE, Verdict.FALSE_POSITIVE)
    found = reader.get("/v1/statistics?days=7").json()
    assert (found["days"], found["open"]["critical"]["under_1_day"]) == (7, 1)
    assert found["acknowledged"] == {"incidents": 1, "median_s": 3_600.0, "p90_s": 3_600.0, "longest_s": 3_600.0}
    assert found["verdicts"]["false_positive"] == 1
    assert found["detections"] == [
        {"detection": "bulk_export", "incidents": 1, "false_positives": 1, "false_positive_share": 1.0}
    ]
    assert reader.get("/v1/statistics?days=0").status_code == 422
