"""The description of the API refers only to what it holds, and calls each operation by a name of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.docs import _hoist

REFERENCE = Path(__file__).parents[2] / "docs/reference"
DOCUMENT = json.loads((REFERENCE / "openapi.json").read_text())
OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


def _answers(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers of an operation by status, also those that the document describes once and refers to."""
    shared = DOCUMENT["components"]["responses"]
    return {
        status: shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [each for part in node for each in _references(part)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [each for part in node.values() for each in _references(part)]


def test_every_reference_leads_somewhere() -> None:
    found = set(_references(DOCUMENT))
    assert "#/components/schemas/Signature" in found
    for reference in found:
        node = DOCUMENT
        assert reference.startswith("#/")
        for part in reference[2:].split("/"):
            assert part in node, f"{reference} leads nowhere"
            node = node[part]


def test_nothing_is_described_that_nothing_refers_to() -> None:
    used = {each.rpartition("/")[2] for each in _references(DOCUMENT)}
    assert {*DOCUMENT["components"]["schemas"], *DOCUMENT["components"]["responses"]} <= used


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert {"get_election", "get_area", "get_events", "submit", "submit_batch"} <= set(names)
    assert all(name.replace("_", "").isalpha() for name in names)


def test_each_problem_has_an_example_of_its_own_status() -> None:
    seen: dict[str, str] = {}
    for path, method, operation in OPERATIONS:
        for status, answer in _answers(operation).items():
            for media_type, content in answer.get("content", {}).items():
                if media_type == "application/problem+json":
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                    assert content["example"]["status"] == int(status), f"{method} {path}"
                    seen[content["example"]["title"]] = status
    assert len(seen) == len(set(seen.values())) == 11


def test_a_problem_is_described_once() -> None:
    own = [answer for _, _, operation in OPERATIONS for answer in operation["responses"].values()]
    assert not [answer for answer in own if "application/problem+json" in answer.get("content", {})]


def test_each_operation_but_the_event_stream_names_what_a_busy_server_answers() -> None:
    missing = {path for path, _, operation in OPERATIONS if not {"429", "503"} <= set(operation["responses"])}
    assert missing == {"/v1/live"}


def _undescribed(node: Any, path: str = "") -> list[str]:
    if isinstance(node, list):
        return [each for part in node for each in _undescribed(part, path)]
    if not isinstance(node, dict):
        return []
    properties = node.get("properties", {})
    own = [
        f"{path}.{name}" for name, each in properties.items() if isinstance(each, dict) and not each.get("description")
    ]
    return own + [each for name, part in node.items() for each in _undescribed(part, f"{path}/{name}")]


@pytest.mark.parametrize("name", ["openapi.json", "live.schema.json", "events.schema.json"])
def test_each_field_is_described(name: str) -> None:
    document = json.loads((REFERENCE / name).read_text())
    if name == "openapi.json":
        document = document["components"]["schemas"]
    assert _undescribed(document) == []


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[f"{method} {path}" for path, method, _ in OPERATIONS]
)
def test_each_parameter_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        assert parameter["description"], f"{method} {path}: {parameter['name']}"


@pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[f"{method} {path}" for path, method, _ in OPERATIONS]
)
def test_each_answer_has_its_shape_in_the_schema(path: str, method: str, operation: dict[str, Any]) -> None:
    assert "application/problem+json" in _answers(operation)["422"]["content"]
    for status, answer in _answers(operation).items():
        for kind, content in answer.get("content", {}).items():
            assert content.get("schema"), f"{status} as {kind} has no schema"


def test_definitions_within_a_schema_are_moved_and_two_of_one_name_are_seen() -> None:
    schemas: dict[str, Any] = {}
    inner = {"$defs": {"B": {"type": "string"}}, "$ref": "#/$defs/B"}
    node = {"$defs": {"A": {"items": inner}}, "items": [{"$ref": "#/$defs/A"}]}
    _hoist(node, schemas)
    assert node == {"items": [{"$ref": "#/components/schemas/A"}]}
    assert schemas == {"A": {"items": {"$ref": "#/components/schemas/B"}}, "B": {"type": "string"}}
    with pytest.raises(AssertionError, match="two schemas are called B"):
        _hoist({"$defs": {"B": {"type": "integer"}}}, schemas)
