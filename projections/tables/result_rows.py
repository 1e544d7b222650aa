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
from typing import NamedTuple

from projections.area.tally import HEAD, apart, side_by_side
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator
from projections.shown.published import published_time
from projections.shown.tallies import known_numbers
from projections.station.submissions import ResultState
from projections.tables.area_rows import TIER_OF_STATE, Row, counts_row, votes_rows
from projections.tables.over_time import CountOverTime
from projections.tables.standings import StationStanding
from schemas.tables.columns import Table
from schemas.tables.results import (
    AREA_COUNTS,
    AREA_VOTES,
    COUNTS_OVER_TIME,
    STATION_COUNTS,
    STATION_VOTES,
    VOTES_OVER_TIME,
)

ROWS_AT_ONCE = 10_000
"""Rows of votes, about, in one batch. At a tenth, the cost of a batch shows; at ten times, a batch takes 100 MB."""
_NO_FORM = (None,) * 7


class TableOf(NamedTuple):
    """One file's table: of all areas of a level, of all stations, whose level is the last one, or of the largest areas over
    time."""

    table: Table
    level: str | None
    """None over time, where areas of two levels are in one table."""


Batch = dict[TableOf, list[Row]]


def tables_of(definition: Definition) -> list[TableOf]:
    """The tables that each office has: the stations', those of the areas from the root down, and those over time."""
    *levels, stations = definition.tree.level_ids
    return [
        TableOf(STATION_COUNTS, stations),
        TableOf(STATION_VOTES, stations),
        *(TableOf(table, level) for level in levels for table in (AREA_COUNTS, AREA_VOTES)),
        TableOf(COUNTS_OVER_TIME, None),
        TableOf(VOTES_OVER_TIME, None),
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
    definition: Definition,
    contest: ContestEntry,
    standings: Iterator[StationStanding],
    by_rank: Sequence[int],
    over_time: CountOverTime | None = None,
) -> Iterator[Batch]:
    """All rows of a contest except those over time, in batches. `standings` are those of its stations that have a record, in
    the order of their ranks; a station without one waits. Those without a history are added to `over_time`. Raises ValueError
    where a standing is of no station of the contest."""
    return _ContestRows(definition, contest, by_rank, over_time).batches(standings, contest.root_area)


def station_rows(
    definition: Definition,
    contest: ContestEntry,
    area: int,
    standings: Iterator[StationStanding],
    by_rank: Sequence[int],
) -> Iterator[Batch]:
    """The rows of the contest's stations in one area, from the standings of those that have a record, in batches."""
    for batch in _ContestRows(definition, contest, by_rank, None).batches(standings, area):
        yield {of: rows for of, rows in batch.items() if of.table in (STATION_COUNTS, STATION_VOTES)}


def station_row(definition: Definition, contest: ContestEntry, station: int, standing: StationStanding | None) -> Row:
    """A row of the table `station-counts`."""
    stations = definition.stations
    area = definition.tree.codes[stations.area[station]]
    head = contest.office, contest.id, stations.codes[station], stations.names[station], area
    if standing is None:
        return (*head, ResultState.WAITING.value, *_NO_FORM, None, None, None, None, None)
    numbers = standing.contribution
    return (
        *head,
        standing.state,
        *(_NO_FORM if numbers is None else known_numbers(numbers, contest.counts_blank)),
        standing.version,
        published_time(standing.received_us),
        standing.event,
        None if standing.offset is None else standing.partition,
        standing.offset,
    )


def rows_over_time(over_time: CountOverTime) -> Iterator[Batch]:
    """The rows over time, in batches, once all results and changes are added."""
    counts, votes = TableOf(COUNTS_OVER_TIME, None), TableOf(VOTES_OVER_TIME, None)
    batch: Batch = {counts: [], votes: []}
    for of_counts, of_votes in over_time.rows():
        batch[counts].append(of_counts)
        batch[votes] += of_votes
        if len(batch[votes]) >= ROWS_AT_ONCE:
            yield batch
            batch = {counts: [], votes: []}
    yield batch


class _ContestRows:
    def __init__(
        self,
        definition: Definition,
        contest: ContestEntry,
        by_rank: Sequence[int],
        over_time: CountOverTime | None,
    ) -> None:
        self._definition = definition
        self._contest = contest
        self._by_rank = by_rank
        self._over_time = over_time
        self._open: list[_Sums] = []
        """Sums of the areas from the root down to that of the present station."""
        self._batch: Batch = {}
        *_, station_level = definition.tree.level_ids
        self._counts = TableOf(STATION_COUNTS, station_level)
        self._votes = TableOf(STATION_VOTES, station_level)
        self._stations_at_once = max(1, ROWS_AT_ONCE // max(1, len(contest.choices)))
        self._choices = [(choice.id, choice.party) for choice in contest.ballot]

    def batches(self, standings: Iterator[StationStanding], area: int) -> Iterator[Batch]:
        """The rows of the stations in the area, and those of each area in it."""
        definition, contest = self._definition, self._contest
        order = definition.stations.order
        standing = next(standings, None)
        for rank in range(order.first[area], order.end[area]):
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
        self._batch.setdefault(self._counts, []).append(station_row(definition, contest, station, standing))
        if standing is None:
            return
        numbers = standing.contribution
        if numbers is not None:
            joined = side_by_side(numbers)
            sums.tiers[TIER_OF_STATE[standing.state]] += joined
            if self._over_time is not None and not standing.has_history:
                self._over_time.add(station, standing.received_us or 0, standing.state, joined)
            self._batch.setdefault(self._votes, []).extend(
                (contest.office, contest.id, definition.stations.codes[station], standing.state, choice, party, votes)
                for (choice, party), votes in zip(self._choices, numbers[HEAD:], strict=True)
            )
        elif standing.state == ResultState.ANNULLED.value:
            sums.annulled += 1

    def _add_area(self, sums: _Sums) -> None:
        definition, contest = self._definition, self._contest
        length = HEAD + len(contest.choices)
        tally = [*(number for tier in sums.tiers for number in apart(tier, length)), sums.annulled]
        expected = Denominator(sums.stations, sums.registered_voters, sums.register_not_stated)
        level = definition.tree.level_ids[definition.tree.level[sums.area]]
        counts = counts_row(definition, contest, sums.area, tally, expected)
        self._batch.setdefault(TableOf(AREA_COUNTS, level), []).append(counts)
        votes = votes_rows(definition, contest, sums.area, tally)
        self._batch.setdefault(TableOf(AREA_VOTES, level), []).extend(votes)
