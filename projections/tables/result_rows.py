"""The rows of the tables of results (schemas/tables/results.py), from the results of the stations alone.

The stations come in the order of StationOrder, in which the stations of any area are neighbours. So the sums of an area are
complete as soon as a station of another area comes, and only the areas from the root to the present station are in memory.
Because every area is the sum of the stations in the same files, all levels are of one cut, also while the roll-up is a moment
behind the tabulators.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from projections.area.progress import progress, results_status
from projections.area.tally import (
    CLEAN,
    FLAGGED,
    HEAD,
    HELD,
    NOT_STATED,
    TallyView,
    apart,
    side_by_side,
)
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator
from projections.shown.published import known_numbers, published_time
from projections.station.submissions import ResultState
from projections.tables.standings import StationStanding
from schemas.tables.columns import Table
from schemas.tables.results import AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES

Row = tuple[Any, ...]

ROWS_AT_ONCE = 10_000
"""Rows of votes, about, in one batch. At a tenth, the cost of a batch shows; at ten times, a batch takes 100 MB."""
_TIER_OF_STATE = {ResultState.COUNTED.value: CLEAN, ResultState.FLAGGED.value: FLAGGED, ResultState.HELD.value: HELD}
_NO_FORM = (None,) * 7


class TableOf(NamedTuple):
    """One file's table: of all areas of a level, or of all stations, whose level is the last one."""

    table: Table
    level: str


Batch = dict[TableOf, list[Row]]


def tables_of(definition: Definition) -> list[TableOf]:
    """The tables that each office has, the stations' first and then those of the areas from the root down."""
    *levels, stations = definition.tree.level_ids
    return [
        TableOf(STATION_COUNTS, stations),
        TableOf(STATION_VOTES, stations),
        *(TableOf(table, level) for level in levels for table in (AREA_COUNTS, AREA_VOTES)),
    ]


def stations_by_rank(definition: Definition) -> array[int]:
    """Rank → station: the inverse of StationOrder.rank."""
    stations = array("I", bytes(4 * len(definition.stations.codes)))
    for station, rank in enumerate(definition.stations.order.rank):
        stations[rank] = station
    return stations


@dataclass(slots=True)
class _Sums:
    """What the stations of an area add up to so far. Tiers are numbers side by side (tally.side_by_side)."""

    area: int
    tiers: list[int]
    annulled: int = 0
    stations: int = 0
    registered_voters: int = 0
    register_not_stated: int = 0

    def add(self, other: _Sums) -> None:
        self.tiers = [mine + others for mine, others in zip(self.tiers, other.tiers, strict=True)]
        self.annulled += other.annulled
        self.stations += other.stations
        self.registered_voters += other.registered_voters
        self.register_not_stated += other.register_not_stated


def contest_rows(
    definition: Definition, contest: ContestEntry, standings: Iterator[StationStanding], by_rank: Sequence[int]
) -> Iterator[Batch]:
    """All rows of a contest, in batches. `standings` are those of its stations that have a record, in the order of their ranks;
    a station without one waits. Raises ValueError where a standing is of no station of the contest."""
    return _ContestRows(definition, contest, by_rank).batches(standings)


class _ContestRows:
    def __init__(self, definition: Definition, contest: ContestEntry, by_rank: Sequence[int]) -> None:
        self._definition = definition
        self._contest = contest
        self._by_rank = by_rank
        self._open: list[_Sums] = []
        """From the root down to the area of the present station."""
        self._batch: Batch = {}
        *_, station_level = definition.tree.level_ids
        self._counts = TableOf(STATION_COUNTS, station_level)
        self._votes = TableOf(STATION_VOTES, station_level)
        self._stations_at_once = max(1, ROWS_AT_ONCE // max(1, len(contest.choices)))
        self._choices = [(choice.id, choice.party) for choice in contest.ballot]

    def batches(self, standings: Iterator[StationStanding]) -> Iterator[Batch]:
        definition, contest = self._definition, self._contest
        order = definition.stations.order
        standing = next(standings, None)
        self._batch = {}
        for rank in range(order.first[contest.root_area], order.end[contest.root_area]):
            station = self._by_rank[rank]
            if contest.number not in definition.electorates.contests_of_station(station):
                continue
            self._move_to(definition.stations.area[station])
            if standing is not None and standing.rank == rank:
                self._add(station, standing)
                standing = next(standings, None)
            else:
                self._add(station, None)
            if len(self._batch[self._counts]) == self._stations_at_once:
                yield self._batch
                self._batch = {}
        if standing is not None:
            raise ValueError(
                f"{contest.id}: the read model has a result at rank {standing.rank}, where no station votes"
            )
        self._close(0)
        yield self._batch

    def _move_to(self, area: int) -> None:
        """Close the areas that the station is not in, and open those that it is in."""
        if self._open and self._open[-1].area == area:
            return
        line = self._definition.tree.lineage[area][::-1]
        same = 0
        while same < min(len(line), len(self._open)) and self._open[same].area == line[same]:
            same += 1
        self._close(same)
        self._open += (_Sums(each, [0, 0, 0]) for each in line[same:])

    def _close(self, depth: int) -> None:
        while len(self._open) > depth:
            sums = self._open.pop()
            if self._open:
                self._open[-1].add(sums)
            self._add_area(sums)

    def _add(self, station: int, standing: StationStanding | None) -> None:
        definition, contest = self._definition, self._contest
        sums = self._open[-1]
        sums.stations += 1
        registered = definition.stations.registered[station]
        if registered is None:
            sums.register_not_stated += 1
        else:
            sums.registered_voters += registered
        code = definition.stations.codes[station]
        head = (contest.office, contest.id, code, definition.stations.names[station], definition.tree.codes[sums.area])
        counts = self._batch.setdefault(self._counts, [])
        if standing is None:
            counts.append((*head, ResultState.WAITING.value, *_NO_FORM, None, None, None, None, None))
            return
        numbers = standing.contribution
        counts.append(
            (
                *head,
                standing.state,
                *(_NO_FORM if numbers is None else known_numbers(numbers, contest.counts_blank)),
                standing.version,
                published_time(standing.received_us or 0),
                standing.event,
                None if standing.offset is None else standing.partition,
                standing.offset,
            )
        )
        if numbers is not None:
            sums.tiers[_TIER_OF_STATE[standing.state]] += side_by_side(numbers)
            self._batch.setdefault(self._votes, []).extend(
                (contest.office, contest.id, code, standing.state, choice, party, votes)
                for (choice, party), votes in zip(self._choices, numbers[HEAD:], strict=True)
            )
        elif standing.state == ResultState.ANNULLED.value:
            sums.annulled += 1

    def _add_area(self, sums: _Sums) -> None:
        tree, contest = self._definition.tree, self._contest
        length = HEAD + len(contest.choices)
        tally = [number for tier in sums.tiers for number in apart(tier, length)]
        view = TallyView.of([*tally, sums.annulled])
        counted = view.counted
        now = progress(view, Denominator(sums.stations, sums.registered_voters, sums.register_not_stated))
        level = tree.level_ids[tree.level[sums.area]]
        head = (contest.office, contest.id, level, tree.codes[sums.area], tree.names[sums.area])
        self._batch.setdefault(TableOf(AREA_COUNTS, level), []).append(
            (
                *head,
                results_status(now),
                *now,
                None if sums.register_not_stated == sums.stations else sums.registered_voters,
                sums.register_not_stated,
                *known_numbers(counted, contest.counts_blank),
                *counted[NOT_STATED:HEAD],
            )
        )
        self._batch.setdefault(TableOf(AREA_VOTES, level), []).extend(
            (*head, choice.id, choice.name, choice.party, votes)
            for choice, votes in zip(contest.ballot, counted[HEAD:], strict=True)
        )
