"""A whole result report: one office, an area, and the reporting units below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.contests import candidate_objects, contest_object
from projections.nist.numbers import ContestNumbers, UnitFacts
from projections.nist.units import area_unit, district_unit, districts_by_id, station_unit, stations_of
from projections.tables.publisher import publisher_of
from schemas.definition.package import DistrictPart, Election, Mode, Party
from schemas.licences import licence_of
from schemas.nist.objects import (
    TOTAL,
    Object,
    Stream,
    area_id,
    code_identifier,
    identified,
    made,
    office_id,
    own_identifier,
    party_id,
    station_id,
    text,
    texts,
)
from schemas.times import time_text

VENDOR_APPLICATION = "rekap"
SUMMARY, PRECINCT = "summary-contest", "precinct-level"


class PackageNames(NamedTuple):
    """What a package states beside its definition."""

    parties: Sequence[Party]
    districts: Sequence[DistrictPart]
    publisher: str

    @classmethod
    def of(cls, election: Election, rows: Callable[[str], Iterable[Any]]) -> PackageNames:
        """`rows` reads a table of the package by its name."""
        return cls(tuple(rows("parties")), tuple(rows("districts")), publisher_of(election, rows("keys")))


class ReportPart(NamedTuple):
    """The report's number in a sequence of reports that together are the whole."""

    number: int
    of: int


WHOLE = ReportPart(1, 1)


@dataclass(frozen=True)
class Report:
    definition: Definition
    office: OfficeEntry
    names: PackageNames
    status: str
    """ResultsStatus of the office."""
    as_of: Mapping[str, int]
    """Ledger partition → offset of the last event that is counted in."""
    generated_at: datetime
    contests: Sequence[ContestNumbers]
    areas: Sequence[int]
    """The areas that counts are given of."""
    facts_of_area: Callable[[int], UnitFacts | None]
    stations: Iterable[int]
    """The stations that counts are given of; iterated several times."""
    facts_of_station: Callable[[int], UnitFacts]
    by_rank: Sequence[int]
    """Rank → station."""
    detail: str
    """ReportDetailLevel: SUMMARY, or PRECINCT where stations are in the report."""
    part: ReportPart = WHOLE
    shard_as_of: Mapping[str, int] | None = None
    """`as_of` for stations and areas below the shard level, where these are read apart."""


def report_object(report: Report) -> Object:
    """The report, with streams that can be read once; made anew for each file that is written."""
    definition = report.definition
    election = definition.election
    is_test = election.mode is Mode.REHEARSAL
    return made(
        "ElectionReport",
        Election=Stream([_election(report)]),
        ExternalIdentifier=[
            own_identifier(name, value)
            for name, value in (
                ("rekap-definition", definition.hash),
                ("rekap-as-of", _offsets(report.as_of)),
                ("rekap-shard-as-of", _offsets(report.shard_as_of)),
            )
            if value is not None
        ],
        Format=report.detail,
        GeneratedDate=time_text(report.generated_at, "seconds"),
        GpUnit=Stream(_units(report)),
        Issuer=report.names.publisher,
        IssuerAbbreviation=report.names.publisher,  # a package has no abbreviation
        IsTest=is_test,
        Notes=_notes(election.licence, election.source),
        Office=[
            identified(
                "Office",
                office_id(report.office.id),
                ExternalIdentifier=[code_identifier(report.office.id)],
                Name=texts(report.office.office.name.root),
            )
        ],
        Party=Stream(_parties(report)),
        SequenceStart=report.part.number,
        SequenceEnd=report.part.of,
        Status=report.status,
        TestType=election.mode.value if is_test else None,
        VendorApplicationId=VENDOR_APPLICATION,
    )


def _election(report: Report) -> Object:
    definition = report.definition
    election = definition.election
    return made(
        "Election",
        BallotCounts=Stream(_ballot_counts(report)),
        Candidate=Stream(each for numbers in report.contests for each in candidate_objects(numbers.contest)),
        Contest=Stream(contest_object(definition, numbers) for numbers in report.contests),
        ElectionScopeId=area_id(definition.tree.codes[definition.tree.root]),
        ExternalIdentifier=[code_identifier(election.id)],
        Name=texts(election.title.root),
        StartDate=election.date.isoformat(),
        EndDate=election.date.isoformat(),
        Type="other",  # a package does not state whether the election is a general one
        OtherType="not-stated",
    )


def _ballot_counts(report: Report) -> Iterator[Object]:
    """The ballots of the office in each unit whose counted stations state them."""
    codes, stations = report.definition.tree.codes, report.definition.stations.codes
    for area in report.areas:
        if (facts := report.facts_of_area(area)) is not None and facts.ballots is not None:
            yield _ballots(area_id(codes[area]), facts)
    for station in report.stations:
        facts = report.facts_of_station(station)
        if facts.ballots is not None and facts.counted:
            yield _ballots(station_id(stations[station]), facts)


def _ballots(unit: str, facts: UnitFacts) -> Object:
    return made(
        "BallotCounts", GpUnitId=unit, Type=TOTAL, BallotsCast=facts.ballots, BallotsRejected=facts.invalid_ballots
    )


def _units(report: Report) -> Iterator[Object]:
    """The units that counts are given of; and before them, without numbers, those that are only referred to: the nation, and
    the electorates of the contests."""
    definition = report.definition
    tree = definition.tree
    counted = set(report.areas)
    electorates = dict.fromkeys(numbers.contest.contest.electorate for numbers in report.contests)
    named = [tree.root, *(tree.number[each] for each in electorates if each in tree.number)]
    for area in dict.fromkeys(named):
        if area not in counted:
            yield area_unit(definition, area, None, None)
    for area in report.areas:
        yield area_unit(definition, area, report.facts_of_area(area), _composing(report, area, counted))
    if elsewhere := [each for each in electorates if each not in tree.number]:
        districts = districts_by_id(report.names.districts)
        units = {tree.codes[area]: area_id(tree.codes[area]) for area in counted}
        for district in elsewhere:
            yield district_unit(definition, districts[district], units)
    for station in report.stations:
        yield station_unit(definition, station, report.facts_of_station(station))


def _composing(report: Report, area: int, counted: set[int]) -> list[str] | None:
    """The units that make up an area, where all of them are in the report."""
    definition = report.definition
    wanted = set(report.office.contests)
    children = [
        child
        for child in definition.tree.children[area]
        if not wanted.isdisjoint(definition.electorates.contests_in(child))
    ]
    if children:
        if not counted.issuperset(children):
            return None
        return [area_id(definition.tree.codes[child]) for child in children]
    if report.detail == PRECINCT:
        codes = definition.stations.codes
        return [station_id(codes[each]) for each in stations_of(definition, report.office, report.by_rank, area)]
    return None


def _parties(report: Report) -> Iterator[Object]:
    in_office = set(report.office.parties)
    for party in report.names.parties:
        if party.id in in_office:
            yield identified(
                "Party",
                party_id(party.id),
                Abbreviation=None if party.short_name is None else text(party.short_name),
                ExternalIdentifier=[code_identifier(party.id)],
                Name=text(party.name),
            )


def _notes(licence: str, source: str | None) -> str:
    known = licence_of(licence)
    words = [f"Licence: {known.id or known.title}" + (f" ({known.url})" if known.url else "")]
    if source is not None:
        words.append(f"Source: {source}")
    return ". ".join(words)


def _offsets(as_of: Mapping[str, int] | None) -> str | None:
    return None if as_of is None else orjson.dumps(dict(as_of)).decode()
