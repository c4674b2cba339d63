"""What goes wrong inside is said without a word of it, and no secret or name is in any answer or in the log."""

import asyncio
import json
from contextlib import closing
from typing import Any

import httpx
import pytest

from alerts.access import Role
from alerts.api import incidents
from alerts.api.service import DESKS, Service
from alerts.desk import Desk
from alerts.errors import StoreError, UnavailableError
from tests.alerts.api.checked import Checked
from tests.alerts.api.conftest import ONE, Api
from tests.alerts.api.test_described import ALL, WITH_BODY, ask, example
from tests.detector.heard import Heard

CANARY = "canary-4711"


def said(log: Heard) -> str:
    return json.dumps(log.lines)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError(CANARY), 500),
        (StoreError(f"/srv/{CANARY}: damaged"), 500),
        (UnavailableError(f"postgresql://{CANARY}: away"), 503),
    ],
)
def test_a_failure_says_nothing_of_its_insides(
    api: Api, reader: Checked, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Desk, "incident", fail)
    answer = reader.get(f"/v1/incidents/{ONE}")
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for text in (answer.text, str(answer.headers), said(api.log)):
        assert CANARY not in text
        assert "Traceback" not in text
    if status == 503:
        assert answer.headers["Retry-After"] == "5"
    monkeypatch.undo()
    assert reader.get(f"/v1/incidents/{ONE}").status_code == 200


def test_the_log_names_what_failed_by_kind_and_place(
    api: Api, reader: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError(CANARY)

    monkeypatch.setattr(incidents, "incident_of", fail)
    assert reader.get("/v1/incidents").status_code == 500
    failed, request = api.log.lines[-2:]
    assert (failed[0], failed[1]["operation"], failed[1]["kind"]) == ("failed", "list_incidents", "KeyError")
    assert failed[1]["where"].startswith(f"{__name__}:")
    assert request == ("request", {"operation": "list_incidents", "status": 500})


def test_a_token_ends_when_it_is_revoked_and_when_its_time_is_over(api: Api) -> None:
    one, other = api.bearer("one", Role.READER, days=1), api.bearer("other", Role.READER, days=9)
    assert one.get("/v1/incidents").status_code == 200
    api.clock.now += 86_400
    assert one.get("/v1/incidents").status_code == 401
    assert other.get("/v1/incidents").status_code == 200
    with closing(api.desk()) as desk:
        desk.revoke_token("other", api.clock.now)
    assert other.get("/v1/incidents").status_code == 401


def test_whoever_is_refused_takes_nothing_in(api: Api) -> None:
    unknown = Checked(api.app, f"iwt_{'A' * 43}")
    assert unknown.get("/v1/incidents").status_code == 401
    assert api.place.rows("SELECT incident_id FROM incidents") == []


def test_a_database_that_is_away_or_another_is_not_ready_and_the_process_lives_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    anybody = Checked(api.app)
    assert anybody.get("/readyz").json() == {"status": "ok"}
    version = api.place.rows("SELECT version_num FROM alembic_version")[0][0]
    api.place.run("UPDATE alembic_version SET version_num = '0099'")
    answer = anybody.get("/readyz")
    assert (answer.status_code, "innerwatch db check" in answer.json()["detail"]) == (503, True)
    assert api.place.url not in answer.text
    api.place.run(f"UPDATE alembic_version SET version_num = '{version}'")
    assert anybody.get("/readyz").status_code == 200

    def away(_: Desk) -> None:
        raise UnavailableError(CANARY)

    monkeypatch.setattr(Desk, "check", away)
    answer = anybody.get("/readyz")
    assert (answer.status_code, CANARY in answer.text) == (503, False)
    assert anybody.get("/healthz").json() == {"status": "ok"}


def test_many_requests_share_a_few_desks(api: Api, reader: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.get("/v1/incidents")
    service: Service = api.app.state.service
    opened = []

    def count() -> Desk:
        opened.append(api.desk())
        return opened[-1]

    monkeypatch.setattr(service.desks, "_open", count)

    async def ask_all() -> list[int]:
        transport = httpx.ASGITransport(api.app)
        headers = {"Authorization": f"Bearer {api.secrets['rea']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            answers = await asyncio.gather(
                *(client.get("/v1/incidents") for _ in range(20)), *(client.get("/readyz") for _ in range(20))
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(ask_all()) == [200] * 40
    assert len(opened) <= DESKS  # and the one that was there, which a probe may have had meanwhile


def test_no_token_is_in_any_answer_or_in_the_log(api: Api, admin: Checked) -> None:
    for name in ALL:
        body = {"json": example(name)} if name in WITH_BODY else {}
        ask(admin, name, **body)
        ask(admin, name, content=json.dumps({api.secrets["ada"]: 1}))
    for wrong in (f"/v1/incidents?cursor={api.secrets['ada']}", f"/v1/incidents?limit={api.secrets['ada']}"):
        assert admin.get(wrong).status_code == 422
    rows = api.place.rows("SELECT sha256 FROM tokens")
    assert len(admin.answers) > 2 * len(ALL)
    for text in [said(api.log), *(f"{answer.headers}{answer.text}" for answer in admin.answers)]:
        assert rows[0][0] not in text
        assert "ada" not in said(api.log)
        assert api.secrets["ada"] not in text.replace(f"body.{api.secrets['ada']}", "")


def test_each_request_is_counted_by_its_operation_and_never_by_its_path(api: Api, reader: Checked) -> None:
    reader.get("/v1/incidents")
    reader.get(f"/v1/incidents/{'f' * 20}")
    reader.get(f"/{CANARY}")
    assert api.counted.requests == {("list_incidents", 200): 1, ("show_incident", 404): 1, ("", 404): 1}
    assert all(0.0 <= seconds < 60.0 for seconds in api.counted.seconds)


def test_what_is_measured_is_told_to_bearers_of_tokens_alone(api: Api, reader: Checked) -> None:
    assert Checked(api.app).get("/metrics").status_code == 401
    before = len(api.log.lines)
    answer = reader.get("/metrics")
    assert (answer.status_code, answer.text) == (200, "counted 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len(api.log.lines) == before  # a scrape every few seconds is no news
