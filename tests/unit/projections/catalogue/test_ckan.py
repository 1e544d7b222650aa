"""CKAN's actions on a catalogue: what they find, and how they refuse."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from projections.catalogue.ckan import ROWS, CkanCatalogue
from projections.catalogue.ckan_requests import CkanError
from projections.catalogue.ckan_search import CONDITIONS_MAX, QUERY_CHARACTERS_MAX
from projections.catalogue.facts import Addresses, catalogue_facts
from projections.definition.compiled import Definition
from tests.support.catalogue import made_manifest
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
FACTS = catalogue_facts(DEFINITION, made_manifest(DEFINITION))
CKAN = CkanCatalogue(FACTS, Addresses.of_api("https://results.example", "CUT"))
NESTED = orjson.loads(b"[" * 1_000 + b"]" * 1_000)
NAMES = sorted(each.name for each in FACTS.datasets)


def _found(**parameters: Any) -> list[str]:
    return [each["name"] for each in CKAN.action("package_search", {"rows": 1000, **parameters})["results"]]


def test_the_list_is_of_all_names_in_order() -> None:
    assert CKAN.action("package_list", {}) == NAMES
    assert CKAN.action("package_list", {"limit": "2", "offset": 1}) == NAMES[1:3]
    assert CKAN.action("package_list", {"limit": ""}) == NAMES


def test_a_dataset_is_shown_by_name_and_by_id_with_its_files() -> None:
    shown = CKAN.action("package_show", {"id": "small-president-nation-area-votes"})
    assert CKAN.action("package_show", {"id": shown["id"]}) is shown
    assert (shown["license_id"], shown["isopen"], shown["num_resources"]) == ("cc-zero", True, 6)
    assert shown["organization"]["name"] == "komisi-pemilihan-umum"
    assert shown["url"] == "https://results.example/v1/datasets/small-president-nation-area-votes"
    extras = {each["key"]: each["value"] for each in shown["extras"]}
    assert (extras["is_test"], extras["office"], extras["title_en"]) == (
        "true",
        "president",
        "Small election: Votes for each choice in each area, President, nation",
    )
    assert "conforms_to" not in extras
    csv = next(each for each in shown["resources"] if each["format"] == "CSV")
    assert csv["url"] == "https://results.example/v1/files/latest/president.nation.area-votes.csv"
    assert csv["cut_url"] == "https://results.example/v1/files/CUT/president.nation.area-votes.csv"
    assert csv["mimetype"] == "text/csv"
    assert CKAN.action("resource_show", {"id": csv["id"]}) == csv
    assert len({each["id"] for each in shown["resources"]}) == 6


def test_the_status_names_the_site() -> None:
    status = CKAN.action("status_show", {})
    assert (status["site_url"], status["site_title"], status["locale_default"]) == (
        "https://results.example",
        "Pemilu kecil",
        "id",
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, NAMES),
        ({"q": "*:*"}, NAMES),
        ({"q": "*"}, NAMES),
        ({"fq": "state:active AND type:dataset"}, NAMES),
        ({"q": "PRÉSIDENT area-votes"}, [each for each in NAMES if "president" in each and "area-votes" in each]),
        ({"q": '"Votes for each choice"'}, [each for each in NAMES if "votes" in each]),
        ({"q": "tags:register"}, [each for each in NAMES if "president" not in each and "council" not in each]),
        ({"q": "choices", "fq": "-tags:president"}, ["small-choices"]),
        ({"q": "+name:small-choices"}, ["small-choices"]),
        ({"fq": ["name:small-choices", "res_format:csv"]}, ["small-choices"]),
        ({"fq": "res_format:PARQUET"}, [each for each in NAMES if "nist" not in each]),
        ({"fq": "license_id:cc-zero"}, NAMES),
        ({"fq": "license_id:cc-by"}, []),
        ({"fq": "organization:*"}, NAMES),
        ({"fq": "metadata_modified:[2029-02-14T12:59:59Z TO *]"}, NAMES),
        ({"fq": "metadata_modified:[2029-02-14T13:00:01Z TO *]"}, []),
        ({"fq": "metadata_modified:[* TO 2029-02-14T12:00:00Z]"}, []),
        ({"fq": "-metadata_modified:[* TO 2029-02-14T12:00:00Z]"}, NAMES),
        ({"q": "nothing-has-this"}, []),
        ({"sort": "name desc"}, NAMES[::-1]),
        ({"sort": "score desc, metadata_modified desc"}, NAMES),
        ({"sort": "metadata_modified asc, title_string asc, id"}, None),
        ({"rows": "2", "start": 1}, NAMES[1:3]),
        ({"rows": 0}, []),
    ],
)
def test_a_search_finds_what_all_conditions_hold_of(query: dict[str, Any], expected: list[str] | None) -> None:
    found = _found(**query)
    assert found == expected if expected is not None else sorted(found) == NAMES


def test_a_search_has_ten_datasets_unless_others_are_asked_for_and_counts_all() -> None:
    answer = CKAN.action("package_search", {"q": "president"})
    assert len(answer["results"]) == ROWS < answer["count"]
    assert answer["facets"] == {}


@pytest.mark.parametrize("fields", [7, True, {"res_format": 1}, [["res_format"]], NESTED])
def test_fields_of_another_kind_are_no_facets(fields: Any) -> None:
    assert CKAN.action("package_search", {"q": "name:small-choices", "facet.field": fields})["facets"] == {}


@pytest.mark.parametrize("fields", ['["res_format", "license_id", "unknown"]', ["res_format", "license_id", 7]])
def test_facets_count_the_values_of_what_was_found(fields: Any) -> None:
    answer = CKAN.action("package_search", {"q": "name:small-choices", "facet.field": fields})
    assert answer["facets"]["license_id"] == {"cc-zero": 1}
    assert set(answer["facets"]["res_format"]) == {"CSV", "JSON", "NDJSON", "PARQUET", "XLSX", "XML"}
    assert answer["search_facets"]["license_id"]["items"] == [
        {"name": "cc-zero", "display_name": "cc-zero", "count": 1}
    ]
    all_formats = CKAN.action("package_search", {"facet.field": fields})["facets"]["res_format"]
    assert list(all_formats) == ["JSON", "XML", "CSV", "NDJSON", "PARQUET", "XLSX"]


@pytest.mark.parametrize(
    ("action", "parameters", "status", "type", "words"),
    [
        ("package_show", {}, 409, "Validation Error", "Missing value"),
        ("package_show", {"id": 7}, 409, "Validation Error", "Missing value"),
        ("package_show", {"id": "none"}, 404, "Not Found Error", "no such dataset"),
        ("resource_show", {"id": "none"}, 404, "Not Found Error", "no such resource"),
        ("package_list", {"limit": "-1"}, 409, "Validation Error", "natural number"),
        ("package_list", {"limit": True}, 409, "Validation Error", "natural number"),
        ("package_search", {"rows": "many"}, 409, "Validation Error", "natural number"),
        ("package_search", {"q": "colour:red"}, 400, "Search Query Error", "no field 'colour'"),
        ("package_search", {"fq": "name:[a TO b]"}, 400, "Search Query Error", "metadata_modified"),
        ("package_search", {"q": "x" * (QUERY_CHARACTERS_MAX + 1)}, 400, "Search Query Error", "characters"),
        ("package_search", {"q": "x " * (CONDITIONS_MAX + 1)}, 400, "Search Query Error", "conditions"),
        ("package_search", {"sort": "colour asc"}, 400, "Search Query Error", "sort"),
        ("package_search", {"sort": "name upwards"}, 400, "Search Query Error", "sort"),
        ("package_search", {"sort": "name asc asc"}, 400, "Search Query Error", "sort"),
        ("package_search", {"sort": NESTED}, 400, "Search Query Error", "sort: expected text"),
        ("package_search", {"sort": {"name": "asc"}}, 400, "Search Query Error", "sort: expected text"),
        ("package_search", {"q": NESTED}, 400, "Search Query Error", "q: expected text, or a list of texts"),
        ("package_search", {"fq": {"a": 1}}, 400, "Search Query Error", "fq: expected text, or a list of texts"),
        ("package_create", {}, 400, "Bad Request Error", "not known"),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_ckan(
    action: str, parameters: dict[str, Any], status: int, type: str, words: str
) -> None:
    with pytest.raises(CkanError) as found:
        CKAN.action(action, parameters)
    assert (found.value.status, found.value.error["__type"]) == (status, type)
    assert words in str(found.value.error)


def test_a_publisher_without_letters_has_a_name_all_the_same() -> None:
    facts = FACTS._replace(publisher="選挙")
    shown = CkanCatalogue(facts, Addresses.of_api("https://results.example", "CUT")).action(
        "package_show", {"id": NAMES[0]}
    )
    assert shown["organization"]["name"] == "publisher"
