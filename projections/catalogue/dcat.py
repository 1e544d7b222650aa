"""The catalogue as DCAT 3 (W3C Recommendation), by the application profile DCAT-AP 3.0, as JSON-LD.

turtle.py writes the same nodes as Turtle. A node is a JSON-LD object: `@id`, `@type`, and a list of values for each property.
The context is in the document, so that no reader has to fetch it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projections.catalogue.facts import Addresses, CatalogueFacts, DatasetFacts, FileFacts
from schemas.licences import Licence

Node = dict[str, Any]

PREFIXES = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_EU = "http://publications.europa.eu/resource/authority"
_GOVERNMENT = f"{_EU}/data-theme/GOVE"
_PUBLIC = f"{_EU}/access-right/PUBLIC"
_LANGUAGES = {"en": "ENG", "id": "IND", "es": "SPA", "fr": "FRA", "pt": "POR", "de": "DEU", "ar": "ARA", "hi": "HIN"}
"""Language tag → its code in the EU's list of languages, from which DCAT-AP takes them. Others are not stated."""
_MEDIA_TYPE = "https://www.iana.org/assignments/media-types/"
_REGISTERED = {"csv", "json", "xml", "xlsx", "parquet"}
"""Formats whose media type IANA has registered."""
_SHA256 = f"{PREFIXES['spdx']}checksumAlgorithm_sha256"


def catalogue_node(facts: CatalogueFacts, at: Addresses) -> Node:
    first = {each.office: each for each in reversed(facts.datasets)}
    return {
        "@id": f"{at.catalogue}#catalog",
        "@type": "dcat:Catalog",
        "dct:title": _texts(facts.title),
        "dct:description": _texts(facts.description),
        "dct:identifier": [_text(facts.election)],
        "dct:publisher": [_publisher(facts, at)],
        "dct:license": [_licence(facts.licence)],
        "dct:modified": [_time(facts.taken_at)],
        "dct:language": [
            {"@id": f"{_EU}/language/{_LANGUAGES[each]}", "@type": "dct:LinguisticSystem"}
            for each in facts.languages
            if each in _LANGUAGES
        ],
        "dct:spatial": [_area(facts)],
        "dct:temporal": [_day(facts)],
        **({} if at.home is None else {"foaf:homepage": [{"@id": f"{at.home}/", "@type": "foaf:Document"}]}),
        "dcat:dataset": [
            _dataset(facts, each, at, describes_series=first[each.office] is each) for each in facts.datasets
        ],
        **({} if at.home is None else {"dcat:service": [_service(facts, at.home)]}),
    }


def _dataset(facts: CatalogueFacts, dataset: DatasetFacts, at: Addresses, *, describes_series: bool) -> Node:
    series = None
    if dataset.office is not None:
        series = _series(facts, dataset.office, at) if describes_series else {"@id": _series_id(dataset.office, at)}
    return {
        "@id": f"{at.dataset}{dataset.name}",
        "@type": "dcat:Dataset",
        "dct:title": _texts(dataset.title),
        "dct:description": _texts(dataset.description),
        "dct:identifier": [_text(str(dataset.id))],
        "dct:publisher": [{"@id": f"{at.catalogue}#publisher"}],
        "dct:modified": [_time(facts.taken_at)],
        "dct:spatial": [_area(facts)],
        "dct:temporal": [_day(facts)],
        "dct:accessRights": [{"@id": _PUBLIC, "@type": "dct:RightsStatement"}],
        "dcat:keyword": [_text(each) for each in dataset.keywords],
        "dcat:theme": [_concept(_GOVERNMENT, "Government and public sector")],
        "dcat:version": [_text(dataset.schema_version)],
        **(
            {}
            if dataset.conforms_to is None
            else {"dct:conformsTo": [{"@id": dataset.conforms_to, "@type": "dct:Standard"}]}
        ),
        **({} if facts.source is None else {"dct:provenance": [_provenance(facts.source)]}),
        # A catalogue lists datasets alone (DCAT-AP has this as the range), so a series is described where it is named first.
        **({} if series is None else {"dcat:inSeries": [series]}),
        "dcat:distribution": [_distribution(facts, dataset, file, at) for file in dataset.files],
    }


def json_ld(node: Node) -> Node:
    """The node as a JSON-LD document."""
    return {"@context": PREFIXES, **node}


def _distribution(facts: CatalogueFacts, dataset: DatasetFacts, file: FileFacts, at: Addresses) -> Node:
    media_type = file.media_type.partition(";")[0]
    return {
        "@id": f"{at.newest}{file.name}#distribution",
        "@type": "dcat:Distribution",
        "dct:title": _texts({language: f"{title} ({file.format})" for language, title in dataset.title.items()}),
        "dcat:accessURL": [{"@id": f"{at.newest}{file.name}"}],
        "dcat:downloadURL": [{"@id": f"{at.cut}{file.name}"}],
        **(
            {"dcat:mediaType": [{"@id": f"{_MEDIA_TYPE}{media_type}", "@type": "dct:MediaType"}]}
            if file.format in _REGISTERED
            else {}
        ),
        "dct:format": [{"@type": "dct:MediaTypeOrExtent", "rdfs:label": [_text(file.format.upper())]}],
        "dcat:byteSize": [{"@value": str(file.bytes), "@type": "xsd:nonNegativeInteger"}],
        "spdx:checksum": [
            {
                "@type": "spdx:Checksum",
                "spdx:algorithm": [{"@id": _SHA256, "@type": "spdx:ChecksumAlgorithm"}],
                "spdx:checksumValue": [{"@value": file.sha256, "@type": "xsd:hexBinary"}],
            }
        ],
        "dct:license": [_licence(facts.licence)],
        "dct:modified": [_time(facts.taken_at)],
        "dcatap:availability": [_concept(f"{_EU}/planned-availability/STABLE", "stable")],
        **(
            {"dct:conformsTo": [{"@id": f"{at.cut}{dataset.table.name}.schema.json", "@type": "dct:Standard"}]}
            if dataset.table is not None and file.format == "csv"
            else {}
        ),
    }


def _concept(address: str, label: str) -> Node:
    """A concept of a list of the EU, with the preferred label that DCAT-AP requires of each."""
    return {"@id": address, "@type": "skos:Concept", "skos:prefLabel": [{"@value": label, "@language": "en"}]}


def _series(facts: CatalogueFacts, office: str, at: Addresses) -> Node:
    names = facts.offices[office]
    return {
        "@id": _series_id(office, at),
        "@type": "dcat:DatasetSeries",
        "dct:title": _texts({language: f"{facts.title[language]}: {name}" for language, name in names.items()}),
        "dct:description": _texts(facts.description),
        "dct:publisher": [{"@id": f"{at.catalogue}#publisher"}],
        "dct:modified": [_time(facts.taken_at)],
    }


def _series_id(office: str, at: Addresses) -> str:
    return f"{at.catalogue}#office-{office}"


def _service(facts: CatalogueFacts, home: str) -> Node:
    return {
        "@id": f"{home}/v1/catalog#service",
        "@type": "dcat:DataService",
        "dct:title": _texts(facts.title),
        "dcat:endpointURL": [{"@id": f"{home}/v1"}],
        "dcat:endpointDescription": [{"@id": f"{home}/openapi.json"}],
    }


def _publisher(facts: CatalogueFacts, at: Addresses) -> Node:
    return {"@id": f"{at.catalogue}#publisher", "@type": "foaf:Agent", "foaf:name": [_text(facts.publisher)]}


def _licence(licence: Licence) -> Node:
    node: Node = {"@type": "dct:LicenseDocument", "rdfs:label": [_text(licence.title)]}
    return node if licence.url is None else {"@id": licence.url, **node}


def _provenance(source: str) -> Node:
    return {"@type": "dct:ProvenanceStatement", "rdfs:label": [_text(source)]}


def _area(facts: CatalogueFacts) -> Node:
    return {"@type": "dct:Location", "skos:prefLabel": [_text(facts.area)]}


def _day(facts: CatalogueFacts) -> Node:
    """The day of the vote."""
    day = {"@value": facts.date, "@type": "xsd:date"}
    return {"@type": "dct:PeriodOfTime", "dcat:startDate": [day], "dcat:endDate": [day]}


def _texts(by_language: Mapping[str, str]) -> list[Node]:
    return [{"@value": text, "@language": language} for language, text in by_language.items()]


def _text(text: str) -> Node:
    return {"@value": text}


def _time(time: str) -> Node:
    return {"@value": time, "@type": "xsd:dateTime"}
