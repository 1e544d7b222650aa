"""The CSV files of a cut as a Frictionless Data Package (version 1), with the Table Schema of each beside it."""

from __future__ import annotations

from typing import Any

from projections.catalogue.facts import CATALOGUE_VERSION, Addresses, CatalogueFacts, DatasetFacts
from projections.tables.file_plan import ALL_TABLES
from schemas.licences import Licence
from schemas.tables.columns import Table
from schemas.tables.table_schema import table_schema

FORMAT = "csv"


def schema_name(table: Table) -> str:
    """Name of the document with the Table Schema."""
    return f"{table.name}.schema.json"


def schema_document(table: Table) -> dict[str, Any]:
    title = {"title": table.title.en, "rekap:title_id": table.title.id, "version": table.version}
    return {**title, **table_schema(table)}


def data_package(facts: CatalogueFacts, at: Addresses) -> dict[str, Any] | None:
    """None where the cut has no CSV file, because a Data Package has at least one resource."""
    resources = [resource for each in facts.datasets for resource in _resources(facts, each, at)]
    if not resources:
        return None
    return {
        "profile": "data-package",
        "name": facts.election,
        "title": next(iter(facts.title.values())),
        "description": next(iter(facts.description.values())),
        "version": CATALOGUE_VERSION,
        "created": facts.taken_at,
        "keywords": ["election", "pemilu"],
        "licenses": [_licence(facts.licence)],
        "sources": [{"title": facts.source or facts.publisher}],
        "contributors": [{"title": facts.publisher, "role": "publisher"}],
        "resources": resources,
    }


def _resources(facts: CatalogueFacts, dataset: DatasetFacts, at: Addresses) -> list[dict[str, Any]]:
    return [
        {
            "name": dataset.stem.lower(),
            "path": f"{at.cut}{file.name}",
            "title": next(iter(dataset.title.values())),
            "profile": "tabular-data-resource",
            "format": FORMAT,
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": file.bytes,
            "hash": f"sha256:{file.sha256}",
            "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "header": True},
            "schema": f"{at.cut}{schema_name(dataset.table)}",
        }
        for file in dataset.files
        if file.format == FORMAT and dataset.table is not None
    ]


def _licence(licence: Licence) -> dict[str, str]:
    """`name` is of the Open Definition's list or `other`; a licence without an address has its words as title."""
    path = {} if licence.url is None else {"path": licence.url}
    return {"name": licence.id or "other", "title": licence.title, **path}


def tables_of(facts: CatalogueFacts) -> list[Table]:
    """The tables that have a CSV file."""
    named = {
        each.table.name
        for each in facts.datasets
        if each.table is not None and any(file.format == FORMAT for file in each.files)
    }
    return [table for table in ALL_TABLES if table.name in named]
