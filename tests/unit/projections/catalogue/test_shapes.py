"""A catalogue's shape does not change without its version."""

from __future__ import annotations

import json
from typing import Any

from projections.catalogue.ckan import CkanCatalogue
from projections.catalogue.data_package import data_package
from projections.catalogue.dcat import PREFIXES, catalogue_node, json_ld
from projections.catalogue.facts import CATALOGUE_VERSION
from projections.catalogue.schema_org import catalog_document
from projections.catalogue.terms import terms
from schemas.canonical import sha256_hex
from tests.support.catalogue import AT, small_facts

PUBLISHED = ("2.0.0", "c4948c7a56971491")
"""The version, and what all catalogues look like in it."""


def _shape(value: Any) -> Any:
    """The names of all fields, and the kinds of their values."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in sorted(value.items())}
    if isinstance(value, list):
        shapes = {json.dumps(_shape(each), sort_keys=True) for each in value}
        return sorted(shapes)
    return type(value).__name__


def test_the_shape_of_a_catalogue_does_not_change_without_its_version() -> None:
    facts = small_facts()
    ckan = CkanCatalogue(facts, AT)
    shapes = [
        _shape(each)
        for each in (
            json_ld(catalogue_node(facts, AT)),
            PREFIXES,
            data_package(facts, AT),
            catalog_document(facts, AT),
            terms(facts),
            [ckan.package_show({"id": each.name}) for each in facts.datasets],
            ckan.package_search({}),
            ckan.status_show({}),
        )
    ]
    found = (CATALOGUE_VERSION, sha256_hex(json.dumps(shapes).encode())[:16])
    assert found == PUBLISHED, "raise CATALOGUE_VERSION (it has by what), and write both here"
