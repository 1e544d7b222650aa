"""`datapackage.json`: what the tables of an election package mean, for programs that know Frictionless Data Packages.

Made from the models themselves (schemas/package.py), so it cannot say something else than the loader.
"""

from __future__ import annotations

from typing import Any

from schemas.package import TABLES, Election, Row

PRIMARY_KEYS: dict[str, tuple[str, ...]] = {
    "areas": ("code",),
    "stations": ("code",),
    "offices": ("id",),
    "contests": ("id",),
    "districts": ("district", "area"),
    "parties": ("id",),
    "choices": ("contest", "id"),
    "keys": ("key_id",),
}
FOREIGN_KEYS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "areas": (("parent", "", "code"),),
    "stations": (("area", "areas", "code"),),
    "contests": (("office", "offices", "id"),),
    "choices": (("contest", "contests", "id"), ("party", "parties", "id")),
}
"""(column, table, column there); the empty table is the same one. A contest's electorate, a part of a district and a
key's scope may stand in one of two tables, which a foreign key cannot say."""


def descriptor(election: Election) -> dict[str, Any]:
    """The content of `datapackage.json`."""
    return {
        "profile": "tabular-data-package",
        "name": election.id,
        "title": election.title.en,
        "licenses": [{"name": "other", "title": election.licence}],
        **({} if election.source is None else {"sources": [{"title": election.source}]}),
        "resources": [_resource(name, model) for name, model in TABLES.items()],
    }


def columns(model: type[Row]) -> dict[str, dict[str, Any]]:
    """Column → its JSON Schema, with references resolved and `null` left out."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    resolved = {}
    for name, column in schema["properties"].items():
        column = next((each for each in column.get("anyOf", ()) if each.get("type") != "null"), column)
        if "$ref" in column:
            column = definitions[column["$ref"].rpartition("/")[2]]
        resolved[name] = column
    return resolved


def _resource(name: str, model: type[Row]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(model, column, facts) for column, facts in columns(model).items()],
        "missingValues": [""],
        "primaryKey": list(PRIMARY_KEYS[name]),
    }
    if name in FOREIGN_KEYS:
        schema["foreignKeys"] = [
            {"fields": [column], "reference": {"resource": table, "fields": [there]}}
            for column, table, there in FOREIGN_KEYS[name]
        ]
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": schema,
    }


def _field(model: type[Row], column: str, facts: dict[str, Any]) -> dict[str, Any]:
    constraints: dict[str, Any] = {"required": True} if model.model_fields[column].is_required() else {}
    for name in ("pattern", "minLength", "maxLength", "minimum", "maximum", "enum"):
        if name in facts:
            constraints[name] = facts[name]
    return {"name": column, "type": facts["type"], **({"constraints": constraints} if constraints else {})}
