"""The Frictionless Data Package: the CSV files of a cut with the Table Schema of each."""

from __future__ import annotations

from typing import Any

from projections.catalogue.data_package import data_package, schema_document, schema_name, tables_of
from projections.catalogue.facts import Addresses, CatalogueFacts
from projections.tables.file_plan import ALL_TABLES
from schemas.licences import licence_of
from tests.support.catalogue import AT, few_facts, small_facts

CHOICES = next(each for each in ALL_TABLES if each.name == "choices")


def _package(facts: CatalogueFacts, at: Addresses = AT) -> dict[str, Any]:
    package = data_package(facts, at)
    assert package is not None
    return package


def test_a_data_package_has_the_csv_files_with_their_schemas() -> None:
    def resource(name: str, **fields: Any) -> dict[str, Any]:
        return {
            "name": name,
            "path": f"https://results.example/v1/files/CUT/{name}.csv",
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "header": True},
            **fields,
        }

    assert _package(few_facts()) == {
        "profile": "data-package",
        "name": "small",
        "title": "Pemilu kecil",
        "description": few_facts().description["id"],
        "version": "2.0.0",
        "created": "2029-02-14T13:00:00.000Z",
        "keywords": ["election", "pemilu"],
        "licenses": [
            {
                "name": "CC0-1.0",
                "title": "Creative Commons Zero 1.0 Universal",
                "path": "https://creativecommons.org/publicdomain/zero/1.0/",
            }
        ],
        "sources": [{"title": "Komisi Pemilihan Umum"}],
        "contributors": [{"title": "Komisi Pemilihan Umum", "role": "publisher"}],
        "resources": [
            resource(
                "choices",
                title="Pemilu kecil: Pilihan pada surat suara setiap kontes",
                bytes=1030,
                hash="sha256:d34dba84f983684129d2968ededee8e4ee4872dd5550d88ce4152f5ff9d84c5b",
                schema="https://results.example/v1/files/CUT/choices.schema.json",
            ),
            resource(
                "president.nation.area-votes",
                title="Pemilu kecil: Suara setiap pilihan di setiap wilayah, Presiden, nation",
                bytes=1003,
                hash="sha256:edc6016cd47f48968597ad068b2903aeeb4859fd3dadb6f4bb2db480f9b33a49",
                schema="https://results.example/v1/files/CUT/area-votes.schema.json",
            ),
        ],
    }


def test_beside_the_files_a_data_package_has_relative_paths() -> None:
    (choices, _) = _package(few_facts(), Addresses.beside())["resources"]
    assert (choices["path"], choices["schema"]) == ("choices.csv", "choices.schema.json")


def test_the_source_and_a_licence_have_the_words_of_the_package() -> None:
    package = _package(few_facts()._replace(source="KPU", licence=licence_of("Ask us")))
    assert package["sources"] == [{"title": "KPU"}]
    assert package["licenses"] == [{"name": "other", "title": "Ask us"}]


def test_only_tables_with_a_csv_file_are_in_a_data_package() -> None:
    facts = few_facts()
    assert [each.name for each in tables_of(facts)] == ["area-votes", "choices"]
    without = facts._replace(
        datasets=[each._replace(files=[file for file in each.files if file.format != "csv"]) for each in facts.datasets]
    )
    assert tables_of(without) == []
    assert data_package(without, AT) is None
    of_another_standard = facts._replace(datasets=[each._replace(table=None) for each in facts.datasets])
    assert tables_of(of_another_standard) == []
    assert data_package(of_another_standard, AT) is None
    assert len(_package(small_facts())["resources"]) == sum(each.table is not None for each in small_facts().datasets)


def test_a_schema_has_the_title_the_version_and_the_columns_of_its_table() -> None:
    assert schema_name(CHOICES) == "choices.schema.json"
    document = schema_document(CHOICES)
    assert {name: document[name] for name in ("title", "rekap:title_id", "version", "primaryKey")} == {
        "title": "Choices on the ballot of each contest",
        "rekap:title_id": "Pilihan pada surat suara setiap kontes",
        "version": CHOICES.version,
        "primaryKey": ["contest", "choice"],
    }
    assert [field["name"] for field in document["fields"]] == ["contest", "choice", "name", "kind", "party", "order"]
