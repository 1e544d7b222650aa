"""Each number of the live feed is typed, and a patch may have each member of its row and no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.served.live import FROM_CLIENT, FROM_SERVER
from schemas.served.live_rows import (
    AreaPatch,
    ContestPatch,
    ContestRow,
    OfficePatch,
    StationsProgressPatch,
    TierNumbersPatch,
    TiersPatch,
)
from schemas.served.row_patches import ROW_NAMES
from schemas.served.tallies import ContestTally, OfficeTally, StationsProgress, TierNumbers, Tiers


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for name, each in node.items():
            yield from _nodes(each, f"{path}/{name}")
    elif isinstance(node, list):
        for number, each in enumerate(node):
            yield from _nodes(each, f"{path}/{number}")


NODES = [*_nodes(FROM_SERVER.json_schema(), "from_server"), *_nodes(FROM_CLIENT.json_schema(), "from_client")]
UNTYPED = {"from_server/$defs/Health/properties/health"}
"""`health` has the members of `GET /v1/health`, which it leaves out where they are long."""


def test_each_number_is_a_whole_number_with_a_minimum() -> None:
    assert [path for path, node in NODES if node.get("type") == "number"] == []
    numbers = {path: node for path, node in NODES if node.get("type") == "integer"}
    assert len(numbers) > 50
    assert [path for path, node in numbers.items() if "minimum" not in node and "enum" not in node] == []


def test_each_object_names_its_members() -> None:
    untyped = {path for path, node in NODES if node.get("additionalProperties") is True}
    assert untyped == UNTYPED


@pytest.mark.parametrize(
    ("row", "patch"),
    [
        (ContestTally, AreaPatch),
        (OfficeTally, OfficePatch),
        (ContestRow, ContestPatch),
        (TierNumbers, TierNumbersPatch),
        (Tiers, TiersPatch),
        (StationsProgress, StationsProgressPatch),
    ],
)
def test_a_patch_may_have_each_member_of_its_row_and_no_other(row: type[BaseModel], patch: Any) -> None:
    assert set(patch.__annotations__) == set(row.model_fields)


@pytest.mark.parametrize(
    ("kind", "patch"), [("areas", AreaPatch), ("offices", OfficePatch), ("contests", ContestPatch)]
)
def test_a_patch_names_its_row(kind: str, patch: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(patch)
    names = dict.fromkeys(ROW_NAMES[kind], "a")
    assert adapter.validate_python(names | {"margin": 3}) == names | {"margin": 3}
    for name in names:
        with pytest.raises(ValidationError, match=name):
            adapter.validate_python({each: "a" for each in names if each != name})
    with pytest.raises(ValidationError, match="margins"):
        adapter.validate_python(names | {"margins": 3})
