"""`datapackage.json`, which describes the tables of an election package for programs that read Frictionless Data Packages.

It is made from the models of schemas/definition/package.py, with which packages are read, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from schemas.definition.package import TABLES, ElectionPackage
from schemas.definition.profiles import PROFILE_TABLES
from schemas.definition.rows import Row, Text, text_fields

EXAMPLE_LANGUAGE = "en"
"""Language of the columns of texts where no row gives one."""
PRIMARY_KEYS: dict[str, tuple[str, ...]] = {
    "areas": ("code",),
    "stations": ("code",),
    "offices": ("id",),
    "contests": ("id",),
    "districts": ("district", "area"),
    "parties": ("id",),
    "choices": ("contest", "id"),
    "keys": ("key_id",),
    "candidates": ("contest", "choice", "person"),
    "party_profiles": ("party",),
}
FOREIGN_KEYS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "areas": (("parent", "", "code"),),
    "stations": (("area", "areas", "code"),),
    "contests": (("office", "offices", "id"),),
    "choices": (("contest", "contests", "id"), ("party", "parties", "id")),
    "candidates": (("contest", "contests", "id"),),
    "party_profiles": (("party", "parties", "id"),),
}
"""(column, other table, column of the other table); an empty name means the same table. A contest's electorate, a part of a
district and a key's scope refer to one of two tables, which a foreign key cannot express."""


def descriptor(package: ElectionPackage, profiles: Mapping[str, Sequence[Row]] = {}) -> dict[str, Any]:
    """Content of `datapackage.json`. `profiles` has the rows of each table of profiles that is written too."""
    election = package.election
    return {
        "profile": "tabular-data-package",
        "name": election.id,
        "title": election.title.preferred("en"),
        "licenses": [{"name": "other", "title": election.licence}],
        **({} if election.source is None else {"sources": [{"title": election.source}]}),
        "resources": [
            _resource(name, (TABLES | PROFILE_TABLES)[name], rows)
            for name, rows in (package.tables() | dict(profiles)).items()
        ],
    }


def column_names(model: type[Row], rows: Iterable[Row]) -> dict[str, tuple[str, str | None]]:
    """Column of a table as it is written → (field, language). A text has a column for each language that a row has, in the
    order of the rows. A required text has a column even in a table without rows."""
    texts = text_fields(model)
    languages: dict[str, dict[str, None]] = {name: {} for name in texts}
    if texts:
        for row in rows:
            for name in texts:
                if (text := getattr(row, name)) is not None:
                    languages[name] |= dict.fromkeys(text.root)
    found: dict[str, tuple[str, str | None]] = {}
    for name in model.model_fields:
        if name in texts:
            least = (EXAMPLE_LANGUAGE,) if model.model_fields[name].is_required() else ()
            found |= {f"{name}_{language}": (name, language) for language in languages[name] or least}
        else:
            found[name] = (name, None)
    return found


def columns(model: type[Row]) -> dict[str, dict[str, Any]]:
    """Column → its JSON Schema, with references resolved and without `null`. Texts in several languages are left out, because
    their columns depend on the rows."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    resolved = {}
    for name, column in schema["properties"].items():
        if name in text_fields(model):
            continue
        meaning = {"description": column["description"]}
        column = next((each for each in column.get("anyOf", ()) if each.get("type") != "null"), column)
        if "$ref" in column:
            column = definitions[column["$ref"].rpartition("/")[2]]
        resolved[name] = {**column, **meaning}
    return resolved


def _resource(name: str, model: type[Row], rows: Iterable[Row]) -> dict[str, Any]:
    facts = columns(model)
    text = TypeAdapter(Text).json_schema()
    schema: dict[str, Any] = {
        "fields": [
            _field(column, facts[field], is_required=model.model_fields[field].is_required())
            if language is None
            else _field(column, {**text, "description": model.model_fields[field].description}, is_required=False)
            for column, (field, language) in column_names(model, rows).items()
        ],
        "missingValues": [""],
        "primaryKey": list(PRIMARY_KEYS[name]),
    }
    if name in FOREIGN_KEYS:
        schema["foreignKeys"] = [
            {"fields": [column], "reference": {"resource": table, "fields": [other_column]}}
            for column, table, other_column in FOREIGN_KEYS[name]
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


def _field(column: str, facts: dict[str, Any], *, is_required: bool) -> dict[str, Any]:
    constraints: dict[str, Any] = {"required": True} if is_required else {}
    for name in ("pattern", "minLength", "maxLength", "minimum", "maximum", "enum"):
        if name in facts:
            constraints[name] = facts[name]
    return {
        "name": column,
        "type": facts["type"],
        "description": " ".join(facts["description"].split()),
        **({"constraints": constraints} if constraints else {}),
    }
