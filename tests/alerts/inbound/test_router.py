"""Messages over HTTP: who is let in, what is answered, and that the same again does nothing."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from alerts.api.app import create_app
from alerts.api.inbound import MOST_BYTES
from alerts.api.service import Desks, Service
from alerts.desk import DESK, Desk
from alerts.errors import UnavailableError
from alerts.inbound.inbound import Inbound
from alerts.inbound.sender import Act
from alerts.incident import State, Verdict
from alerts.store import Store
from tests.alerts.api.counted import Counted
from tests.alerts.inbound.senders import KINDS, message_of, secret_of, sender_of
from tests.alerts.receivers.fakes.webhook import NOW
from tests.alerts.samples import make_alert, make_checkpoint
from tests.detector.heard import Heard


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    """With an incident, of whose alert a receiver of each kind is told, by the name of the kind."""
    with closing(Store(url)) as store, closing(Desk(url)) as desk:
        store.commit("events", make_checkpoint(epoch=store.acquire("events")), [make_alert()], (DESK,))
        desk.take_in([], KINDS, NOW)
        yield desk


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def inbound(url: str, desk: Desk, tmp_path: Path) -> Iterator[Inbound]:
    senders = {kind: sender_of(kind, tmp_path) for kind in KINDS}
    with closing(Inbound(Desk(url), senders, lambda: NOW)) as opened:
        yield opened


@pytest.fixture
def client(inbound: Inbound, counted: Counted) -> Iterator[TestClient]:
    no_desks: Desks = None  # type: ignore[assignment] - this operation needs none
    service = Service(no_desks, (), (), lambda: NOW, inbound, counted)
    with TestClient(create_app(service, Heard(), "1.2.3")) as opened:
        yield opened


@pytest.mark.parametrize("kind", KINDS)
def test_a_verdict_closes_the_incident_and_the_same_again_does_nothing(
    kind: str, client: TestClient, counted: Counted, desk: Desk, tmp_path: Path
) -> None:
    headers, body = message_of(kind, tmp_path)
    answers = [client.post(f"/inbound/{kind}", content=body, headers=headers) for _ in range(3)]
    assert [(one.status_code, one.json()["heard"]) for one in answers] == [
        (200, "changed"), (200, "repeat"), (200, "repeat"),
    ]  # fmt: skip
    assert counted.messages == {(kind, "changed"): 1, (kind, "repeat"): 2}
    (incident,) = desk.incidents()
    assert (incident.state, incident.verdict) == (State.CLOSED, Verdict.TRUE_POSITIVE)
    assert [one.author for one, _ in desk.feedback()] == [f"ann via {kind}"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_genuine_is_refused_without_saying_why_and_counted(
    kind: str, client: TestClient, counted: Counted, desk: Desk, tmp_path: Path
) -> None:
    wrong = message_of(kind, tmp_path, secret=secret_of(kind, "other"))
    bodies = {client.post(f"/inbound/{kind}", content=wrong[1], headers=headers).text for headers in (wrong[0], {})}
    old = message_of("webhook", tmp_path, at=NOW - 1_000.0)
    response = client.post("/inbound/webhook", content=old[1], headers=old[0])
    assert response.headers["www-authenticate"]
    assert {json.loads(one)["detail"] for one in bodies | {response.text}} == {"not genuine, or not of now"}
    assert response.status_code == 401
    assert counted.messages == {(kind, "signature"): 2} | {("webhook", "time"): 1}
    assert desk.incidents()[0].state is State.OPEN


def test_a_genuine_message_without_form_is_refused_in_words(
    client: TestClient, counted: Counted, tmp_path: Path
) -> None:
    headers = {"authorization": f"Bearer {secret_of('thehive')}"}
    for body in (b"", b"[]", b'{"action": "update", "details": {"status": "New"}}', b"[" * 20_000):
        response = client.post("/inbound/thehive", content=body, headers=headers)
        assert (response.status_code, response.json()["detail"].isprintable()) == (422, True)
    assert counted.messages == {("thehive", "form"): 4}


def test_what_is_about_nothing_of_ours_is_answered_and_forgotten(client: TestClient) -> None:
    headers = {"authorization": f"Bearer {secret_of('thehive')}"}
    response = client.post("/inbound/thehive", content=b'{"action": "create"}', headers=headers)
    assert (response.status_code, response.json()) == (200, {"heard": "unknown"})


def test_an_unknown_name_another_method_and_a_large_body_are_refused(
    client: TestClient, counted: Counted, tmp_path: Path
) -> None:
    headers, _ = message_of("thehive", tmp_path)
    assert client.post("/inbound/slack", content=b"{}").status_code == 404
    assert client.get("/inbound/thehive").status_code == 405
    assert client.post("/inbound/thehive", content=b" " * (MOST_BYTES + 1), headers=headers).status_code == 413
    pieces = iter([b" " * MOST_BYTES, b" "])
    assert client.post("/inbound/thehive", content=pieces, headers=headers).status_code == 413
    assert client.post("/inbound/thehive", content=b" " * MOST_BYTES, headers=headers).status_code == 422


def test_while_the_database_is_away_the_sender_is_to_come_again(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, body = message_of("jira", tmp_path)

    def away(*_: object) -> None:
        raise UnavailableError("postgresql://db.example: away")

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "hear", away)
        response = client.post("/inbound/jira", content=body, headers=headers)
        assert (response.status_code, response.headers["retry-after"]) == (503, "30")
        assert "db.example" not in response.text
    assert client.post("/inbound/jira", content=body, headers=headers).json() == {"heard": "changed"}


def test_many_at_once_are_taken_one_by_one(client: TestClient, inbound: Inbound, desk: Desk, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    messages = [(kind, *message_of(kind, tmp_path, Act.IN_PROGRESS)) for kind in KINDS if kind != "pagerduty"] * 5
    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda one: inbound.take(*one).value, messages))
    assert sorted(heard) == ["changed"] + ["nothing"] * 3 + ["repeat"] * 16
    assert [entry.act for entry in desk.incident(make_alert().alert_id).entries] == ["opened", "moved"]


def test_no_answer_or_representation_holds_a_secret(client: TestClient, inbound: Inbound, tmp_path: Path) -> None:
    for kind in KINDS:
        headers, body = message_of(kind, tmp_path)
        texts = [client.post(f"/inbound/{kind}", content=body + b"x", headers=headers).text, repr(inbound)]
        secret = secret_of(kind)
        hidden = (secret, base64.b64encode(secret.encode()).decode())
        assert not [one for one in hidden for text in texts if one in text]
