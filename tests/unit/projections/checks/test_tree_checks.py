"""Levels, areas and stations: one mistake is one problem, in the row that has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.checks.package_checks import problems
from schemas.definition.package import Area, ElectionPackage
from schemas.definition.problems import Problem
from tests.support.small_election import small_package


def with_areas(*areas: Area) -> ElectionPackage:
    package = small_package()
    return replace(package, areas=(*package.areas, *areas))


def row_of(table: str, code: str) -> int:
    return [row.code for row in getattr(small_package(), table)].index(code)


def changed(table: str, code: str, **values: Any) -> ElectionPackage:
    package = small_package()
    rows = [row.model_copy(update=values) if row.code == code else row for row in getattr(package, table)]
    given: dict[str, Any] = {table: tuple(rows)}
    return replace(package, **given)


@pytest.mark.parametrize("code", ["1", "1.1", "2.2.2"])
def test_of_an_area_of_an_unknown_level_the_areas_and_stations_in_it_are_not_problems(code: str) -> None:
    expected = [Problem("areas", row_of("areas", code), "level", "'xyz' is not a level of this election")]
    assert problems(changed("areas", code, level="xyz")) == expected


def test_of_an_area_given_twice_no_more_is_found() -> None:
    again = Area(code="1.1", name="Again", level="xyz", parent="nowhere")
    assert problems(with_areas(again)) == [Problem("areas", 15, "code", "area '1.1' is given twice")]


def test_each_further_root_is_beside_the_first() -> None:
    roots = [Area(code=code, name=code, level="nation") for code in ("M", "O")]
    assert problems(with_areas(*roots)) == [
        Problem("areas", 15 + row, "parent", f"{code!r} is a second root beside 'N'; only one area has no parent")
        for row, code in enumerate(("M", "O"))
    ]


def test_an_area_of_an_unknown_level_without_parent_is_not_the_root() -> None:
    found = problems(changed("areas", "N", level="xyz"))
    sentence = "there is no root: one area of level 'nation' that has no parent"
    assert found == [
        Problem("areas", 0, "level", "'xyz' is not a level of this election"),
        Problem("areas", None, None, sentence),
    ]


@pytest.mark.parametrize(
    ("men", "women", "voters", "sentence"),
    [
        (100, 101, 201, None),
        (0, 201, 201, None),
        (100, 101, 202, "is 202, but 100 men + 101 women = 201"),
        (100, 101, 200, "is 200, but 100 men + 101 women = 201"),
        (100, 101, None, "is empty, but 100 men + 101 women = 201"),
        (100, None, 201, None),
        (None, 101, 201, None),
        (None, None, None, None),
    ],
)
def test_men_and_women_add_up_to_the_registered_voters(
    men: int | None, women: int | None, voters: int | None, sentence: str | None
) -> None:
    package = changed("stations", "2.2.2-1", registered_men=men, registered_women=women, registered_voters=voters)
    row = row_of("stations", "2.2.2-1")
    assert problems(package) == ([] if sentence is None else [Problem("stations", row, "registered_voters", sentence)])


def test_the_stations_of_an_area_above_the_lowest_level_are_found_each() -> None:
    sentence = "'1.1' is of level 'district'; a station lies in an area of level 'village'"
    row = row_of("stations", "1.1.1-1")
    assert problems(changed("stations", "1.1.1-1", area="1.1")) == [Problem("stations", row, "area", sentence)]
