"""The documents that lie beside the files of a cut: the catalogue in each standard, and the terms of use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from projections.catalogue.data_package import data_package, schema_document, schema_name, tables_of
from projections.catalogue.dcat import PREFIXES, catalogue_node, json_ld
from projections.catalogue.facts import Addresses, CatalogueFacts
from projections.catalogue.schema_org import catalog_document
from projections.catalogue.sitemap import sitemap
from projections.catalogue.terms import terms
from projections.catalogue.turtle import turtle

JSON_LD, TURTLE, JSON, XML = "application/ld+json", "text/turtle", "application/json", "application/xml"
DCAT_JSON_LD, DCAT_TURTLE = "catalog.jsonld", "catalog.ttl"
SCHEMA_ORG = "dataset.jsonld"
DATA_PACKAGE = "datapackage.json"
SITEMAP = "sitemap.xml"
TERMS = "terms.json"


class Document(NamedTuple):
    name: str
    media_type: str
    content: bytes


def documents(facts: CatalogueFacts, address: str | None) -> Iterator[Document]:
    """The documents of a directory. Their references are relative, so that the directory can be copied anywhere; a sitemap has
    whole addresses, so it is made where the `address` of the directory is known, which ends with a slash."""
    at = Addresses.beside()
    for table in tables_of(facts):
        yield Document(schema_name(table), JSON, _json(schema_document(table)))
    yield from catalogues(facts, at)
    yield Document(TERMS, JSON, _json(terms(facts)))
    if address is not None:
        files = [file.name for dataset in facts.datasets for file in dataset.files]
        names = [DCAT_JSON_LD, DCAT_TURTLE, SCHEMA_ORG, TERMS, *files]
        yield Document(SITEMAP, XML, sitemap(facts, [f"{address}{name}" for name in names]).encode())


def catalogues(facts: CatalogueFacts, at: Addresses) -> Iterator[Document]:
    node = catalogue_node(facts, at)
    yield Document(DCAT_JSON_LD, JSON_LD, _json(json_ld(node)))
    yield Document(DCAT_TURTLE, TURTLE, turtle(node, PREFIXES).encode())
    yield Document(SCHEMA_ORG, JSON_LD, _json(catalog_document(facts, at)))
    if (package := data_package(facts, at)) is not None:
        yield Document(DATA_PACKAGE, JSON, _json(package))


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
