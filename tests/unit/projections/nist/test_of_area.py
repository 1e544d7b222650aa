"""The report of an area from the read model has the numbers of its tallies and of its stations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from projections.area.tally import HEAD, TallyView
from projections.definition.compiled import Definition
from projections.nist.of_area import has_stations, report_of_area
from projections.nist.report import PackageNames, report_object
from projections.shown.answer_parts import Line, Part, part_of_area
from projections.shown.published import Moment
from projections.tables.result_rows import stations_by_rank
from runtime.nist.json_report import json_pieces
from schemas.definition.package import Contest
from schemas.nist.objects import area_id, selection_id, station_id
from tests.support.nist import checked_json, counts_of_json
from tests.support.shared_data import needs_nist
from tests.support.small_election import elsewhere, small_package
from tests.support.standings import made_standings, summed

PACKAGE = elsewhere(small_package())
DEFINITION = Definition.of(PACKAGE)
NAMES = PackageNames(PACKAGE.parties, PACKAGE.districts, "KPU")
STANDINGS = {str(contest.id): made_standings(DEFINITION, contest, 1) for contest in DEFINITION.ballots.contests}
TALLIES = {
    (str(contest.id), DEFINITION.tree.codes[area]): tally
    for contest in DEFINITION.ballots.contests
    for area, tally in summed(DEFINITION, contest, STANDINGS[contest.id]).items()
}
MOMENT = Moment({"president": (12,), "council": (9,)}, {("president", 0): 13}, TALLIES, {})
BY_RANK = stations_by_rank(DEFINITION)


def _report(area: str, office: str, part: Part | None = None) -> Any:
    return json.loads(_written(area, office, part))


def _written(area: str, office: str, part: Part | None = None) -> bytes:
    number, entry = DEFINITION.tree.number[area], DEFINITION.ballots.office(office)
    standings = {}
    if has_stations(DEFINITION, number):
        order = DEFINITION.stations.order
        standings = {
            contest: [
                {
                    "station": DEFINITION.stations.codes[BY_RANK[each.rank]],
                    "state": each.state,
                    "contribution": each.contribution,
                }
                for each in rows
                if order.first[number] <= each.rank < order.end[number]
            ]
            for contest, rows in STANDINGS.items()
            if DEFINITION.ballots.contest(contest).office == office
        }
    wanted = part or part_of_area(DEFINITION, number, [entry], 1)
    made = report_of_area(
        DEFINITION, number, entry, NAMES, BY_RANK, MOMENT, standings, wanted, datetime(2029, 2, 14, tzinfo=UTC)
    )
    return b"".join(json_pieces(report_object(made)))


@needs_nist
@pytest.mark.parametrize("office", ["president", "council"])
def test_each_report_is_valid(office: str) -> None:
    for area in DEFINITION.tree.codes:
        checked_json(_written(area, office))


@pytest.mark.parametrize("office", ["president", "council"])
@pytest.mark.parametrize("area", DEFINITION.tree.codes)
def test_each_area_has_the_votes_of_its_tallies_and_stations(area: str, office: str) -> None:
    report = _report(area, office)
    number = DEFINITION.tree.number[area]
    expected = {}
    for each in (number, *DEFINITION.tree.children[number]):
        code = DEFINITION.tree.codes[each]
        for contest in DEFINITION.ballots.contests:
            if contest.office == office and (contest.number, each) in DEFINITION.electorates.denominators:
                votes = TallyView.of(MOMENT.tally(contest, code)).counted[HEAD:]
                for index, count in enumerate(votes):
                    expected[selection_id(contest.id, index), area_id(code)] = count
    if has_stations(DEFINITION, number):
        for contest_id, rows in STANDINGS.items():
            if DEFINITION.ballots.contest(contest_id).office != office:
                continue
            for row in rows:
                station = BY_RANK[row.rank]
                if DEFINITION.stations.area[station] == number and row.state in ("counted", "flagged"):
                    assert row.contribution is not None
                    for index, count in enumerate(row.contribution[HEAD:]):
                        unit = station_id(DEFINITION.stations.codes[station])
                        expected[selection_id(contest_id, index), unit] = count
    assert counts_of_json(report) == expected
    assert report["Format"] == ("precinct-level" if has_stations(DEFINITION, number) else "summary-contest")
    identifiers = {each["OtherType"]: each["Value"] for each in report["ExternalIdentifier"]}
    assert identifiers["rekap-as-of"] == ('{"0":12}' if office == "president" else '{"0":9}')
    assert identifiers["rekap-shard-as-of"] == ('{"0":13}' if office == "president" else "{}")


def test_stations_have_what_their_forms_state() -> None:
    states = set()
    for area in DEFINITION.tree.codes:
        if not has_stations(DEFINITION, DEFINITION.tree.number[area]):
            continue
        units = {each["@id"]: each for each in _report(area, "president")["GpUnit"]}
        rows = {DEFINITION.stations.codes[BY_RANK[each.rank]]: each for each in STANDINGS["president"]}
        for station, code in enumerate(DEFINITION.stations.codes):
            if DEFINITION.tree.codes[DEFINITION.stations.area[station]] != area:
                continue
            unit, row = units[station_id(code)], rows.get(code)
            state = "nothing" if row is None else row.state
            states.add(state)
            status = {"counted": "completed", "flagged": "completed", "held": "in-process"}.get(state, "not-processed")
            assert unit["CountStatus"][0]["Status"] == status
            assert unit["TotalSubUnits"] == 1
            if state not in ("counted", "flagged"):
                assert "VotersParticipated" not in unit
    assert states == {"nothing", "waiting", "annulled", "counted", "flagged", "held"}


def test_a_part_states_facts_only_of_areas_with_all_their_contests() -> None:
    number = DEFINITION.tree.number["2"]
    contests = DEFINITION.electorates.contests_in(number)
    council = [each for each in contests if DEFINITION.ballots.contests[each].office == "council"]
    assert len(council) == 2
    whole = _report("2", "council")
    half = _report("2", "council", Part(1, 2, [Line(number, council[0])]))
    units = {each["@id"]: each for each in half["GpUnit"]}
    assert "TotalSubUnits" not in units["area-2"]
    assert {each["@id"]: each for each in whole["GpUnit"]}["area-2"]["TotalSubUnits"] == 8
    assert (half["SequenceStart"], half["SequenceEnd"]) == (1, 2)


# ── by hand: contribution = 1, registered, voters, valid, valid ballots, invalid, blank, total; what is not stated; votes ──

STATED = (1, 0, 150, 100, 100, 3, 7, 110, *(1, 0, 0, 0, 0, 0), 50, 30, 20)
"""All numbers but the register."""
NO_VOTERS_NO_BLANK = (1, 202, 0, 60, 60, 2, 0, 62, *(0, 1, 0, 0, 1, 0), 10, 20, 30)


def _by_hand(definition: Definition, area: str, forms: Mapping[tuple[str, str], tuple[str, tuple[int, ...]]]) -> Any:
    """The report of the first office in an area. `forms` has (contest, station) → state and contribution."""
    number, office = definition.tree.number[area], definition.ballots.offices[0]
    tallies: dict[tuple[str, str], list[int]] = {}
    standings: dict[str, list[dict[str, Any]]] = {}
    for (contest, station), (state, numbers) in forms.items():
        standings.setdefault(contest, []).append({"station": station, "state": state, "contribution": numbers})
        third = HEAD + len(definition.ballots.contest(contest).choices)
        tally = tallies.setdefault((contest, area), [0] * (3 * third + 1))
        first = ("counted", "flagged", "held").index(state) * third
        tally[first : first + third] = [one + other for one, other in zip(tally[first:], numbers, strict=False)]
    moment = Moment({"president": (12,)}, {}, tallies, {})
    part = part_of_area(definition, number, [office], 1)
    made = report_of_area(
        definition,
        number,
        office,
        NAMES,
        stations_by_rank(definition),
        moment,
        standings,
        part,
        datetime(2029, 2, 14, tzinfo=UTC),
    )
    return json.loads(b"".join(json_pieces(report_object(made))))


def _members(report: Any, *names: str) -> dict[str, list[Any]]:
    """Members of each unit of the report; None where it has no such member."""
    return {each["@id"]: [each.get(name) for name in names] for each in report["GpUnit"]}


def test_a_number_that_one_form_does_not_state_is_given_of_the_other_alone() -> None:
    forms = {
        ("president", "1.1.1-1"): ("counted", STATED),
        ("president", "1.1.1-2"): ("flagged", NO_VOTERS_NO_BLANK),
    }
    report = _by_hand(DEFINITION, "1.1.1", forms)
    assert report["Status"] == "unofficial-complete"
    units = _members(report, "SubUnitsReported", "TotalSubUnits", "VotersParticipated", "VotersRegistered")
    assert units == {
        "area-N": [None, None, None, None],
        "area-1.1.1": [2, 2, None, None],
        "station-1.1.1-1": [1, 1, 150, None],
        "station-1.1.1-2": [1, 1, None, 202],
    }
    election = report["Election"][0]
    ballots = [
        [each[name] for name in ("GpUnitId", "BallotsCast", "BallotsRejected")] for each in election["BallotCounts"]
    ]
    assert ballots == [["area-1.1.1", 172, 5], ["station-1.1.1-1", 110, 3], ["station-1.1.1-2", 62, 2]]
    (contest,) = election["Contest"]
    assert [(each["GpUnitId"], each["Undervotes"]) for each in contest["OtherCounts"]] == [("station-1.1.1-1", 7)]


def test_a_station_without_a_form_that_counts_has_no_numbers() -> None:
    report = _by_hand(DEFINITION, "1.1.2", {("president", "1.1.2-1"): ("held", STATED)})
    assert report["Status"] == "unofficial-partial"
    assert _members(report, "SubUnitsReported", "TotalSubUnits", "VotersParticipated", "VotersRegistered") == {
        "area-N": [None, None, None, None],
        "area-1.1.2": [0, 2, 0, None],
        "station-1.1.2-1": [0, 1, None, None],
        "station-1.1.2-2": [0, 1, None, 202],
    }
    (contest,) = report["Election"][0]["Contest"]
    assert [each["GpUnitId"] for each in report["Election"][0]["BallotCounts"]] == ["area-1.1.2"]
    assert {each["GpUnitId"] for each in contest["ContestSelection"][0]["VoteCounts"]} == {"area-1.1.2"}


def test_a_station_that_votes_in_two_contests_has_the_numbers_of_its_forms_that_count() -> None:
    choices = [each.model_copy(update={"contest": "vice"}) for each in PACKAGE.choices if each.contest == "president"]
    definition = Definition.of(
        replace(
            PACKAGE,
            contests=(*PACKAGE.contests, Contest(id="vice", office="president", electorate="1.1")),
            choices=(*PACKAGE.choices, *choices),
        )
    )
    station = "1.1.1-2"
    for state, numbers in (("held", [1, 2, 150]), ("counted", [2, 2, 300])):
        forms = {("president", station): ("counted", STATED), ("vice", station): (state, STATED)}
        units = _members(
            _by_hand(definition, "1.1.1", forms), "SubUnitsReported", "TotalSubUnits", "VotersParticipated"
        )
        assert units[f"station-{station}"] == numbers
