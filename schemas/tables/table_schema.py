"""A table's description as a Frictionless Table Schema (version 1), for its CSV files."""

from __future__ import annotations

from typing import Any

from schemas.tables.columns import Column, Kind, Table

_TYPES = {Kind.COUNT: "integer", Kind.AMOUNT: "integer", Kind.DAY: "date", Kind.TIME: "datetime"}
"""All others are strings."""


def table_schema(table: Table) -> dict[str, Any]:
    """A key whose columns may have no value is not named as primary key, which must have values."""
    nullable = {column.name for column in table.columns if column.nullable}
    key = {} if nullable & set(table.key) else {"primaryKey": list(table.key)}
    return {"fields": [_field(column) for column in table.columns], "missingValues": [""], **key}


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {} if column.nullable else {"required": True}
    if column.kind is Kind.COUNT:
        constraints["minimum"] = 0
    if column.codes:
        constraints["enum"] = [each.code for each in column.codes]
    unit = "" if column.unit is None else f" ({column.unit})"
    return {
        "name": column.name,
        "type": _TYPES.get(column.kind, "string"),
        **({"format": "any"} if column.kind is Kind.TIME else {}),
        "description": f"{column.meaning.en}{unit}",
        **({"constraints": constraints} if constraints else {}),
    }
