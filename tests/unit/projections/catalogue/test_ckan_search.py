"""CKAN's search: conditions, order and counts, and how a query that is not understood is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from projections.catalogue.ckan import CkanCatalogue
from projections.catalogue.ckan_requests import CkanError
from projections.catalogue.ckan_search import (
    CONDITIONS_MAX,
    FACET_VALUES_MAX,
    QUERY_CHARACTERS_MAX,
    Condition,
    conditions,
    facets,
    holds,
    in_order,
    words_of,
)
from tests.support.catalogue import AT, few_facts

NESTED = orjson.loads(b"[" * 1_000 + b"]" * 1_000)
CHOICES, COUNTS, REPORT, VOTES = ALL = (
    "small-choices",
    "small-council-nation-area-counts",
    "small-president-district-nist-report",
    "small-president-nation-area-votes",
)


def _found(**parameters: Any) -> list[str]:
    return [each["name"] for each in CkanCatalogue(few_facts(), AT).package_search(parameters)["results"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ALL),
        ({"q": "*:*"}, ALL),
        ({"q": "*"}, ALL),
        ({"q": '"*:*"'}, ALL),
        ({"fq": "state:active AND type:dataset"}, ALL),
        ({"fq": "dataset_type:dataset capacity:public"}, ALL),
        ({"fq": "capacity:private"}, []),
        ({"q": "PRÉSIDENT area-votes"}, [VOTES]),
        ({"q": '"Votes for each choice"'}, [VOTES]),
        ({"q": '"Suara setiap pilihan"'}, [VOTES]),
        ({"q": "rehearsal"}, ALL),
        ({"q": '"NOT"'}, []),
        ({"q": "simulasi"}, ALL),
        ({"q": "register"}, [CHOICES]),
        ({"q": "komisi"}, []),
        ({"q": "2.0.0"}, []),
        ({"q": "tags:register"}, [CHOICES]),
        ({"q": "tags:regis"}, []),
        ({"q": "small", "fq": "-tags:president"}, [CHOICES, COUNTS]),
        ({"q": "+name:small-choices"}, [CHOICES]),
        ({"q": '-"for each"'}, [CHOICES, COUNTS, REPORT]),
        ({"fq": ["tags:president", "res_format:csv"]}, [VOTES]),
        ({"fq": ["tags:president", None]}, [REPORT, VOTES]),
        ({"fq": "res_format:NDJSON"}, [VOTES]),
        ({"fq": "license_id:cc-zero"}, ALL),
        ({"fq": "license_id:cc-by"}, []),
        ({"fq": "organization:*"}, ALL),
        ({"fq": "organization:komisi-pemilihan-umum"}, ALL),
        ({"fq": "owner_org:32539aea-4f34-599e-9d54-086a404b7da9"}, ALL),
        ({"fq": "id:e706fab5-e513-5fac-8970-17200b2aa482"}, [CHOICES]),
        ({"fq": 'title:"pemilu kecil: pilihan pada surat suara setiap kontes"'}, [CHOICES]),
        ({"q": "nothing-has-this"}, []),
        ({"sort": "name desc"}, ALL[::-1]),
        ({"sort": ""}, ALL),
        ({"rows": "2", "start": 1}, [COUNTS, REPORT]),
        ({"rows": 0}, []),
    ],
)
def test_a_search_finds_what_all_conditions_hold_of(query: dict[str, Any], expected: list[str]) -> None:
    assert _found(**query) == list(expected)


@pytest.mark.parametrize(
    ("bounds", "is_within"),
    [
        ("* TO *", True),
        ("2029-02-14T13:00:00.5Z TO *", True),
        ("2029-02-14T13:00:00.500000Z TO *", True),
        ("2029-02-14T13:00:00.500001 TO *", False),
        ("2029-02-14T13:00:01Z TO *", False),
        ("* TO 2029-02-14T13:00:00Z", False),
        ("* TO 2029-02-14T13:00:00.49", False),
        ("* TO 2029-02-14T13:00:00.50Z", True),
        ("2029-02-14T13:00:00Z TO 2029-02-14T13:00:01.000Z", True),
        ("2029-02-14T13:00:00Z TO 2029-02-14T13:00:00Z", False),
    ],
)
def test_a_range_holds_both_of_its_bounds(bounds: str, is_within: bool) -> None:
    package = {"metadata_modified": "2029-02-14T13:00:00.500"}
    for sign, expected in (("", is_within), ("-", not is_within)):
        (condition,) = conditions({"fq": f"{sign}metadata_modified:[{bounds}]"}, "fq")
        assert holds(condition, package, "") is expected


def test_a_time_of_whole_seconds_is_the_same_with_and_without_its_fraction() -> None:
    package = {"metadata_modified": "2029-02-14T13:00:00.000"}
    second = "2029-02-14T13:00:00"
    for bound in (second, f"{second}Z", f"{second}.0", f"{second}.000000Z"):
        assert all(
            holds(each, package, "") for each in conditions({"q": f"metadata_modified:[{bound} TO {bound}]"}, "q")
        )


def test_conditions_are_read_with_their_sign_and_phrase() -> None:
    assert conditions({"q": 'a -tags:b +"c d" 7'}, "q") == [
        Condition(None, "a", False),
        Condition("tags", "b", True),
        Condition(None, "c d", False),
        Condition(None, "7", False),
    ]
    assert conditions({"q": 7.5}, "q") == [Condition(None, "7.5", False)]
    assert conditions({"q": 'name:""'}, "q") == [Condition("name", "", False)]


def test_a_query_may_be_as_long_as_its_limits() -> None:
    assert len(conditions({"q": "x " * CONDITIONS_MAX}, "q")) == CONDITIONS_MAX
    assert conditions({"q": "x" * QUERY_CHARACTERS_MAX}, "q") == [Condition(None, "x" * QUERY_CHARACTERS_MAX, False)]


FIELDS = "capacity, dataset_type, id, license_id, name, organization, owner_org, res_format, state, tags, title, type"
ALL_HOLD = "all conditions must hold, and OR, NOT and parentheses are not read; a minus negates"
TIME = "a bound is * or a time such as 2029-02-14T13:00:00Z, got"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"q": "colour:red"}, f"q: no field 'colour'; there are {FIELDS}"),
        ({"fq": "name:[a TO b]"}, "fq: a range can be asked of metadata_modified, got name"),
        ({"fq": "[a TO b]"}, "fq: a range can be asked of metadata_modified, got None"),
        ({"fq": "metadata_modified:[NOW-1DAY TO *]"}, f"fq: {TIME} NOW-1DAY"),
        ({"fq": "metadata_modified:[* TO 2029-02-14]"}, f"fq: {TIME} 2029-02-14"),
        ({"fq": "metadata_modified:[* TO 2029-02-14T13:00:00+07:00]"}, f"fq: {TIME} 2029-02-14T13:00:00+07:00"),
        ({"q": "x" * (QUERY_CHARACTERS_MAX + 1)}, "q has 2,001 characters, and 2,000 are read"),
        ({"q": "x " * (CONDITIONS_MAX + 1)}, "q has 21 conditions, and 20 are read"),
        ({"fq": "organization:a OR organization:b"}, f"fq: {ALL_HOLD}"),
        ({"q": "a || b"}, f"q: {ALL_HOLD}"),
        ({"q": "NOT a"}, f"q: {ALL_HOLD}"),
        ({"q": "! a"}, f"q: {ALL_HOLD}"),
        ({"fq": "organization:(a b)"}, f"fq: {ALL_HOLD}"),
        ({"q": NESTED}, "q: expected text, or a list of texts"),
        ({"q": ["a", ["b"]]}, "q: expected text, or a list of texts"),
        ({"fq": {"a": 1}}, "fq: expected text, or a list of texts"),
        ({"sort": NESTED}, "sort: expected text"),
        ({"sort": {"name": "asc"}}, "sort: expected text"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CkanError) as found:
        _found(**parameters)
    assert (found.value.status, found.value.error) == (
        400,
        {"__type": "Search Query Error", "message": f"Search Query is invalid: {sentence}"},
    )


def _package(name: str, title: str, modified: int) -> dict[str, Any]:
    return {"id": f"id-{title}", "name": name, "title": title, "metadata_modified": f"2029-02-14T13:00:0{modified}"}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", "abc"),
        ("name asc", "abc"),
        ("name DESC", "cba"),
        ("title", "bac"),
        ("title_string desc", "cab"),
        ("id", "bac"),
        ("metadata_modified", "abc"),
        ("metadata_modified desc", "cab"),
        ("score desc, metadata_modified desc", "cab"),
        ("metadata_modified desc, title", "cba"),
        ("score, views_recent, views_total desc, metadata_created", "abc"),
        ("name desc,", "cba"),
        (" , ", "abc"),
    ],
)
def test_the_order_is_by_the_first_field_then_by_the_next_and_by_name(sort: str, expected: str) -> None:
    packages = [_package("c", "3", 2), _package("a", "2", 1), _package("b", "1", 1)]
    assert "".join(each["name"] for each in in_order(packages, sort)) == expected


@pytest.mark.parametrize("sort", ["colour asc", "name upwards", "name asc asc", "name, colour"])
def test_an_order_that_is_not_known_is_refused(sort: str) -> None:
    with pytest.raises(CkanError) as found:
        in_order([], sort)
    wrong = sort.split(", ")[-1]
    assert found.value.error["message"] == (
        "Search Query is invalid: sort: expected id, metadata_modified, name, title, title_string with asc or desc, "
        f"got {wrong!r}"
    )


@pytest.mark.parametrize("fields", [7, True, None, {"res_format": 1}, [["res_format"]], NESTED])
def test_fields_of_another_kind_are_no_facets(fields: Any) -> None:
    assert facets([{}], {"facet.field": fields}) == {}


@pytest.mark.parametrize(
    "fields", ['["res_format", "license_id", "unknown"]', ["res_format", "license_id", "license_id", 7]]
)
def test_facets_count_the_values_of_what_was_found_the_most_frequent_first(fields: Any) -> None:
    answer = CkanCatalogue(few_facts(), AT).package_search({"facet.field": fields})
    formats = {"CSV": 2, "JSON": 2, "NDJSON": 1}
    assert list(answer["facets"].items()) == [("res_format", formats), ("license_id", {"cc-zero": 4})]
    assert list(answer["facets"]["res_format"]) == list(formats)
    assert answer["search_facets"]["res_format"] == {
        "title": "res_format",
        "items": [{"name": name, "display_name": name, "count": count} for name, count in formats.items()],
    }


def test_a_facet_has_a_bound() -> None:
    assert FACET_VALUES_MAX == 50
    names = [f"n{number:02}" for number in range(51)]
    package = {"tags": [{"name": each} for each in [*reversed(names), *names]]}
    assert facets([package], {"facet.field": "tags"}) == {"tags": [(each, 1) for each in names[:-1]]}


def test_words_are_looked_up_in_names_titles_texts_and_tags() -> None:
    package = {
        "name": "a",
        "title": "B",
        "notes": "Ç",
        "tags": [{"name": "d"}],
        "extras": [
            {"key": "title_en", "value": "e"},
            {"key": "description_en", "value": "f"},
            {"key": "identifier", "value": "g"},
        ],
    }
    assert words_of(package) == "a b c d e f"
