"""What the API says of itself holds for each operation that it describes, whoever adds one."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from alerts.api.app import create_app
from tests.alerts.api.checked import Checked
from tests.alerts.api.conftest import ONE, VERSION, Api, described
from tests.alerts.samples import Place

DESCRIBED = described()
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {"healthz", "readyz", "take_message"}


@pytest.fixture
def place(url: str) -> Place:
    """These promises are about requests; what databases do with them is tested elsewhere."""
    return Place(url)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DESCRIBED["paths"].items():
        yield from ((method, path, operation) for method, operation in item.items() if method in METHODS)


ALL = {operation["operationId"]: (method, path, operation) for method, path, operation in operations()}
GUARDED = [name for name in ALL if name not in PUBLIC]
CHANGING = [name for name in GUARDED if ALL[name][0] != "get"]
WITH_BODY = [name for name in GUARDED if "requestBody" in ALL[name][2]]


def ask(client: Checked, name: str, **options: Any) -> Any:
    """Call an operation on something that is there, with whatever version it has."""
    method, path, _ = ALL[name]
    path = re.sub(r"\{(incident_id|alert_id)\}", ONE, path)
    headers = {"If-Match": "*", **options.pop("headers", {})}
    return client.request(method.upper(), re.sub(r"\{\w+\}", "1", path), headers=headers, **options)


def example(name: str) -> Any:
    """A body as the description shows it."""
    (content,) = ALL[name][2]["requestBody"]["content"].values()
    kind = DESCRIBED["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    return {key: one["examples"][0] for key, one in kind["properties"].items() if "examples" in one}


def validate(body: Any, schema: Any) -> None:
    Draft202012Validator({**schema, "components": DESCRIBED["components"]}).validate(body)


def test_there_is_something_to_describe() -> None:
    assert len(GUARDED) >= 18
    assert len(CHANGING) >= 11
    assert len(ALL) == sum(len(operation) for operation in DESCRIBED["paths"].values())


@pytest.mark.parametrize("name", ALL)
def test_each_operation_says_what_it_does_and_what_it_answers_with_examples(name: str) -> None:
    operation = ALL[name][2]
    assert operation["summary"]
    assert operation["description"]
    for status, answer in operation["responses"].items():
        assert answer["description"]
        for kind, content in answer.get("content", {}).items():
            assert (kind == "application/problem+json") == (status >= "400")
            assert content["example"]
            if kind.endswith("json"):
                validate(content["example"], content["schema"])
    assert {"500"} <= operation["responses"].keys()
    if name in GUARDED:
        assert operation["security"] == [{"token": []}]
        assert {"401", "503"} <= operation["responses"].keys()
    if name in CHANGING:
        assert "403" in operation["responses"]
    if name in WITH_BODY:
        assert example(name)


@pytest.mark.parametrize("name", GUARDED)
def test_each_operation_refuses_whoever_has_no_token(api: Api, name: str) -> None:
    unknown = f"Bearer iwt_{'A' * 43}"
    for given in (None, "Bearer", "Bearer iwt_", unknown, f"{unknown} x", "Basic bGVlOng="):
        answer = ask(Checked(api.app), name, headers={"Authorization": given} if given else {})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="innerwatch"'


@pytest.mark.parametrize("name", CHANGING)
def test_each_operation_that_changes_something_refuses_a_reader_and_changes_nothing(reader: Checked, name: str) -> None:
    before = reader.get(f"/v1/incidents/{ONE}").json()
    answer = ask(reader, name, **({"json": example(name)} if name in WITH_BODY else {}))
    assert answer.status_code == 403
    assert "role" in answer.json()["detail"]
    assert reader.get(f"/v1/incidents/{ONE}").json() == before


@pytest.mark.parametrize("name", WITH_BODY)
def test_each_operation_refuses_a_malformed_body(admin: Checked, name: str) -> None:
    for content, kind in (
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b'{"secret-key": 1}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"text": "\xc3"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"{}", "text/plain"),
    ):
        answer = ask(admin, name, content=content, headers={"Content-Type": kind})
        assert answer.status_code == 422, content
        assert answer.json()["errors"]


@pytest.mark.parametrize("name", WITH_BODY)
def test_each_operation_takes_the_body_that_is_its_example(admin: Checked, name: str) -> None:
    assert ask(admin, name, json=example(name)).status_code in (200, 201, 404, 409)


@pytest.mark.parametrize("name", WITH_BODY)
def test_each_operation_refuses_a_key_that_it_does_not_know(admin: Checked, name: str) -> None:
    answer = ask(admin, name, json=example(name) | {"author": "somebody"})
    assert [one["where"] for one in answer.json()["errors"]] == ["body.author"]


@pytest.mark.parametrize("name", WITH_BODY)
def test_each_operation_refuses_a_body_that_is_too_large(admin: Checked, name: str) -> None:
    assert ask(admin, name, json={"text": "x" * 300_000}).status_code == 413
    chunks = (b'{"text": "' + b"x" * 100_000 for _ in range(4))
    assert ask(admin, name, content=chunks, headers={"Content-Type": "application/json"}).status_code == 413


@pytest.mark.parametrize("name", [name for name in ALL if "{" in ALL[name][1]])
def test_each_operation_on_something_that_is_not_there_says_so(admin: Checked, name: str) -> None:
    method, path, _ = ALL[name]
    for there in ("0" * 20, "987654", "..%2f", "x" * 300, "\N{SNOWMAN}"):
        options = (
            {"json": example(name) | ({"into": ONE} if "into" in example(name) else {})} if name in WITH_BODY else {}
        )
        url = re.sub(r"\{\w+\}", there, path)
        assert admin.request(method.upper(), url, headers={"If-Match": "*"}, **options).status_code == 404


@pytest.mark.parametrize("name", ALL)
def test_each_operation_gives_headers_that_keep_browsers_out(reader: Checked, name: str) -> None:
    answer = ask(reader, name)
    for header, value in (
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ):
        assert answer.headers[header] == value
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_other_origins_are_not_let_in(reader: Checked) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = reader.options("/v1/incidents", headers=asked)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_what_is_not_there_and_what_cannot_be_done_there_are_problems(reader: Checked) -> None:
    for path in ("/", "/v1", "/docs", "/redoc", "/v1/incidents/", "/openapi.json"):
        assert reader.get(path).status_code == 404
    answer = reader.put("/v1/incidents", json={})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"


def test_the_description_is_there_for_everybody_and_is_openapi(api: Api) -> None:
    answer = Checked(create_app(api.app.state.service, api.log, VERSION)).get("/v1/openapi.json")
    assert answer.json() == DESCRIBED
    assert (DESCRIBED["openapi"], DESCRIBED["info"]["version"]) == ("3.1.0", "1.2.3")


def test_the_checks_of_the_checked_client_can_fail(api: Api, reader: Checked) -> None:
    reader.described = deepcopy(reader.described)
    schemas = reader.described["components"]["schemas"]
    schemas["Incident"]["properties"]["risk"] = {"type": "string"}
    with pytest.raises(ValidationError):
        reader.get("/v1/incidents")
    del reader.described["paths"]["/v1/incidents/{incident_id}"]["get"]["responses"]["404"]
    with pytest.raises(AssertionError, match="not documented"):
        reader.get(f"/v1/incidents/{'0' * 20}")
