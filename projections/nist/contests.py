"""Contests, their selections and candidates as objects of NIST SP 1500-100."""

from __future__ import annotations

from collections.abc import Iterator

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.nist.numbers import ContestNumbers
from schemas.definition.package import Choice, ChoiceKind, Method
from schemas.nist.objects import (
    TOTAL,
    Object,
    Stream,
    VoteCounts,
    area_id,
    candidate_id,
    code_identifier,
    contest_id,
    district_id,
    identified,
    made,
    office_id,
    party_id,
    selection_id,
    text,
    texts,
)

CANDIDATE, PARTY, MEASURE = "CandidateSelection", "PartySelection", "BallotMeasureSelection"
_CONTEST_OF_ONLY = {PARTY: "PartyContest", MEASURE: "BallotMeasureContest"}
_VARIATIONS = {Method.PLURALITY: "plurality", Method.MOST_VOTES: "plurality", Method.SAINTE_LAGUE: "proportional"}
"""VoteVariation of methods with one mark on a ballot. The method of the president of Indonesia is not listed by the
standard."""


def selection_type(choice: Choice) -> str:
    """A choice of a party that names no party is an option with the name of the choice, because a PartySelection needs one."""
    if choice.kind is ChoiceKind.CANDIDATE:
        return CANDIDATE
    return PARTY if choice.kind is ChoiceKind.PARTY and choice.party is not None else MEASURE


def contest_type(contest: ContestEntry) -> str:
    """A contest with selections of several types is a CandidateContest, which can hold them all: the legislatures of Indonesia,
    in which voters mark a party or one of its candidates."""
    types = {selection_type(choice) for choice in contest.ballot}
    return _CONTEST_OF_ONLY.get(types.pop(), "CandidateContest") if len(types) == 1 else "CandidateContest"


def contest_object(definition: Definition, numbers: ContestNumbers) -> Object:
    contest, facts = numbers.contest, numbers.facts
    about = contest.contest
    type = contest_type(contest)
    variation, other_variation = vote_variation(contest)
    return identified(
        type,
        contest_id(contest.id),
        BallotTitle=None if about.name is None else texts(about.name.root),
        ContestSelection=Stream(_selection(numbers, index) for index in range(len(contest.ballot))),
        CountStatus=None if facts is None else [made("CountStatus", Status=facts.count_status, Type=TOTAL)],
        ElectionDistrictId=electorate_id(definition, contest),
        ExternalIdentifier=[code_identifier(contest.id)],
        Name=contest_name(definition, contest),
        OtherCounts=Stream(_other_counts(numbers)) if contest.counts_blank else None,
        SubUnitsReported=None if facts is None else facts.counted,
        TotalSubUnits=None if facts is None else facts.expected,
        VoteVariation=variation,
        OtherVoteVariation=other_variation,
        **(
            {
                "NumberElected": about.seats,
                "OfficeIds": [office_id(contest.office)],
                "VotesAllowed": contest.votes_per_ballot,
            }
            if type == "CandidateContest"
            else {}
        ),
    )


def candidate_objects(contest: ContestEntry) -> Iterator[Object]:
    """The candidates with what the ballot has of them."""
    for index, choice in enumerate(contest.ballot):
        if selection_type(choice) == CANDIDATE:
            yield identified(
                "Candidate",
                candidate_id(contest.id, index),
                BallotName=text(choice.name),
                ExternalIdentifier=[code_identifier(choice.id)],
                PartyId=None if choice.party is None else party_id(choice.party),
            )


def electorate_id(definition: Definition, contest: ContestEntry) -> str:
    electorate = contest.contest.electorate
    return area_id(electorate) if electorate in definition.tree.number else district_id(electorate)


def contest_name(definition: Definition, contest: ContestEntry) -> str:
    """The contest's name in the first language of the package. A contest without a name has that of its office, and where the
    office has several, the electorate beside it."""
    if contest.contest.name is not None:
        return next(iter(contest.contest.name.root.values()))
    office = definition.ballots.office(contest.office)
    name = next(iter(office.office.name.root.values()))
    return name if len(office.contests) == 1 else f"{name}, {contest.contest.electorate}"


def vote_variation(contest: ContestEntry) -> tuple[str, str | None]:
    """VoteVariation, and OtherVoteVariation where the standard does not list the method."""
    method = contest.contest.method
    if method not in _VARIATIONS:
        return "other", method.value
    if contest.votes_per_ballot > 1 and method is not Method.SAINTE_LAGUE:
        return "n-of-m", None
    return _VARIATIONS[method], None


def _selection(numbers: ContestNumbers, index: int) -> Object:
    contest = numbers.contest
    choice = contest.ballot[index]
    type = selection_type(choice)
    members: dict[str, object] = {}
    if type == CANDIDATE:
        members = {"CandidateIds": [candidate_id(contest.id, index)]}
    elif type == PARTY:
        assert choice.party is not None
        members = {"PartyIds": [party_id(choice.party)]}
    else:
        members = {"ExternalIdentifier": [code_identifier(choice.id)], "Selection": text(choice.name)}
    return identified(
        type,
        selection_id(contest.id, index),
        SequenceOrder=choice.order,
        VoteCounts=VoteCounts(numbers.votes(index)),
        **members,
    )


def _other_counts(numbers: ContestNumbers) -> Iterator[Object]:
    """`Undervotes` is an xsd:float in the schema, which holds whole numbers up to 16,777,216 only. All digits are written, so
    that a reader that takes the text for a whole number has the exact count."""
    for units, undervotes in numbers.undervotes():
        for unit, number in zip(units, undervotes, strict=True):
            yield made("OtherCounts", GpUnitId=unit, Undervotes=number)
