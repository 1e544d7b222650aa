"""What a result report makes of contests, units and numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from projections.area.tally import HEAD, TallyView, empty_tally
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator
from projections.nist.contests import contest_name, contest_type, vote_variation
from projections.nist.numbers import NumbersInMemory, UnitFacts, facts_of, known, together, undervotes
from projections.nist.report import PRECINCT, SUMMARY, WHOLE, PackageNames, Report, ReportPart, report_object
from projections.nist.report_plan import VOTE_COUNTS_MAX, detail_of, planned_reports, vote_counts_max
from projections.nist.units import areas_of, district_unit, districts_by_id, stations_of, unit_type
from projections.tables.result_rows import stations_by_rank
from schemas.definition.package import Area, Choice, ChoiceKind, Method, Mode
from schemas.definition.rows import LocalText
from schemas.nist.objects import Stream, VoteCounts, area_id, station_id, text
from tests.support.shared_data import NIST, needs_nist
from tests.support.small_election import elsewhere, small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)
BY_RANK = stations_by_rank(DEFINITION)
ELSEWHERE = Definition.of(elsewhere(PACKAGE))
NAMES = PackageNames(PACKAGE.parties, PACKAGE.districts, "KPU")
FACTS = UnitFacts(4, 3, 2, 800, 500, 490, 5)


def _contest(definition: Definition, contest: str, **changed: Any) -> ContestEntry:
    entry = definition.ballots.contest(contest)
    return replace(entry, contest=entry.contest.model_copy(update=changed))


def _ballot(*choices: tuple[ChoiceKind, str | None]) -> ContestEntry:
    ballot = tuple(
        Choice(contest="president", id=f"{n}", name=f"Choice {n}", kind=kind, party=party, order=n)
        for n, (kind, party) in enumerate(choices)
    )
    return replace(DEFINITION.ballots.contest("president"), ballot=ballot)


def _read(value: Any) -> Any:
    """The object with its streams read."""
    if isinstance(value, Stream):
        return [_read(each) for each in value.objects]
    if isinstance(value, VoteCounts):
        return [(id, number) for ids, numbers in value.batches for id, number in zip(ids, numbers, strict=True)]
    return {name: _read(each) for name, each in value.items()} if isinstance(value, dict) else value


def _report(
    definition: Definition,
    office: str,
    numbers: Iterable[NumbersInMemory],
    areas: Iterable[str],
    *,
    facts: UnitFacts | None = FACTS,
    stations: Iterable[str] = (),
    facts_of_station: UnitFacts = FACTS,
    part: ReportPart = WHOLE,
    names: PackageNames = NAMES,
) -> dict[str, Any]:
    of_stations = [definition.stations.number[each] for each in stations]
    report = Report(
        definition=definition,
        office=definition.ballots.office(office),
        names=names,
        status="unofficial-partial",
        as_of={"0": 12},
        generated_at=datetime(2029, 2, 14, 13, 0, 1, 500_000, tzinfo=UTC),
        contests=list(numbers),
        areas=[definition.tree.number[each] for each in areas],
        facts_of_area=lambda area: facts,
        stations=of_stations,
        facts_of_station=lambda station: facts_of_station,
        by_rank=BY_RANK,
        detail=PRECINCT if of_stations else SUMMARY,
        part=part,
    )
    found = _read(report_object(report))
    assert isinstance(found, dict)
    return found


def _numbers(contest: ContestEntry, facts: UnitFacts | None = FACTS) -> NumbersInMemory:
    rows = [[10 * unit + choice for choice in range(len(contest.ballot))] for unit in (1, 2)]
    return NumbersInMemory(contest, facts, ["area-1", "area-2"], rows, [("area-1", 7)])


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tally(**numbers: int) -> TallyView:
    names = ["stations", "registered", "voters", "valid", "valid_ballots", "invalid", "blank", "total"]
    not_stated = ["registered", "voters", "valid_ballots", "invalid", "blank", "total"]
    clean = [numbers.get(name, 0) for name in names] + [numbers.get(f"no_{name}", 0) for name in not_stated]
    tally = empty_tally(0)
    tally[:HEAD] = clean
    tally[2 * HEAD] = numbers.get("held", 0)
    return TallyView.of(tally)


def test_facts_are_sums_that_all_counted_stations_state() -> None:
    view = _tally(stations=2, voters=500, total=490, invalid=5, held=1)
    assert facts_of(view, Denominator(4, 800)) == FACTS
    unknown = _tally(stations=2, voters=500, no_voters=1, total=490, no_total=2, invalid=5, no_invalid=1, held=1)
    assert facts_of(unknown, Denominator(4, 800, 1)) == UnitFacts(4, 3, 2, None, None, None, None)
    assert known(view.counted, 3) == 0


def test_facts_of_several_contests_are_their_sum_where_each_is_known() -> None:
    other = UnitFacts(1, 1, 1, None, 3, None, 2)
    assert together((FACTS, other)) == UnitFacts(5, 4, 3, None, 503, None, 7)


@pytest.mark.parametrize(
    ("reported", "counted", "status"),
    [(0, 0, "not-processed"), (1, 0, "in-process"), (4, 3, "in-process"), (4, 4, "completed")],
)
def test_the_status_follows_from_the_counted_stations(reported: int, counted: int, status: str) -> None:
    assert FACTS._replace(reported=reported, counted=counted).count_status == status


def test_undervotes_are_what_counted_ballots_could_bear_and_do_not() -> None:
    apart = ELSEWHERE.ballots.contest("president")
    assert undervotes(apart, 90, 90, 10) == 10
    assert undervotes(replace(apart, votes_per_ballot=2), 150, 90, 10) == 50
    assert undervotes(apart, 120, 90, 10) == 0
    assert [undervotes(apart, *each) for each in ((None, 90, 10), (90, None, 10), (90, 90, None))] == [None] * 3
    assert undervotes(DEFINITION.ballots.contest("president"), 90, 90, 10) is None


# ── contests ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CANDIDATE, PARTY, OPTION = ChoiceKind.CANDIDATE, ChoiceKind.PARTY, ChoiceKind.OPTION


@pytest.mark.parametrize(
    ("choices", "type"),
    [
        (((CANDIDATE, None), (CANDIDATE, "P1")), "CandidateContest"),
        (((PARTY, "P1"), (CANDIDATE, "P1")), "CandidateContest"),
        (((CANDIDATE, None), (OPTION, None)), "CandidateContest"),
        (((PARTY, "P1"), (PARTY, "P2")), "PartyContest"),
        (((OPTION, None), (OPTION, None)), "BallotMeasureContest"),
        (((PARTY, None), (PARTY, None)), "BallotMeasureContest"),
        (((OPTION, "P1"), (OPTION, None)), "BallotMeasureContest"),
        (((PARTY, "P1"), (OPTION, None)), "CandidateContest"),
    ],
)
def test_the_type_of_a_contest_follows_from_its_choices(choices: Any, type: str) -> None:
    contest = _ballot(*choices)
    assert contest_type(contest) == type
    report = _report(DEFINITION, "president", [_numbers(contest)], ["1", "2"])
    (found,) = report["Election"][0]["Contest"]
    assert found["@type"] == f"ElectionResults.{type}"
    assert [each["SequenceOrder"] for each in found["ContestSelection"]] == [0, 1]
    assert [each["VoteCounts"] for each in found["ContestSelection"]] == [
        [("area-1", 10), ("area-2", 20)],
        [("area-1", 11), ("area-2", 21)],
    ]
    candidates = report["Election"][0]["Candidate"]
    assert len(candidates) == sum(kind is CANDIDATE for kind, _ in choices)
    for selection, (kind, party) in zip(found["ContestSelection"], choices, strict=True):
        if kind is CANDIDATE:
            (candidate,) = [each for each in candidates if [each["@id"]] == selection["CandidateIds"]]
            assert candidate.get("PartyId") == (None if party is None else f"party-{party}")
            assert selection["@type"] == "ElectionResults.CandidateSelection"
        elif kind is PARTY and party is not None:
            assert selection["PartyIds"] == [f"party-{party}"]
            assert selection["@type"] == "ElectionResults.PartySelection"
        else:
            assert selection["@type"] == "ElectionResults.BallotMeasureSelection"
            code = {"@type": "ElectionResults.ExternalIdentifier", "Type": "national-level"}
            number = selection["SequenceOrder"]
            assert selection["ExternalIdentifier"] == [code | {"Value": f"{number}"}]
            assert selection["Selection"]["Text"][0]["Content"] == f"Choice {number}"
    assert ("VotesAllowed" in found) == (type == "CandidateContest")


@pytest.mark.parametrize(
    ("method", "votes", "variation"),
    [
        (Method.PLURALITY, 1, ("plurality", None)),
        (Method.PLURALITY, 2, ("n-of-m", None)),
        (Method.MOST_VOTES, 1, ("plurality", None)),
        (Method.MOST_VOTES, 3, ("n-of-m", None)),
        (Method.SAINTE_LAGUE, 1, ("proportional", None)),
        (Method.SAINTE_LAGUE, 2, ("proportional", None)),
        (Method.ABSOLUTE_MAJORITY_WITH_SPREAD, 1, ("other", "absolute-majority-with-spread")),
    ],
)
def test_the_method_is_a_vote_variation(method: Method, votes: int, variation: tuple[str, str | None]) -> None:
    assert (
        vote_variation(replace(_contest(DEFINITION, "president", method=method), votes_per_ballot=votes)) == variation
    )


def test_a_contest_without_a_name_has_that_of_its_office() -> None:
    assert contest_name(DEFINITION, _contest(DEFINITION, "president")) == "Presiden"
    assert contest_name(DEFINITION, _contest(DEFINITION, "council-a")) == "Dewan, a"
    named = _contest(DEFINITION, "council-a", name=LocalText(id="Dapil A", en="District A"))
    assert contest_name(DEFINITION, named) == "Dapil A"
    (found,) = _report(DEFINITION, "council", [_numbers(named)], ["1", "2"])["Election"][0]["Contest"]
    assert [each["Content"] for each in found["BallotTitle"]["Text"]] == ["Dapil A", "District A"]


def test_a_part_without_the_whole_area_does_not_state_how_far_the_contest_is() -> None:
    contest = _contest(ELSEWHERE, "president")
    (whole,) = _report(ELSEWHERE, "president", [_numbers(contest)], ["1", "2"])["Election"][0]["Contest"]
    assert (whole["SubUnitsReported"], whole["TotalSubUnits"]) == (2, 4)
    assert [(each["Status"], each["Type"]) for each in whole["CountStatus"]] == [("in-process", "total")]
    assert whole["OtherCounts"] == [
        {"@type": "ElectionResults.OtherCounts", "GpUnitId": "area-1", "Undervotes": 7},
    ]
    report = _report(ELSEWHERE, "president", [_numbers(contest, None)], ["1"], facts=None, part=ReportPart(2, 3))
    (found,) = report["Election"][0]["Contest"]
    assert found.keys().isdisjoint({"SubUnitsReported", "TotalSubUnits", "CountStatus"})
    assert report["Election"][0]["BallotCounts"] == []
    assert (report["SequenceStart"], report["SequenceEnd"]) == (2, 3)


def test_undervotes_are_those_of_contests_that_count_blank_ballots_apart() -> None:
    for definition, is_counted in ((ELSEWHERE, True), (DEFINITION, False)):
        report = _report(definition, "president", [_numbers(_contest(definition, "president"))], ["1", "2"])
        assert ("OtherCounts" in report["Election"][0]["Contest"][0]) is is_counted


# ── units ────────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def _unit(report: dict[str, Any], id: str) -> Any:
    return next(each for each in report["GpUnit"] if each["@id"] == id)


def test_an_area_is_made_up_of_what_is_in_the_report_where_all_of_it_is() -> None:
    contest = _contest(DEFINITION, "president")
    report = _report(DEFINITION, "president", [_numbers(contest)], ["N", "1", "2", "1.1"])
    assert _unit(report, "area-N")["ComposingGpUnitIds"] == ["area-1", "area-2"]
    assert "ComposingGpUnitIds" not in _unit(report, "area-1")  # 1.2 is not in the report
    village = _report(DEFINITION, "president", [_numbers(contest)], ["1.1.1"], stations=["1.1.1-1", "1.1.1-2"])
    assert _unit(village, "area-1.1.1")["ComposingGpUnitIds"] == ["station-1.1.1-1", "station-1.1.1-2"]
    lowest = _report(DEFINITION, "president", [_numbers(contest)], ["1.1.1"])
    assert "ComposingGpUnitIds" not in _unit(lowest, "area-1.1.1")
    assert _unit(village, "area-N").keys().isdisjoint({"CountStatus", "SubUnitsReported", "VotersRegistered"})
    assert {each["GpUnitId"] for each in village["Election"][0]["BallotCounts"]} == {
        "area-1.1.1",
        "station-1.1.1-1",
        "station-1.1.1-2",
    }


def test_a_unit_states_its_name_its_progress_and_its_voters() -> None:
    nameless = PACKAGE.stations[0].model_copy(update={"name": None})
    definition = Definition.of(replace(PACKAGE, stations=(nameless, *PACKAGE.stations[1:])))
    contest = _contest(definition, "president")
    report = _report(definition, "president", [_numbers(contest)], ["1.1.1"], stations=["1.1.1-1", "1.1.1-2"])
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
    assert _unit(report, "station-1.1.1-2") == station
    assert "Name" not in _unit(report, "station-1.1.1-1")
    area = _unit(report, "area-1.1.1")
    assert (area["Name"], area["Type"], area["VotersParticipated"]) == (text("Village 1.1.1"), "village", 500)


def test_an_area_consists_of_those_in_which_the_office_is_voted_on() -> None:
    definition = _only_council_a()
    report = _report(definition, "council", [_numbers(_contest(definition, "council-a"))], ["N", "1"])
    assert _unit(report, "area-N")["ComposingGpUnitIds"] == ["area-1"]


def test_an_area_without_stations_consists_of_nothing() -> None:
    village = Area(code="1.1.3", name="Village 1.1.3", level="village", parent="1.1")
    definition = Definition.of(replace(PACKAGE, areas=(*PACKAGE.areas, village)))
    contest = _contest(definition, "president")
    report = _report(definition, "president", [_numbers(contest)], ["1.1.3"], stations=["1.1.1-1"])
    assert "ComposingGpUnitIds" not in _unit(report, "area-1.1.3")


def test_ballots_are_given_of_areas_whose_stations_state_them() -> None:
    contest = _contest(DEFINITION, "president")
    report = _report(DEFINITION, "president", [_numbers(contest)], ["1", "2"])
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
    unknown = _report(DEFINITION, "president", [_numbers(contest)], ["1", "2"], facts=FACTS._replace(ballots=None))
    assert unknown["Election"][0]["BallotCounts"] == []


def test_a_station_that_is_not_counted_has_no_ballots() -> None:
    contest = _contest(DEFINITION, "president")
    for facts in (FACTS._replace(counted=0), FACTS._replace(ballots=None)):
        report = _report(DEFINITION, "president", [_numbers(contest)], [], stations=["1.1.1-1"], facts_of_station=facts)
        assert report["Election"][0]["BallotCounts"] == []


def test_electorates_are_units_also_where_they_have_no_numbers() -> None:
    contests = [_numbers(_contest(DEFINITION, each)) for each in ("council-a", "council-b")]
    report = _report(DEFINITION, "council", contests, ["1", "1.1", "1.2"])
    assert _unit(report, "area-N")["Type"] == "country"
    a, b = _unit(report, "district-a"), _unit(report, "district-b")
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


def _only_council_a() -> Definition:
    """The small election without the contests of the council in the other districts."""
    others = ("council-b", "council-c")
    return Definition.of(
        replace(
            PACKAGE,
            contests=tuple(each for each in PACKAGE.contests if each.id not in others),
            choices=tuple(each for each in PACKAGE.choices if each.contest not in others),
        )
    )


def test_units_of_an_office_are_where_it_is_voted_on() -> None:
    definition = _only_council_a()
    office = definition.ballots.office("council")
    codes = [definition.tree.codes[each] for each in areas_of(definition, office, 2)]
    assert codes == ["N", "1", "1.1"]
    by_rank = stations_by_rank(definition)
    stations = [definition.stations.codes[each] for each in stations_of(definition, office, by_rank)]
    assert stations == ["1.1.1-1", "1.1.1-2", "1.1.2-1", "1.1.2-2"]
    inside = stations_of(definition, office, by_rank, definition.tree.number["1.1.2"])
    assert [definition.stations.codes[each] for each in inside] == ["1.1.2-1", "1.1.2-2"]
    assert list(stations_of(definition, office, by_rank, definition.tree.number["1"])) == []


# ── the report and its plan ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_report_names_what_it_is_of() -> None:
    package = replace(PACKAGE, election=PACKAGE.election.model_copy(update={"source": "KPU", "licence": "CC BY 4.0"}))
    definition = Definition.of(package)
    report = _report(definition, "president", [_numbers(_contest(definition, "president"))], ["1", "2"])
    assert {each["OtherType"]: each["Value"] for each in report["ExternalIdentifier"]} == {
        "rekap-definition": definition.hash,
        "rekap-as-of": '{"0":12}',
    }
    assert (report["Issuer"], report["GeneratedDate"], report["Status"]) == (
        "KPU",
        "2029-02-14T13:00:01Z",
        "unofficial-partial",
    )
    assert (report["SequenceStart"], report["SequenceEnd"], report["VendorApplicationId"]) == (1, 1, "rekap")
    assert report["Notes"] == "Licence: CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/). Source: KPU"
    election = report["Election"][0]
    assert (election["ElectionScopeId"], election["Type"], election["OtherType"]) == ("area-N", "other", "not-stated")
    of_own_words = replace(PACKAGE, election=PACKAGE.election.model_copy(update={"licence": "Ask us"}))
    other = Definition.of(of_own_words)
    again = _report(other, "president", [_numbers(_contest(other, "president"))], ["1", "2"])
    assert again["Notes"] == "Licence: Ask us"


@pytest.mark.parametrize(
    ("mode", "is_test", "test_type"), [(Mode.LIVE, False, None), (Mode.REHEARSAL, True, "rehearsal")]
)
def test_a_report_of_made_up_numbers_is_a_test(mode: Mode, is_test: bool, test_type: str | None) -> None:
    definition = Definition.of(replace(PACKAGE, election=PACKAGE.election.model_copy(update={"mode": mode})))
    report = _report(definition, "president", [_numbers(_contest(definition, "president"))], ["1"])
    assert (report["IsTest"], report.get("TestType")) == (is_test, test_type)


def test_a_report_names_the_parties_of_its_office() -> None:
    first, second = PACKAGE.parties
    names = NAMES._replace(parties=(first.model_copy(update={"short_name": "One"}), second))
    of_council = _report(DEFINITION, "council", [_numbers(_contest(DEFINITION, "council-a"))], ["1"], names=names)
    code = {"@type": "ElectionResults.ExternalIdentifier", "Type": "national-level"}
    one, two = (
        {
            "@type": "ElectionResults.Party",
            "@id": f"party-{id}",
            "ExternalIdentifier": [code | {"Value": id}],
            "Name": text(name),
        }
        for id, name in (("P1", "Party 1"), ("P2", "Party 2"))
    )
    assert of_council["Party"] == [one | {"Abbreviation": text("One")}, two]
    assert _report(DEFINITION, "president", [_numbers(_contest(DEFINITION, "president"))], ["1"])["Party"] == []


def test_each_office_has_a_report_for_areas_and_one_for_stations() -> None:
    twin = PACKAGE.offices[0].model_copy(update={"id": "President"})
    contest = PACKAGE.contests[0].model_copy(update={"id": "twin", "office": "President"})
    both = Definition.of(replace(PACKAGE, offices=(*PACKAGE.offices, twin), contests=(*PACKAGE.contests, contest)))
    planned = planned_reports(both, "president")
    assert [(each.stem, each.level) for each in planned] == [
        ("president.district.nist-report", "district"),
        ("president.station.nist-report", "station"),
    ]
    assert [each.stem for each in planned_reports(both, "President")] == [
        "President.district.nist-report-2",
        "President.station.nist-report-2",
    ]
    assert [detail_of(both, each) for each in planned] == [SUMMARY, PRECINCT]
    office = both.ballots.office("president")
    assert [vote_counts_max(both, office, each) for each in planned] == [7 * 3, (7 + 8 + 16) * 3]


def test_a_report_may_have_a_nation_of_stations_and_at_most_1_8_gigabytes() -> None:
    stations, candidates, bytes_of_count = 823_000, 12, 90
    assert stations * candidates <= VOTE_COUNTS_MAX
    assert VOTE_COUNTS_MAX * bytes_of_count == 1_800_000_000


def test_the_names_are_read_from_the_tables_of_the_package() -> None:
    names = PackageNames.of(PACKAGE.election, PACKAGE.tables().__getitem__)
    assert names == PackageNames(PACKAGE.parties, PACKAGE.districts, "Pemilu kecil")


def test_ids_keep_areas_and_stations_apart() -> None:
    assert (area_id("34"), station_id("34")) == ("area-34", "station-34")
