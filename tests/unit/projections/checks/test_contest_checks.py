"""Electorates and districts: which of them need a station, and which spellings of a district's name are one name."""

from __future__ import annotations

from dataclasses import replace

from projections.checks.package_checks import problems
from schemas.definition.package import ElectionPackage
from tests.support.small_election import small_package


def without_stations_in(*areas: str) -> ElectionPackage:
    package = small_package()
    return replace(package, stations=tuple(each for each in package.stations if each.area not in areas))


def test_an_electorate_may_have_parts_in_which_no_station_lies() -> None:
    """The electorate of the council's contest b is the district 1.2 and the village 2.1.1."""
    assert problems(without_stations_in("2.1.1")) == []
    assert problems(without_stations_in("1.2.1", "1.2.2")) == []
    found = problems(without_stations_in("2.1.1", "1.2.1", "1.2.2"))
    assert [(problem.row, problem.column, problem.sentence) for problem in found] == [
        (2, "electorate", "no station lies in 'b'")
    ]


def test_two_spellings_of_a_districts_name_are_one_name_that_is_to_be_written_alike() -> None:
    package = small_package()
    names = {1: "Dapil B", 2: "Dapil\u00a0B"}
    districts = tuple(
        part.model_copy(update={"name": names.get(row, part.name)}) for row, part in enumerate(package.districts)
    )
    (problem,) = problems(replace(package, districts=districts))
    assert (problem.table, problem.row, problem.column) == ("districts", 2, "name")
    assert "another spelling" in problem.sentence
