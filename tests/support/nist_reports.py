"""Result reports of NIST SP 1500-100 made of invented numbers, with their streams read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.nist.numbers import NumbersInMemory, UnitFacts
from projections.nist.report import PRECINCT, SUMMARY, WHOLE, PackageNames, Report, ReportPart, report_object
from projections.tables.result_rows import stations_by_rank
from schemas.nist.objects import Stream, VoteCounts
from tests.support.small_election import elsewhere, small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)
BY_RANK = stations_by_rank(DEFINITION)
ELSEWHERE = Definition.of(elsewhere(PACKAGE))
NAMES = PackageNames(PACKAGE.parties, PACKAGE.districts, "KPU")
FACTS = UnitFacts(4, 3, 2, 800, 500, 490, 5)


def contest_of(definition: Definition, contest: str, **changed: Any) -> ContestEntry:
    entry = definition.ballots.contest(contest)
    return replace(entry, contest=entry.contest.model_copy(update=changed))


def _read(value: Any) -> Any:
    """The object with its streams read."""
    if isinstance(value, Stream):
        return [_read(each) for each in value.objects]
    if isinstance(value, VoteCounts):
        return [(id, number) for ids, numbers in value.batches for id, number in zip(ids, numbers, strict=True)]
    return {name: _read(each) for name, each in value.items()} if isinstance(value, dict) else value


def made_report(
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


def numbers_of(contest: ContestEntry, facts: UnitFacts | None = FACTS) -> NumbersInMemory:
    rows = [[10 * unit + choice for choice in range(len(contest.ballot))] for unit in (1, 2)]
    return NumbersInMemory(contest, facts, ["area-1", "area-2"], rows, [("area-1", 7)])


def unit_of(report: dict[str, Any], id: str) -> Any:
    return next(each for each in report["GpUnit"] if each["@id"] == id)


def only_council_a() -> Definition:
    """The small election without the contests of the council in the other districts."""
    others = ("council-b", "council-c")
    return Definition.of(
        replace(
            PACKAGE,
            contests=tuple(each for each in PACKAGE.contests if each.id not in others),
            choices=tuple(each for each in PACKAGE.choices if each.contest not in others),
        )
    )
