"""The report of one area from the read model: the area, and the areas or stations directly in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from projections.area.progress import progress, results_status
from projections.area.tally import BLANK, HEAD, INVALID, TOTAL, VALID, VALID_BALLOTS, VOTERS, TallyView
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.numbers import NumbersInMemory, UnitFacts, facts_of, known, together, undervotes
from projections.nist.report import PRECINCT, SUMMARY, PackageNames, Report, ReportPart
from projections.nist.units import stations_of
from projections.shown.answer_parts import Part
from projections.shown.published import Moment, as_of, shard_as_of
from projections.station.submissions import ResultState
from projections.tables.manifest import status_of
from schemas.nist.objects import area_id, station_id

_COUNTED = (ResultState.COUNTED, ResultState.FLAGGED)
Standings = Mapping[str, Sequence[Mapping[str, Any]]]
"""Results of the stations by contest, each with code, state and contribution."""


class _Unit(NamedTuple):
    id: str
    counted: Sequence[int]
    """A contribution, or the sum of some (projections/area/tally.py)."""


def has_stations(definition: Definition, area: int) -> bool:
    """Whether the units directly in an area are stations."""
    return not definition.tree.children[area]


def report_of_area(
    definition: Definition,
    area: int,
    office: OfficeEntry,
    names: PackageNames,
    by_rank: Sequence[int],
    moment: Moment,
    standings: Standings,
    part: Part,
    generated_at: datetime,
) -> Report:
    """`part` has the tallies that the report shows; `standings` those of the stations of an area that has them."""
    lines = [(line.area, line.contest) for line in part.lines if line.contest is not None]
    by_contest: dict[int, list[int]] = {}
    by_area: dict[int, list[UnitFacts]] = {}
    facts: dict[tuple[int, int], UnitFacts] = {}
    units: dict[tuple[int, int], _Unit] = {}
    statuses = []
    for each, number in lines:
        contest = definition.ballots.contests[number]
        view = TallyView.of(moment.tally(contest, definition.tree.codes[each]))
        denominator = definition.electorates.denominators[number, each]
        facts[number, each] = facts_of(view, denominator)
        units[number, each] = _Unit(area_id(definition.tree.codes[each]), view.counted)
        by_contest.setdefault(number, []).append(each)
        by_area.setdefault(each, []).append(facts[number, each])
        statuses.append(results_status(progress(view, denominator)))
    of_stations = _Stations(definition, office, standings)
    contests = [
        _numbers(
            definition.ballots.contests[number],
            facts.get((number, area)),
            [*(units[number, each] for each in areas), *of_stations.units.get(number, ())],
        )
        for number, areas in by_contest.items()
    ]
    contests_of_office = set(office.contests)

    def facts_of_area(each: int) -> UnitFacts | None:
        """None where the part has not all contests of the area."""
        expected = contests_of_office.intersection(definition.electorates.contests_in(each))
        found = by_area.get(each, ())
        return together(found) if len(found) == len(expected) else None

    is_precinct = has_stations(definition, area)
    return Report(
        definition=definition,
        office=office,
        names=names,
        status=status_of(statuses),
        as_of=as_of(moment, office),
        shard_as_of=shard_as_of(definition, moment, office),
        generated_at=generated_at,
        contests=contests,
        areas=list(by_area),
        facts_of_area=facts_of_area,
        stations=list(stations_of(definition, office, by_rank, area)) if is_precinct else (),
        facts_of_station=of_stations.facts_of,
        by_rank=by_rank,
        detail=PRECINCT if is_precinct else SUMMARY,
        part=ReportPart(part.number, part.of),
    )


def _numbers(contest: ContestEntry, facts: UnitFacts | None, units: Sequence[_Unit]) -> NumbersInMemory:
    of_units = [
        (unit.id, undervotes(contest, *(known(unit.counted, each) for each in (VALID, VALID_BALLOTS, BLANK))))
        for unit in units
    ]
    return NumbersInMemory(
        contest,
        facts,
        [unit.id for unit in units],
        [unit.counted[HEAD:] for unit in units],
        [(id, number) for id, number in of_units if number is not None],
    )


class _Stations:
    """The stations of an area."""

    def __init__(self, definition: Definition, office: OfficeEntry, standings: Standings) -> None:
        self._definition = definition
        self._office = office
        self.units: dict[int, list[_Unit]] = {}
        """Stations whose form counts, by contest."""
        self._facts: dict[int, list[UnitFacts]] = {}
        for contest_id, rows in standings.items():
            contest = definition.ballots.contest(contest_id)
            for row in rows:
                self._add(contest, row)

    def _add(self, contest: ContestEntry, row: Mapping[str, Any]) -> None:
        station = self._definition.stations.number[row["station"]]
        numbers = row["contribution"]
        is_counted = row["state"] in _COUNTED
        if is_counted:
            self.units.setdefault(contest.number, []).append(_Unit(station_id(row["station"]), numbers))
        known_numbers = (known(numbers, each) if is_counted else 0 for each in (VOTERS, TOTAL, INVALID))
        is_reported = is_counted or row["state"] == ResultState.HELD
        self._facts.setdefault(station, []).append(
            UnitFacts(0, int(is_reported), int(is_counted), None, *known_numbers)
        )

    def facts_of(self, station: int) -> UnitFacts:
        contests = self._definition.electorates.contests_of_station(station)
        expected = len(contests.keys() & set(self._office.contests))
        registered = self._definition.stations.registered[station]
        found = self._facts.get(station)
        if found is None:
            return UnitFacts(expected, 0, 0, registered, None, None, None)
        facts = together(found)._replace(expected=expected, registered_voters=registered)
        return facts if facts.counted else facts._replace(voters=None, ballots=None, invalid_ballots=None)
