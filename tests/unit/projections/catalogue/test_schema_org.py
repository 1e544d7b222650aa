"""schema.org: a `Dataset` of the election, and one for each table with its columns and files."""

from __future__ import annotations

from projections.catalogue.facts import DatasetFacts
from projections.catalogue.schema_org import KEYWORDS_MAX, catalog_document, dataset_document
from schemas.licences import licence_of
from tests.support.catalogue import AT, few_facts

ELECTION = "https://results.example/v1/catalog#election"
PUBLISHER = {
    "@type": "Organization",
    "@id": "https://results.example/v1/catalog#publisher",
    "name": "Komisi Pemilihan Umum",
}
COMMON = {
    "license": "https://creativecommons.org/publicdomain/zero/1.0/",
    "creator": PUBLISHER,
    "publisher": PUBLISHER,
    "creditText": "Komisi Pemilihan Umum",
    "dateModified": "2029-02-14T13:00:00.000Z",
    "temporalCoverage": "2029-02-14",
    "spatialCoverage": {"@type": "Place", "name": "Nation"},
    "isAccessibleForFree": True,
}


def _choices() -> DatasetFacts:
    return next(each for each in few_facts().datasets if each.stem == "choices")


def test_a_dataset_has_its_columns_and_files_and_leads_to_the_election() -> None:
    address = "https://results.example/v1/datasets/small-choices"
    choices = _choices()
    columns = {
        "contest": "Id of the contest",
        "choice": "Id of the choice, within its contest",
        "name": "Name of the choice",
        "kind": "What the choice is",
        "party": "Id of its party; empty where it has none",
        "order": "Number on the ballot",
    }
    assert dataset_document(few_facts(), choices, AT) == {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": address,
        "url": address,
        "name": [
            {"@language": "id", "@value": "Pemilu kecil: Pilihan pada surat suara setiap kontes"},
            {"@language": "en", "@value": "Small election: Choices on the ballot of each contest"},
        ],
        "description": [
            {"@language": "id", "@value": choices.description["id"]},
            {"@language": "en", "@value": choices.description["en"]},
        ],
        "identifier": "e706fab5-e513-5fac-8970-17200b2aa482",
        "version": "1.0.0",
        "keywords": ["election", "pemilu", "choices", "register"],
        **COMMON,
        "variableMeasured": [
            {"@type": "PropertyValue", "name": name, "description": description}
            for name, description in columns.items()
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "contentUrl": "https://results.example/v1/files/latest/choices.csv",
                "encodingFormat": "text/csv",
                "contentSize": "1030 B",
                "sha256": "d34dba84f983684129d2968ededee8e4ee4872dd5550d88ce4152f5ff9d84c5b",
            }
        ],
        "isPartOf": {"@id": ELECTION},
    }


def test_a_column_of_numbers_has_its_unit_and_a_report_of_another_standard_no_columns() -> None:
    *_, report, votes = few_facts().datasets
    assert dataset_document(few_facts(), votes, AT)["variableMeasured"][-1] == {
        "@type": "PropertyValue",
        "name": "votes",
        "description": "Votes at the counted stations of the area",
        "unitText": "votes",
    }
    assert dataset_document(few_facts(), report, AT)["variableMeasured"] == []


def test_the_election_has_its_datasets_as_parts() -> None:
    found = catalog_document(few_facts(), AT)
    parts = found.pop("hasPart")
    assert found == {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": ELECTION,
        "name": [{"@language": "id", "@value": "Pemilu kecil"}, {"@language": "en", "@value": "Small election"}],
        "description": [
            {"@language": "id", "@value": few_facts().description["id"]},
            {"@language": "en", "@value": few_facts().description["en"]},
        ],
        "identifier": "small",
        **COMMON,
    }
    for part, dataset in zip(parts, few_facts().datasets, strict=True):
        of_itself = dataset_document(few_facts(), dataset, AT)
        assert {"@context": "https://schema.org/", **part, "isPartOf": {"@id": ELECTION}} == of_itself


def test_the_source_and_a_licence_without_an_address_have_the_words_of_the_package() -> None:
    found = catalog_document(few_facts()._replace(source="KPU", licence=licence_of("Ask us")), AT)
    assert (found["creditText"], found["license"]) == ("KPU", "Ask us")


def test_keywords_have_a_bound() -> None:
    assert KEYWORDS_MAX == 10
    words = [f"k{number}" for number in range(11)]
    assert dataset_document(few_facts(), _choices()._replace(keywords=words), AT)["keywords"] == words[:-1]
