"""Contests of a result report, with their selections and candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.definition.ballots import ContestEntry
from projections.nist.contests import contest_name, contest_type, vote_variation
from projections.nist.report import ReportPart
from schemas.definition.package import Choice, ChoiceKind, Method
from schemas.definition.rows import LocalText
from tests.support.nist_reports import (
    DEFINITION,
    ELSEWHERE,
    contest_of,
    made_report,
    numbers_of,
)

CANDIDATE, PARTY, OPTION = ChoiceKind.CANDIDATE, ChoiceKind.PARTY, ChoiceKind.OPTION


def _ballot(*choices: tuple[ChoiceKind, str | None]) -> ContestEntry:
    ballot = tuple(
        Choice(contest="president", id=f"{n}", name=f"Choice {n}", kind=kind, party=party, order=n)
        for n, (kind, party) in enumerate(choices)
    )
    return replace(DEFINITION.ballots.contest("president"), ballot=ballot)


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
    report = made_report(DEFINITION, "president", [numbers_of(contest)], ["1", "2"])
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
        vote_variation(replace(contest_of(DEFINITION, "president", method=method), votes_per_ballot=votes)) == variation
    )


def test_a_contest_without_a_name_has_that_of_its_office() -> None:
    assert contest_name(DEFINITION, contest_of(DEFINITION, "president")) == "Presiden"
    assert contest_name(DEFINITION, contest_of(DEFINITION, "council-a")) == "Dewan, a"
    named = contest_of(DEFINITION, "council-a", name=LocalText(id="Dapil A", en="District A"))
    assert contest_name(DEFINITION, named) == "Dapil A"
    (found,) = made_report(DEFINITION, "council", [numbers_of(named)], ["1", "2"])["Election"][0]["Contest"]
    assert [each["Content"] for each in found["BallotTitle"]["Text"]] == ["Dapil A", "District A"]


def test_a_part_without_the_whole_area_does_not_state_how_far_the_contest_is() -> None:
    contest = contest_of(ELSEWHERE, "president")
    (whole,) = made_report(ELSEWHERE, "president", [numbers_of(contest)], ["1", "2"])["Election"][0]["Contest"]
    assert (whole["SubUnitsReported"], whole["TotalSubUnits"]) == (2, 4)
    assert [(each["Status"], each["Type"]) for each in whole["CountStatus"]] == [("in-process", "total")]
    assert whole["OtherCounts"] == [
        {"@type": "ElectionResults.OtherCounts", "GpUnitId": "area-1", "Undervotes": 7},
    ]
    report = made_report(ELSEWHERE, "president", [numbers_of(contest, None)], ["1"], facts=None, part=ReportPart(2, 3))
    (found,) = report["Election"][0]["Contest"]
    assert found.keys().isdisjoint({"SubUnitsReported", "TotalSubUnits", "CountStatus"})
    assert report["Election"][0]["BallotCounts"] == []
    assert (report["SequenceStart"], report["SequenceEnd"]) == (2, 3)


def test_undervotes_are_those_of_contests_that_count_blank_ballots_apart() -> None:
    for definition, is_counted in ((ELSEWHERE, True), (DEFINITION, False)):
        report = made_report(definition, "president", [numbers_of(contest_of(definition, "president"))], ["1", "2"])
        assert ("OtherCounts" in report["Election"][0]["Contest"][0]) is is_counted
