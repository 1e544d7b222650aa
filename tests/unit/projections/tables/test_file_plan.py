"""Which files there are, their names, and what the manifest states of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from projections.definition.compiled import Definition
from projections.tables.file_plan import planned_files
from projections.tables.manifest import about_file, head, status_of
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


def test_the_head_names_the_cut_definition_mode_and_licence() -> None:
    taken_at = datetime(2029, 2, 14, 13, 0, tzinfo=UTC)
    blocks = {("president", 0): 12, ("president", 2): -1, ("council", 1): 5}
    found = head(DEFINITION, blocks, taken_at, ["president", "council"])
    assert found == {
        "election": "small",
        "title": {"id": "Pemilu kecil", "en": "Small election"},
        "date": "2029-02-14",
        "mode": "rehearsal",
        "is_test": True,
        "definition": DEFINITION.hash,
        "licence": "CC0-1.0",
        "source": None,
        "as_of": {"president": {"0": 12}, "council": {"1": 5}},
        "taken_at": "2029-02-14T13:00:00.000Z",
    }
    counts, *_, codes = planned_files(DEFINITION, offices=["president"])
    about = about_file(found, counts)
    assert about["as_of"] == {"0": 12}
    assert (about["table"], about["schema_version"], about["office"], about["level"]) == (
        ("station-counts", counts.table.version, "president", "station")
    )
    assert about_file(found, codes)["as_of"] is None
    assert about_file({**found, "taken_at": "later"}, counts) == about


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], "pre-election"),
        (["pre-election", "pre-election"], "pre-election"),
        (["pre-election", "unofficial-complete"], "unofficial-partial"),
        (["unofficial-complete"], "unofficial-complete"),
        (["unofficial-complete", "unofficial-partial"], "unofficial-partial"),
    ],
)
def test_the_status_of_an_office_follows_from_its_contests(statuses: list[str], status: str) -> None:
    assert status_of(statuses) == status
