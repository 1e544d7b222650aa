"""DCAT: the whole text of a small catalogue, valid by the shapes of DCAT-AP, the same graph as JSON-LD and as Turtle, and
hostile names as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyshacl import validate
from rdflib import DCAT, DCTERMS, SKOS, Graph, URIRef
from rdflib.compare import isomorphic

from projections.catalogue.dcat import PREFIXES, catalogue_node, json_ld
from projections.catalogue.facts import Addresses, CatalogueFacts, catalogue_facts
from projections.catalogue.turtle import turtle
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE
from runtime.tables.table_files import Format
from schemas.definition.rows import LocalText
from schemas.licences import licence_of
from tests.support.catalogue import AT as OF_CUT
from tests.support.catalogue import DCAT_AP_SHAPES, few_facts, made_manifest, small_facts
from tests.support.small_election import small_package

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
"""rdflib's reader of JSON-LD makes one."""

TABLES = ("station-votes", "choices", REPORT_TABLE)
"""Some datasets of an office, of the register and of another standard. pyshacl takes a second for ten."""
WHOLE = Path(__file__).with_name("small_catalogue.ttl")
AT = Addresses.of_api("https://results.example", "20290214T130000Z-9f86d081")
DOCUMENT = "https://files.example/2029/catalog.ttl"


def _facts(licence: str = "CC BY 4.0", source: str | None = "KPU", title: LocalText | None = None) -> CatalogueFacts:
    package = small_package()
    election = package.election.model_copy(
        update={"licence": licence, "source": source, "title": title or package.election.title}
    )
    definition = Definition.of(replace(package, election=election))
    manifest = made_manifest(definition, (Format.CSV, Format.NDJSON, Format.JSON))
    some = [each for each in manifest["files"] if each["table"] in TABLES]
    return catalogue_facts(definition, {**manifest, "files": some})


def _of_turtle(facts: CatalogueFacts, at: Addresses) -> Graph:
    return Graph().parse(data=turtle(catalogue_node(facts, at), PREFIXES), format="turtle", publicID=DOCUMENT)


def _of_json_ld(facts: CatalogueFacts, at: Addresses) -> Graph:
    text = orjson.dumps(json_ld(catalogue_node(facts, at))).decode()
    return Graph().parse(data=text, format="json-ld", publicID=DOCUMENT)


def _conforms(graph: Graph) -> tuple[bool, str]:
    conforms, _, text = validate(graph, shacl_graph=Graph().parse(DCAT_AP_SHAPES))
    return conforms, text


@pytest.mark.parametrize("licence", ["CC BY 4.0", "Ask us"])
@pytest.mark.parametrize("at", [AT, Addresses.beside()], ids=["api", "beside the files"])
def test_the_catalogue_is_valid_and_the_same_in_both_forms(licence: str, at: Addresses) -> None:
    facts = _facts(licence, None if licence == "Ask us" else "KPU")
    graph = _of_turtle(facts, at)
    conforms, text = _conforms(graph)
    assert conforms, text
    assert isomorphic(graph, _of_json_ld(facts, at))
    files = {str(each) for each in graph.objects(None, DCAT.downloadURL)}
    base = AT.cut if at is AT else "https://files.example/2029/"
    assert files == {f"{base}{file.name}" for dataset in facts.datasets for file in dataset.files}
    assert len(list(graph.subjects(predicate=DCAT.byteSize))) == len(files)


@pytest.mark.parametrize(
    "property", [DCTERMS.title, DCTERMS.description, DCTERMS.publisher, DCAT.accessURL, SKOS.prefLabel]
)
def test_the_shapes_notice_what_is_missing(property: URIRef) -> None:
    graph = _of_turtle(_facts(), AT)
    if property == DCTERMS.publisher:
        catalog = URIRef(f"{AT.catalogue}#catalog")
        graph.remove((catalog, property, None))
    else:
        graph.remove((None, property, None))
    assert not _conforms(graph)[0]


def test_texts_are_what_they_were() -> None:
    hostile = LocalText(id='"Pemilu" \\ <b>', en="Line } . ; ^^")
    graph = _of_turtle(_facts(title=hostile, source="<> \\u0041"), AT)
    titles = {str(each) for each in graph.objects(URIRef(f"{AT.catalogue}#catalog"), DCTERMS.title)}
    assert titles == {'"Pemilu" \\ <b>', "Line } . ; ^^"}
    assert isomorphic(graph, _of_json_ld(_facts(title=hostile, source="<> \\u0041"), AT))


def test_a_small_catalogue_is_this_text() -> None:
    assert turtle(catalogue_node(few_facts(), OF_CUT), PREFIXES) == WHOLE.read_text(encoding="utf-8")


def test_what_is_not_known_is_not_stated() -> None:
    """A language that the EU's list lacks, the home of files without an API, the source of a package that names none."""
    facts = few_facts()._replace(languages=["jv", "en"])
    node: dict[str, Any] = catalogue_node(facts, Addresses.beside())
    assert [each["@id"].rpartition("/")[2] for each in node["dct:language"]] == ["ENG"]
    assert not node.keys() & {"foaf:homepage", "dcat:service"}
    assert not any("dct:provenance" in each for each in node["dcat:dataset"])


def test_a_language_has_its_code_in_the_list_of_the_eu() -> None:
    codes = {"ar": "ARA", "de": "DEU", "en": "ENG", "es": "SPA", "fr": "FRA", "hi": "HIN", "id": "IND", "pt": "POR"}
    node = catalogue_node(few_facts()._replace(languages=list(codes)), OF_CUT)
    assert [each["@id"] for each in node["dct:language"]] == [
        f"http://publications.europa.eu/resource/authority/language/{code}" for code in codes.values()
    ]


def test_a_file_has_the_media_type_that_iana_has_registered() -> None:
    (votes,) = (each for each in small_facts().datasets if each.stem == "president.nation.area-votes")
    node = catalogue_node(small_facts()._replace(datasets=[votes]), OF_CUT)
    (dataset,) = node["dcat:dataset"]
    assert {
        each["dct:format"][0]["rdfs:label"][0]["@value"]: [of["@id"] for of in each.get("dcat:mediaType", ())]
        for each in dataset["dcat:distribution"]
    } == {
        "CSV": ["https://www.iana.org/assignments/media-types/text/csv"],
        "JSON": ["https://www.iana.org/assignments/media-types/application/json"],
        "NDJSON": [],
        "XML": ["https://www.iana.org/assignments/media-types/application/xml"],
        "XLSX": [
            "https://www.iana.org/assignments/media-types/"
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        ],
        "PARQUET": ["https://www.iana.org/assignments/media-types/application/vnd.apache.parquet"],
    }


def test_the_source_is_the_provenance_of_each_dataset() -> None:
    node = catalogue_node(few_facts()._replace(source="KPU"), OF_CUT)
    expected = [{"@type": "dct:ProvenanceStatement", "rdfs:label": [{"@value": "KPU"}]}]
    assert [each["dct:provenance"] for each in node["dcat:dataset"]] == [expected] * 4


def test_the_series_of_an_office_is_described_in_its_first_dataset() -> None:
    choices, counts, report, votes = catalogue_node(few_facts(), OF_CUT)["dcat:dataset"]
    assert "dcat:inSeries" not in choices
    for dataset, office in ((counts, "council"), (report, "president")):
        (series,) = dataset["dcat:inSeries"]
        assert (series["@id"], series["@type"]) == (
            f"https://results.example/v1/catalog#office-{office}",
            "dcat:DatasetSeries",
        )
    assert votes["dcat:inSeries"] == [{"@id": "https://results.example/v1/catalog#office-president"}]


def test_a_licence_without_an_address_has_the_words_of_the_package() -> None:
    node = catalogue_node(few_facts()._replace(licence=licence_of("Ask us")), OF_CUT)
    assert node["dct:license"] == [{"@type": "dct:LicenseDocument", "rdfs:label": [{"@value": "Ask us"}]}]


def test_a_csv_file_of_another_standard_conforms_to_no_schema_of_ours() -> None:
    datasets = [each._replace(table=None) for each in few_facts().datasets]
    node = catalogue_node(few_facts()._replace(datasets=datasets), OF_CUT)
    assert not any("dct:conformsTo" in file for each in node["dcat:dataset"] for file in each["dcat:distribution"])
