"""The documents beside the files of a cut."""

from __future__ import annotations

import orjson

from projections.catalogue.data_package import data_package, schema_document
from projections.catalogue.dcat import catalogue_node, json_ld
from projections.catalogue.documents import Document, documents
from projections.catalogue.facts import Addresses
from projections.catalogue.schema_org import catalog_document
from projections.catalogue.terms import terms
from projections.tables.file_plan import ALL_TABLES
from tests.support.catalogue import FEW_FILES, few_facts

BESIDE = Addresses.beside()


def _documents(address: str | None = None) -> dict[str, Document]:
    return {each.name: each for each in documents(few_facts(), address)}


def test_a_directory_has_the_catalogue_in_each_standard_and_a_schema_for_each_csv_table() -> None:
    facts = few_facts()
    schemas = {f"{table.name}.schema.json": schema_document(table) for table in ALL_TABLES}
    values = {
        "area-votes.schema.json": ("application/json", schemas["area-votes.schema.json"]),
        "choices.schema.json": ("application/json", schemas["choices.schema.json"]),
        "catalog.jsonld": ("application/ld+json", json_ld(catalogue_node(facts, BESIDE))),
        "dataset.jsonld": ("application/ld+json", catalog_document(facts, BESIDE)),
        "datapackage.json": ("application/json", data_package(facts, BESIDE)),
        "terms.json": ("application/json", terms(facts)),
    }
    found = _documents()
    assert {name: (each.media_type, orjson.loads(each.content)) for name, each in found.items() if name in values} == (
        values
    )
    assert found.keys() - values.keys() == {"catalog.ttl"}
    assert found["catalog.ttl"].media_type == "text/turtle"
    assert found["catalog.ttl"].content.startswith(b"@prefix dcat: <http://www.w3.org/ns/dcat#> .\n")


def test_json_is_written_for_people_with_an_end_of_line() -> None:
    content = _documents()["terms.json"].content
    assert content.startswith(b'{\n  "election": "small",\n')
    assert content.endswith(b"\n}\n")


def test_a_directory_has_a_sitemap_where_its_address_is_known() -> None:
    found = _documents("https://files.example/2029/")
    assert found.keys() - _documents().keys() == {"sitemap.xml"}
    assert found["sitemap.xml"].media_type == "application/xml"
    text = found["sitemap.xml"].content.decode()
    names = ("catalog.jsonld", "catalog.ttl", "dataset.jsonld", "terms.json", *FEW_FILES)
    assert [each.partition("</loc>")[0] for each in text.split("<loc>")[1:]] == [
        f"https://files.example/2029/{name}" for name in names
    ]


def test_a_cut_without_csv_files_has_no_data_package() -> None:
    without = few_facts()._replace(datasets=few_facts().datasets[1:3])
    assert {each.name for each in documents(without, None)} == {
        "catalog.jsonld",
        "catalog.ttl",
        "dataset.jsonld",
        "terms.json",
    }
