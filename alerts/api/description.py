"""The description of the API, completed: its errors are problems, and each answer has an example."""

from collections.abc import Iterator
from typing import Any

from alerts.api.examples import EXAMPLES
from alerts.api.problems import Problem


def complete(described: dict[str, Any]) -> None:
    """Bring what FastAPI makes of the types to what is answered."""
    schemas = described["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    for usual in ("HTTPValidationError", "ValidationError"):
        schemas.pop(usual, None)
    for operation in _operations(described):
        answers = operation["responses"]
        if "application/json" in answers.get("422", {}).get("content", {}):
            del answers["422"]  # FastAPI adds it; here what has a malformed id is simply not found
        for answer in answers.values():
            content = answer.get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if name in EXAMPLES:
                content["example"] = EXAMPLES[name]


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in described["paths"].values():
        yield from item.values()
