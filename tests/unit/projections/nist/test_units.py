"""Reporting units: areas, stations and electoral districts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.nist.units import areas_of, district_unit, districts_by_id, stations_of, unit_type
from projections.tables.result_rows import stations_by_rank
from schemas.definition.package import Area
from schemas.nist.objects import text
from tests.support.nist_reports import (
    DEFINITION,
    FACTS,
    PACKAGE,
    contest_of,
    made_report,
    numbers_of,
    only_council_a,
    unit_of,
)
from tests.support.shared_data import NIST, needs_nist


@pytest.mark.parametrize(
    ("level", "type"),
    [
        ("nation", ("country", None)),
        ("province", ("state", None)),
        ("provinsi", ("state", None)),
        ("desa", ("village", None)),
        ("county", ("county", None)),
        ("district", ("other", "district")),
        ("kecamatan", ("other", "kecamatan")),
    ],
)
def test_a_level_is_a_type_of_units_where_the_standard_lists_it(level: str, type: tuple[str, str | None]) -> None:
    assert unit_type(level) == type


@needs_nist
def test_each_type_of_areas_in_the_standard_is_the_level_of_that_name() -> None:
    schema = json.loads((NIST / "NIST_V2_election_results_reporting.json").read_text("utf-8-sig"))
    types = set(schema["definitions"]["ElectionResults.ReportingUnitType"]["enum"])
    not_areas = {"ballot-batch", "ballot-style-area", "drop-box", "polling-place", "vote-center", "other"}
    parts_of_precincts = {"combined-precinct", "split-precinct"}
    assert {each for each in types if unit_type(each) == (each, None)} == types - not_areas - parts_of_precincts


def test_an_area_is_made_up_of_what_is_in_the_report_where_all_of_it_is() -> None:
    contest = contest_of(DEFINITION, "president")
    report = made_report(DEFINITION, "president", [numbers_of(contest)], ["N", "1", "2", "1.1"])
    assert unit_of(report, "area-N")["ComposingGpUnitIds"] == ["area-1", "area-2"]
    assert "ComposingGpUnitIds" not in unit_of(report, "area-1")  # 1.2 is not in the report
    village = made_report(DEFINITION, "president", [numbers_of(contest)], ["1.1.1"], stations=["1.1.1-1", "1.1.1-2"])
    assert unit_of(village, "area-1.1.1")["ComposingGpUnitIds"] == ["station-1.1.1-1", "station-1.1.1-2"]
    lowest = made_report(DEFINITION, "president", [numbers_of(contest)], ["1.1.1"])
    assert "ComposingGpUnitIds" not in unit_of(lowest, "area-1.1.1")
    assert unit_of(village, "area-N").keys().isdisjoint({"CountStatus", "SubUnitsReported", "VotersRegistered"})
    assert {each["GpUnitId"] for each in village["Election"][0]["BallotCounts"]} == {
        "area-1.1.1",
        "station-1.1.1-1",
        "station-1.1.1-2",
    }


def test_a_unit_states_its_name_its_progress_and_its_voters() -> None:
    nameless = PACKAGE.stations[0].model_copy(update={"name": None})
    definition = Definition.of(replace(PACKAGE, stations=(nameless, *PACKAGE.stations[1:])))
    contest = contest_of(definition, "president")
    report = made_report(definition, "president", [numbers_of(contest)], ["1.1.1"], stations=["1.1.1-1", "1.1.1-2"])
    station = {
        "@type": "ElectionResults.ReportingUnit",
        "@id": "station-1.1.1-2",
        "CountStatus": [{"@type": "ElectionResults.CountStatus", "Status": "in-process", "Type": "total"}],
        "ExternalIdentifier": [
            {"@type": "ElectionResults.ExternalIdentifier", "Type": "national-level", "Value": "1.1.1-2"}
        ],
        "Name": text("TPS 2"),
        "SubUnitsReported": 2,
        "TotalSubUnits": 4,
        "Type": "polling-place",
        "VotersParticipated": 500,
        "VotersRegistered": 800,
    }
    assert unit_of(report, "station-1.1.1-2") == station
    assert "Name" not in unit_of(report, "station-1.1.1-1")
    area = unit_of(report, "area-1.1.1")
    assert (area["Name"], area["Type"], area["VotersParticipated"]) == (text("Village 1.1.1"), "village", 500)


def test_an_area_consists_of_those_in_which_the_office_is_voted_on() -> None:
    definition = only_council_a()
    report = made_report(definition, "council", [numbers_of(contest_of(definition, "council-a"))], ["N", "1"])
    assert unit_of(report, "area-N")["ComposingGpUnitIds"] == ["area-1"]


def test_an_area_without_stations_consists_of_nothing() -> None:
    village = Area(code="1.1.3", name="Village 1.1.3", level="village", parent="1.1")
    definition = Definition.of(replace(PACKAGE, areas=(*PACKAGE.areas, village)))
    contest = contest_of(definition, "president")
    report = made_report(definition, "president", [numbers_of(contest)], ["1.1.3"], stations=["1.1.1-1"])
    assert "ComposingGpUnitIds" not in unit_of(report, "area-1.1.3")


def test_ballots_are_given_of_areas_whose_stations_state_them() -> None:
    contest = contest_of(DEFINITION, "president")
    report = made_report(DEFINITION, "president", [numbers_of(contest)], ["1", "2"])
    assert report["Election"][0]["BallotCounts"] == [
        {
            "@type": "ElectionResults.BallotCounts",
            "GpUnitId": f"area-{area}",
            "Type": "total",
            "BallotsCast": 490,
            "BallotsRejected": 5,
        }
        for area in ("1", "2")
    ]
    unknown = made_report(
        DEFINITION, "president", [numbers_of(contest)], ["1", "2"], facts=FACTS._replace(ballots=None)
    )
    assert unknown["Election"][0]["BallotCounts"] == []


def test_a_station_that_is_not_counted_has_no_ballots() -> None:
    contest = contest_of(DEFINITION, "president")
    for facts in (FACTS._replace(counted=0), FACTS._replace(ballots=None)):
        report = made_report(
            DEFINITION, "president", [numbers_of(contest)], [], stations=["1.1.1-1"], facts_of_station=facts
        )
        assert report["Election"][0]["BallotCounts"] == []


def test_electorates_are_units_also_where_they_have_no_numbers() -> None:
    contests = [numbers_of(contest_of(DEFINITION, each)) for each in ("council-a", "council-b")]
    report = made_report(DEFINITION, "council", contests, ["1", "1.1", "1.2"])
    assert unit_of(report, "area-N")["Type"] == "country"
    a, b = unit_of(report, "district-a"), unit_of(report, "district-b")
    assert (a["IsDistricted"], a["ComposingGpUnitIds"]) == (True, ["area-1.1"])
    assert "ComposingGpUnitIds" not in b  # 2.1.1 is not in the report
    parts = districts_by_id(PACKAGE.districts)["b"]
    assert district_unit(DEFINITION, parts, {"1.2": "area-1.2", "2.1.1": "area-2.1.1"}) == {
        "@type": "ElectionResults.ReportingUnit",
        "@id": "district-b",
        "ComposingGpUnitIds": ["area-1.2", "area-2.1.1"],
        "ExternalIdentifier": [{"@type": "ElectionResults.ExternalIdentifier", "Type": "national-level", "Value": "b"}],
        "Name": text("B"),
        "IsDistricted": True,
        "Type": "other",
        "OtherType": "electoral-district",
    }


def test_units_of_an_office_are_where_it_is_voted_on() -> None:
    definition = only_council_a()
    office = definition.ballots.office("council")
    codes = [definition.tree.codes[each] for each in areas_of(definition, office, 2)]
    assert codes == ["N", "1", "1.1"]
    by_rank = stations_by_rank(definition)
    stations = [definition.stations.codes[each] for each in stations_of(definition, office, by_rank)]
    assert stations == ["1.1.1-1", "1.1.1-2", "1.1.2-1", "1.1.2-2"]
    inside = stations_of(definition, office, by_rank, definition.tree.number["1.1.2"])
    assert [definition.stations.codes[each] for each in inside] == ["1.1.2-1", "1.1.2-2"]
    assert list(stations_of(definition, office, by_rank, definition.tree.number["1"])) == []
