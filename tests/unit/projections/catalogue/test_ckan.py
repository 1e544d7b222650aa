"""CKAN's actions on a catalogue: what they answer, and how they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from projections.catalogue.ckan import ROWS, ROWS_MAX, CkanCatalogue
from projections.catalogue.ckan_requests import CkanError
from projections.catalogue.facts import CatalogueFacts
from projections.nist.report_plan import REPORT_TABLE
from tests.support.catalogue import AT, few_facts, small_facts

TIME = "2029-02-14T13:00:00.000"
ID = "f723acff-b97c-5be8-97b9-2109f203fd76"
ORGANIZATION = {
    "id": "32539aea-4f34-599e-9d54-086a404b7da9",
    "name": "komisi-pemilihan-umum",
    "title": "Komisi Pemilihan Umum",
    "type": "organization",
    "description": "",
    "image_url": "",
    "is_organization": True,
    "approval_status": "approved",
    "state": "active",
    "created": TIME,
}
TITLES = {
    "id": "Pemilu kecil: Suara setiap pilihan di setiap wilayah, Presiden, nation",
    "en": "Small election: Votes for each choice in each area, President, nation",
}
DESCRIPTIONS = {
    "id": f"{TITLES['id']}. Ini simulasi: tidak ada angka di dalamnya yang merupakan hasil.",
    "en": f"{TITLES['en']}. This is a rehearsal: no number in it is a result.",
}
TAGS = {
    "election": "7104de9d-5e9d-52d3-bab2-02e347cf8e8e",
    "pemilu": "a3c56ec1-09ad-5b8e-82b8-0cc92951d272",
    "area-votes": "01fd8bb0-ef72-52ff-98bd-0bc50c4fd87a",
    "president": "6d72afec-6aa6-5eb0-ba5e-b87c44ad762b",
    "nation": "75570618-3e51-554d-bfb4-07ce341138a8",
}


def _ckan() -> CkanCatalogue:
    return CkanCatalogue(small_facts(), AT)


def _names() -> list[str]:
    return sorted(each.name for each in small_facts().datasets)


def _resource(position: int, format: str, **fields: Any) -> dict[str, Any]:
    return {
        "package_id": ID,
        "position": position,
        "name": f"president.nation.area-votes.{format}",
        "description": TITLES["id"],
        "url": f"https://results.example/v1/files/latest/president.nation.area-votes.{format}",
        "cut_url": f"https://results.example/v1/files/CUT/president.nation.area-votes.{format}",
        "format": format.upper(),
        "mimetype_inner": None,
        "size": 1003,
        "schema_version": "1.0.0",
        "created": TIME,
        "last_modified": TIME,
        "metadata_modified": TIME,
        "cache_url": None,
        "cache_last_updated": None,
        "resource_type": "file",
        "url_type": None,
        "state": "active",
        **fields,
    }


def test_the_list_is_of_all_names_in_order() -> None:
    names = _names()
    assert _ckan().action("package_list", {}) == names
    assert _ckan().action("package_list", {"limit": "2", "offset": 1}) == names[1:3]
    assert _ckan().action("package_list", {"limit": ""}) == names


def test_a_dataset_is_shown_whole_as_ckan_has_it() -> None:
    shown = CkanCatalogue(few_facts(), AT).action("package_show", {"id": "small-president-nation-area-votes"})
    assert shown == {
        "id": ID,
        "name": "small-president-nation-area-votes",
        "title": TITLES["id"],
        "notes": DESCRIPTIONS["id"],
        "url": "https://results.example/v1/datasets/small-president-nation-area-votes",
        "version": "1.0.0",
        "author": "Komisi Pemilihan Umum",
        "author_email": None,
        "maintainer": "Komisi Pemilihan Umum",
        "maintainer_email": None,
        "license_id": "cc-zero",
        "license_title": "Creative Commons Zero 1.0 Universal",
        "license_url": "https://creativecommons.org/publicdomain/zero/1.0/",
        "isopen": True,
        "metadata_created": TIME,
        "metadata_modified": TIME,
        "state": "active",
        "type": "dataset",
        "private": False,
        "creator_user_id": None,
        "owner_org": ORGANIZATION["id"],
        "organization": ORGANIZATION,
        "groups": [],
        "relationships_as_subject": [],
        "relationships_as_object": [],
        "num_tags": 5,
        "tags": [
            {"id": id, "name": name, "display_name": name, "state": "active", "vocabulary_id": None}
            for name, id in TAGS.items()
        ],
        "extras": [
            {"key": "catalogue_version", "value": "2.0.0"},
            {"key": "definition", "value": few_facts().definition},
            {"key": "election", "value": "small"},
            {"key": "identifier", "value": ID},
            {"key": "is_test", "value": "true"},
            {"key": "issued", "value": "2029-02-14"},
            {"key": "modified", "value": "2029-02-14T13:00:00.000Z"},
            {"key": "office", "value": "president"},
            {"key": "publisher_name", "value": "Komisi Pemilihan Umum"},
            {"key": "spatial_text", "value": "Nation"},
            {"key": "temporal_start", "value": "2029-02-14"},
            {"key": "temporal_end", "value": "2029-02-14"},
            {"key": "title_id", "value": TITLES["id"]},
            {"key": "title_en", "value": TITLES["en"]},
            {"key": "description_id", "value": DESCRIPTIONS["id"]},
            {"key": "description_en", "value": DESCRIPTIONS["en"]},
        ],
        "num_resources": 2,
        "resources": [
            _resource(
                0,
                "csv",
                id="87873ffe-dc17-50fc-85e1-08cd11166b20",
                mimetype="text/csv",
                hash="sha256:edc6016cd47f48968597ad068b2903aeeb4859fd3dadb6f4bb2db480f9b33a49",
            ),
            _resource(
                1,
                "ndjson",
                id="e9d44d11-7a67-541e-b1d3-6789ea60af6c",
                mimetype="application/x-ndjson",
                hash="sha256:2b339fcf0cdaa2d09906581ccd7209a3b1612e61f5019673de6def24f73f957b",
            ),
        ],
    }


def test_a_report_of_another_standard_names_it_and_a_live_count_is_no_test() -> None:
    ckan = CkanCatalogue(few_facts()._replace(is_test=False), AT)
    shown = ckan.action("package_show", {"id": "small-president-district-nist-report"})
    extras = {each["key"]: each["value"] for each in shown["extras"]}
    assert (extras["conforms_to"], extras["is_test"]) == ("https://doi.org/10.6028/NIST.SP.1500-100r2", "false")
    assert REPORT_TABLE in [each["name"] for each in shown["tags"]]


def test_a_dataset_and_its_files_are_shown_by_name_and_by_id() -> None:
    ckan = _ckan()
    shown = ckan.action("package_show", {"id": "small-president-nation-area-votes"})
    assert ckan.action("package_show", {"id": ID}) == shown
    resources = shown["resources"]
    assert len({each["id"] for each in resources}) == len(resources) == shown["num_resources"] == 6
    for each in resources:
        assert ckan.action("resource_show", {"id": each["id"]}) == each


def test_the_status_names_the_site() -> None:
    assert _ckan().action("status_show", {}) == {
        "ckan_version": "2.11.0",
        "site_url": "https://results.example",
        "site_title": "Pemilu kecil",
        "site_description": small_facts().description["id"],
        "locale_default": "id",
        "error_emails_to": None,
        "extensions": ["rekap"],
        "rekap_catalogue_version": "2.0.0",
    }


def test_a_search_has_ten_datasets_unless_others_are_asked_for_and_counts_all() -> None:
    answer = _ckan().action("package_search", {"q": "president"})
    found = [each for each in _names() if "president" in each]
    assert len(found) > ROWS == 10
    assert [each["name"] for each in answer["results"]] == found[:ROWS]
    assert {name: value for name, value in answer.items() if name != "results"} == {
        "count": len(found),
        "sort": "score desc, metadata_modified desc",
        "facets": {},
        "search_facets": {},
    }
    by_name = _ckan().action("package_search", {"sort": "name desc", "rows": 1})
    assert (by_name["sort"], by_name["results"][0]["name"]) == ("name desc", _names()[-1])


def test_a_search_has_no_more_datasets_than_the_limit() -> None:
    (dataset, *_) = few_facts().datasets
    many = [dataset._replace(name=f"small-{number}") for number in range(ROWS_MAX + 1)]
    ckan = CkanCatalogue(few_facts()._replace(datasets=many), AT)
    answer = ckan.action("package_search", {"rows": ROWS_MAX + 1})
    assert (len(answer["results"]), answer["count"]) == (1_000, 1_001)


@pytest.mark.parametrize(
    ("action", "parameters", "status", "error"),
    [
        ("package_show", {}, 409, {"__type": "Validation Error", "id": ["Missing value"]}),
        (
            "package_show",
            {"id": "none"},
            404,
            {"__type": "Not Found Error", "message": "Not found: there is no such dataset"},
        ),
        ("resource_show", {}, 409, {"__type": "Validation Error", "id": ["Missing value"]}),
        (
            "resource_show",
            {"id": "none"},
            404,
            {"__type": "Not Found Error", "message": "Not found: there is no such resource"},
        ),
        ("package_list", {"limit": "-1"}, 409, {"__type": "Validation Error", "limit": ["Must be a natural number"]}),
        ("package_list", {"offset": "a"}, 409, {"__type": "Validation Error", "offset": ["Must be a natural number"]}),
        ("package_search", {"rows": "many"}, 409, {"__type": "Validation Error", "rows": ["Must be a natural number"]}),
        ("package_search", {"start": -1}, 409, {"__type": "Validation Error", "start": ["Must be a natural number"]}),
        (
            "package_create",
            {},
            400,
            {
                "__type": "Bad Request Error",
                "message": "Action name not known: package_create; this server has package_list, package_show, "
                "package_search, resource_show, status_show",
            },
        ),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_ckan(
    action: str, parameters: dict[str, Any], status: int, error: dict[str, Any]
) -> None:
    with pytest.raises(CkanError) as found:
        _ckan().action(action, parameters)
    assert (found.value.status, found.value.error) == (status, error)


@pytest.mark.parametrize(
    ("publisher", "expected"),
    [
        ("選挙", "publisher"),
        ("«Élections» & Cie.", "elections-cie"),
        ("K" * 101, "k" * 100),
        ("Komisi Pemilihan Umum", "komisi-pemilihan-umum"),
    ],
)
def test_the_name_of_an_organization_has_small_letters_digits_and_hyphens(publisher: str, expected: str) -> None:
    facts: CatalogueFacts = few_facts()._replace(publisher=publisher)
    shown = CkanCatalogue(facts, AT).action("package_show", {"id": "small-choices"})
    assert (shown["organization"]["name"], shown["organization"]["title"]) == (expected, publisher)
