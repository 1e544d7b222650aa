"""Result reports among the bulk files: valid by the standard's schemas, with the numbers of the tables of the same cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from consumers.exporter import nist_numbers, nist_reports
from consumers.exporter.writing import Wanted, write_files
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE
from runtime.package.writing import write_package
from runtime.tables.table_files import Format
from schemas.definition.package import ElectionPackage, Mode
from schemas.nist.objects import NAMESPACE, area_id, selection_id, station_id
from tests.support.nist import (
    counts_of_json,
    counts_of_xml,
    read_report,
    types_of_xml,
)
from tests.support.shared_data import needs_nist
from tests.support.small_election import elsewhere, small_package
from tests.support.standings import made_cut

pytestmark = needs_nist

PACKAGES = {"indonesia": small_package(), "elsewhere": elsewhere(small_package())}


def _written(directory: Path, package: ElectionPackage, tables: tuple[str, ...] | None = None) -> Path:
    """The files of a cut in which stations are counted, flagged, held, annulled and waiting."""
    write_package(package, directory / "package")
    definition = Definition.of(package)
    copy, target = directory / "copy", directory / "files"
    cut = made_cut(definition, copy)
    target.mkdir()
    write_files(definition, directory / "package", cut, target, Wanted(list(Format), None, tables), lambda *_: None)
    assert sorted(path.name for path in copy.iterdir()) == [
        f"{name}-{office.number}" for name in ("histories", "standings") for office in definition.ballots.offices
    ]
    return target


def _entries(target: Path) -> list[dict[str, Any]]:
    manifest = orjson.loads((target / "manifest.json").read_bytes())
    return [each for each in manifest["files"] if each["table"] == REPORT_TABLE]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _votes_of_tables(target: Path, definition: Definition, office: str, level: str) -> dict[tuple[str, str], int]:
    """The votes that the tables of the same cut have, by the ids of the report."""
    found = {}
    depth = definition.tree.level_ids.index(level)
    for each in definition.tree.level_ids[: depth + 1]:
        table = "station-votes" if each == definition.tree.level_ids[-1] else "area-votes"
        for row in _rows(target / f"{office}.{each}.{table}.ndjson"):
            if row.get("state") == "held":
                continue
            contest = definition.ballots.contest(row["contest"])
            selection = selection_id(contest.id, contest.choice_index[row["choice"]])
            unit = station_id(row["station"]) if table == "station-votes" else area_id(row["area"])
            found[selection, unit] = row["votes"]
    return found


@pytest.mark.parametrize("where", PACKAGES)
@pytest.mark.parametrize("numbers_of_block", [1, 7, 65_536])
def test_reports_are_valid_and_have_the_votes_of_the_tables(
    where: str, numbers_of_block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nist_numbers, "NUMBERS_OF_BLOCK", numbers_of_block)
    package = PACKAGES[where]
    definition = Definition.of(package)
    target = _written(tmp_path, package)
    entries = _entries(target)
    assert sorted(each["name"] for each in entries) == sorted(
        f"{office}.{level}.nist-report.{format}"
        for office in ("president", "council")
        for level in ("district", "station")
        for format in ("json", "xml")
    )
    biggest = 0
    for entry in entries:
        report = read_report(target / entry["name"])
        counts = counts_of_json(report) if entry["format"] == "json" else counts_of_xml(report)
        assert counts == _votes_of_tables(target, definition, entry["office"], entry["level"]), entry["name"]
        assert len(counts) == entry["rows"] > 0
        biggest = max(biggest, *counts.values())
    assert biggest > 2**32


def test_a_report_has_what_the_tables_state_of_each_area(tmp_path: Path) -> None:
    package = PACKAGES["elsewhere"]
    target = _written(tmp_path, package)
    report = read_report(target / "president.station.nist-report.json")
    (election,) = report["Election"]
    (contest,) = election["Contest"]
    units = {each["@id"]: each for each in report["GpUnit"]}
    ballots = {each["GpUnitId"]: each for each in election["BallotCounts"]}
    others = {each["GpUnitId"]: each["Undervotes"] for each in contest["OtherCounts"]}
    rows = [
        (area_id(row["area"]), row)
        for level in ("nation", "province", "district", "village")
        for row in _rows(target / f"president.{level}.area-counts.ndjson")
    ]
    assert {each for each in units if each.startswith("area-")} == {id for id, _ in rows}
    statuses = {"pre-election": "not-processed", "unofficial-partial": "in-process", "unofficial-complete": "completed"}
    known = 0
    for id, row in rows:
        unit = units[id]
        assert (unit["SubUnitsReported"], unit["TotalSubUnits"]) == (row["stations_counted"], row["stations_expected"])
        assert unit["CountStatus"][0]["Status"] == statuses[row["results_status"]]
        assert unit.get("VotersParticipated") == (None if row["voters_not_stated"] else row["voters"])
        assert unit.get("VotersRegistered") == (
            None if row["registered_voters_expected_not_stated"] else row["registered_voters_expected"]
        )
        if row["total_not_stated"]:
            assert id not in ballots
        else:
            assert ballots[id]["BallotsCast"] == row["total"]
            assert ballots[id].get("BallotsRejected") == (None if row["invalid_not_stated"] else row["invalid"])
        if row["blank_not_stated"] or row["valid_ballots_not_stated"]:
            assert id not in others
        else:
            assert others[id] == max(0, row["valid_ballots"] + row["blank"] - row["valid"])
            known += 1
    assert known
    for row in _rows(target / "president.station.station-counts.ndjson"):
        unit = units[station_id(row["station"])]
        status = {"counted": "completed", "flagged": "completed", "held": "in-process"}
        assert unit["CountStatus"][0]["Status"] == status.get(row["state"], "not-processed")
        assert unit["Type"] == "polling-place"
        is_counted = row["state"] in ("counted", "flagged")
        assert unit.get("VotersParticipated") == (row["voters"] if is_counted else None)
        cast = ballots.get(station_id(row["station"]), {}).get("BallotsCast")
        assert cast == (row["total"] if is_counted else None)
    village = units["area-1.1.1"]
    assert village["ComposingGpUnitIds"] == ["station-1.1.1-1", "station-1.1.1-2"]
    assert units["area-N"]["ComposingGpUnitIds"] == ["area-1", "area-2"]


def test_a_rehearsal_is_a_test_and_a_live_count_is_not(tmp_path: Path) -> None:
    package = PACKAGES["indonesia"]
    live = replace(package, election=package.election.model_copy(update={"mode": Mode.LIVE, "source": "KPU"}))
    for name, each, test_type in (("rehearsal", package, "rehearsal"), ("live", live, None)):
        (tmp_path / name).mkdir()
        target = _written(tmp_path / name, each, (REPORT_TABLE,))
        manifest = orjson.loads((target / "manifest.json").read_bytes())
        assert manifest["files"] == _entries(target) != []
        report = read_report(target / "president.district.nist-report.json")
        assert report["IsTest"] == (test_type is not None)
        assert report.get("TestType") == test_type
        assert (report["Format"], report["Status"]) == ("summary-contest", "unofficial-partial")
        assert report["GeneratedDate"] == "2029-02-14T13:00:00Z"
        xml = read_report(target / "president.district.nist-report.xml")
        assert xml.findtext(f"{{{NAMESPACE}}}IsTest") == ("true" if test_type else "false")


def test_each_kind_of_contest_has_its_type(tmp_path: Path) -> None:
    package = PACKAGES["indonesia"]
    target = _written(tmp_path, package, (REPORT_TABLE,))
    council = read_report(target / "council.station.nist-report.xml")
    assert types_of_xml(council) == {"CandidateContest", "CandidateSelection", "PartySelection", "ReportingUnit"}
    districts = [
        each for each in read_report(target / "council.station.nist-report.json")["GpUnit"] if "IsDistricted" in each
    ]
    assert {each["OtherType"] for each in districts} == {"electoral-district"}
    assert all("Name" in each for each in districts)


def test_a_report_with_too_many_counts_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nist_reports, "VOTE_COUNTS_MAX", 30)
    target = _written(tmp_path, PACKAGES["indonesia"], (REPORT_TABLE,))
    manifest = orjson.loads((target / "manifest.json").read_bytes())
    assert {each["name"] for each in manifest["left_out"]} >= {"president.station.nist-report.json"}
    assert "president.district.nist-report.json" in {each["name"] for each in manifest["files"]}
    assert "a report has at most 30" in manifest["left_out"][0]["reason"]
