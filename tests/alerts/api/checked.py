"""A client that believes no answer: each one must be as the description of the API says."""

import re
from typing import Any

from fastapi import FastAPI
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient


class Checked(TestClient):
    """Asks as the bearer of a token; every answer is compared with the description, and kept."""

    def __init__(self, app: FastAPI, token: str | None = None) -> None:
        super().__init__(app, headers={"Authorization": f"Bearer {token}"} if token else {})
        self.described: dict[str, Any] = app.openapi()
        self.answers: list[Any] = []

    def request(self, method: str, url: Any, **options: Any) -> Any:
        answer = super().request(method, url, **options)
        self.answers.append(answer)
        operation = self._operation(method.lower(), answer.request.url.path)
        if operation is not None:
            self._compare(operation, answer)
        elif answer.status_code >= 400:
            self._require_problem(answer)
        return answer

    def _operation(self, method: str, path: str) -> Any:
        fixed_first = sorted(self.described["paths"].items(), key=lambda one: one[0].count("{"))
        for template, operations in fixed_first:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method in operations:
                return operations[method]
        return None

    def _compare(self, operation: Any, answer: Any) -> None:
        said = f"{operation['operationId']} answers {answer.status_code}: {answer.text[:300]}"
        documented = operation["responses"].get(str(answer.status_code))
        assert documented is not None, f"{said}, which is not documented"
        if answer.status_code == 204:
            assert answer.content == b""
            return
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in documented["content"], f"{said}, as {kind}"
        if kind.endswith("json"):
            self._validate(answer.json(), documented["content"][kind]["schema"])
        for name in documented.get("headers", {}):
            assert name in answer.headers, f"{said}, without {name}"
        if answer.status_code >= 400:
            self._require_problem(answer)

    def _require_problem(self, answer: Any) -> None:
        assert answer.headers["content-type"] == "application/problem+json"
        self._validate(answer.json(), {"$ref": "#/components/schemas/Problem"})
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["detail"]

    def _validate(self, body: Any, schema: Any) -> None:
        whole = {**schema, "components": self.described["components"]}
        Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)
