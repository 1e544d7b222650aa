"""The catalogue in the words of schema.org, which search engines read: a `DataCatalog`, and a `Dataset` for each table."""

from __future__ import annotations

from typing import Any

from projections.catalogue.facts import Addresses, CatalogueFacts, DatasetFacts

CONTEXT = "https://schema.org/"
KEYWORDS_MAX = 10


def catalog_document(facts: CatalogueFacts, at: Addresses) -> dict[str, Any]:
    """One `Dataset` for the whole election, with those of the tables as its parts."""
    return {
        "@context": CONTEXT,
        "@type": "Dataset",
        "@id": f"{at.catalogue}#election",
        "name": _texts(facts.title),
        "description": _texts(facts.description),
        "identifier": facts.election,
        **_common(facts, at),
        "hasPart": [_dataset(facts, each, at) for each in facts.datasets],
    }


def dataset_document(facts: CatalogueFacts, dataset: DatasetFacts, at: Addresses) -> dict[str, Any]:
    return {"@context": CONTEXT, **_dataset(facts, dataset, at), "isPartOf": {"@id": f"{at.catalogue}#election"}}


def _dataset(facts: CatalogueFacts, dataset: DatasetFacts, at: Addresses) -> dict[str, Any]:
    columns = () if dataset.table is None else dataset.table.columns
    return {
        "@type": "Dataset",
        "@id": f"{at.dataset}{dataset.name}",
        "url": f"{at.dataset}{dataset.name}",
        "name": _texts(dataset.title),
        "description": _texts(dataset.description),
        "identifier": str(dataset.id),
        "version": dataset.schema_version,
        "keywords": list(dataset.keywords[:KEYWORDS_MAX]),
        **_common(facts, at),
        "variableMeasured": [
            {
                "@type": "PropertyValue",
                "name": column.name,
                "description": column.meaning.en,
                **({} if column.unit is None else {"unitText": column.unit}),
            }
            for column in columns
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "contentUrl": f"{at.newest}{file.name}",
                "encodingFormat": file.media_type.partition(";")[0],
                "contentSize": f"{file.bytes} B",
                "sha256": file.sha256,
            }
            for file in dataset.files
        ],
    }


def _common(facts: CatalogueFacts, at: Addresses) -> dict[str, Any]:
    return {
        "license": facts.licence.url or facts.licence.title,
        "creator": {"@type": "Organization", "@id": f"{at.catalogue}#publisher", "name": facts.publisher},
        "publisher": {"@type": "Organization", "@id": f"{at.catalogue}#publisher", "name": facts.publisher},
        "creditText": facts.source or facts.publisher,
        "dateModified": facts.taken_at,
        "temporalCoverage": facts.date,
        "spatialCoverage": {"@type": "Place", "name": facts.area},
        "isAccessibleForFree": True,
    }


def _texts(by_language: dict[str, str] | Any) -> list[dict[str, str]]:
    return [{"@language": language, "@value": text} for language, text in by_language.items()]
