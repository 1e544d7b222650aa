"""Which files there are, and their names."""

from __future__ import annotations

from dataclasses import replace

from projections.definition.compiled import Definition
from projections.tables.file_plan import planned_files
from schemas.derived.blocks import FINANCE
from tests.support.small_election import small_package
from tests.support.small_finance import finance_package

DEFINITION = Definition.of(small_package())


def test_each_office_and_level_has_its_files_and_the_register_once() -> None:
    names = [each.stem for each in planned_files(DEFINITION)]
    assert names[:4] == [
        "president.station.station-counts",
        "president.station.station-votes",
        "president.nation.area-counts",
        "president.nation.area-votes",
    ]
    assert "council.village.area-votes" in names
    assert "council.votes-over-time" in names
    assert names[-13:] == [
        *("areas", "stations", "offices", "contests", "districts", "parties", "choices", "candidates", "rules", "keys"),
        *("texts", "columns", "codes"),
    ]
    assert len(names) == 2 * 12 + 13


def test_an_election_with_finance_has_its_tables_unless_single_offices_are_wanted() -> None:
    definition = Definition.of(finance_package())
    found = [each for each in planned_files(definition) if each.office == FINANCE]
    assert [(each.stem, each.level) for each in found] == [("finance-reports", None), ("finance-lines", None)]
    assert not [each for each in planned_files(definition, offices=["president"]) if each.office == FINANCE]


def test_only_what_is_wanted_is_planned() -> None:
    planned = planned_files(DEFINITION, offices=["council"], tables=["area-votes", "choices"])
    assert [each.stem for each in planned] == [
        *(f"council.{level}.area-votes" for level in ("nation", "province", "district", "village")),
        "choices",
    ]
    assert planned[0].of == ((planned[0].table), "nation")


def test_no_two_files_have_the_same_name_also_without_capitals() -> None:
    package = small_package()
    twin = package.offices[0].model_copy(update={"id": "President"})
    contest = package.contests[0].model_copy(update={"id": "twin", "office": "President"})
    both = Definition.of(replace(package, offices=(*package.offices, twin), contests=(*package.contests, contest)))
    names = [each.stem.casefold() for each in planned_files(both)]
    assert len(names) == len(set(names))
    alone = planned_files(both, offices=["President"], tables=["station-votes"])
    assert [each.stem for each in alone] == ["President.station.station-votes-2"]
