"""Reads the read model: each method reads one moment, and returns the cut it is as of. One statement sees one moment; several
are in one REPEATABLE READ transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson

from api.answers.read_cut import AtCut, ReadCut
from api.errors import ListsBusyError
from api.readmodel.event_lines import event_line, filters_of_area, whole_event
from api.readmodel.station_pages import stations_of_page
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.readmodel import event_queries, finance_queries, key_number_queries, queries
from projections.readmodel.finance_pages import finance_lines
from projections.shown.answer_parts import Line, Part, RecordPosition, history_page
from projections.shown.published import (
    Moment,
    area_answer,
    contest_answer,
    office_answer,
    station_answer,
    stations_answer,
)
from projections.tables.standings import StationStanding, standing_of
from schemas.codes import NOTHING_YET
from schemas.derived.results import Cut

LISTS_MAX = 20
"""Lists that are read or wait for a connection at once. At half, a few pages that load at the same time are refused; at
double, with two connections and 50 ms for a slow list, the last list waits for a second."""


class Everything(NamedTuple):
    """All tallies at one moment, and how far the topics that they come from had been recorded."""

    positions: dict[tuple[str, int], int]
    block_watermarks: dict[tuple[str, int], int]
    result_watermarks: dict[str, Cut]
    tallies: list[tuple[str, str, str]]
    """Contest, area, and the tally as JSON, as it is stored."""
    office_tallies: list[tuple[str, str, str]]
    held: Mapping[str, list[dict[str, Any]]]
    """Held results of each office, as the live feed sends them."""


class FinancePart(NamedTuple):
    """A page of finance reports."""

    lines: list[dict[str, Any]]
    after: finance_queries.Position | None
    """The report that the next page begins after; None on the last page."""
    counting: frozenset[str]
    """Kinds of which a report counts, of the account that was asked for."""
    moment: Moment


class ReadModel:
    """Lists have a pool of their own, so that snapshots and the gateway never wait for a list."""

    def __init__(self, pool: Any, lists: Any, definition: Definition) -> None:
        self._pool = pool
        self._lists = lists
        self._lists_read = 0
        """Lists that are being read, or wait for a connection."""
        self._definition = definition

    async def cut(self) -> ReadCut:
        """The newest cut, in one statement."""
        moment = _moment(await self._pool.fetch(queries.WATERMARKS))
        return ReadCut(moment.results, moment.blocks)

    async def election(self) -> Moment:
        """The cuts of all offices, without tallies."""
        return _moment(await self._pool.fetch(queries.WATERMARKS))

    async def cuts(self) -> list[Cut]:
        """Two cuts for each office: of its areas from the shard level up, and of its stations and areas below."""
        definition = self._definition
        nothing = (int(NOTHING_YET),) * definition.partitions
        moment = await self.election()
        return [
            cut
            for office in definition.ballots.offices
            for cut in (
                moment.results.get(office.id, nothing),
                tuple(
                    moment.blocks.get((office.id, partition), int(NOTHING_YET))
                    for partition in range(definition.partitions)
                ),
            )
        ]

    async def office(self, office: OfficeEntry, part: Part) -> AtCut:
        definition = self._definition
        moment = await self.moment_of(part.lines, [definition.tree.root])
        return AtCut(office_answer(definition, office, moment, part), moment)

    async def contest(self, contest: ContestEntry) -> AtCut:
        moment = await self.moment_of([Line(contest.root_area, contest.number)], [])
        return AtCut(contest_answer(self._definition, contest, moment), moment)

    async def area(self, area: int, offices: Iterable[OfficeEntry], part: Part) -> AtCut:
        definition = self._definition
        moment = await self.moment_of(part.lines, [area])
        return AtCut(area_answer(definition, area, offices, moment, part), moment)

    async def station(self, station: int, after: RecordPosition, limit: int) -> AtCut:
        """The result of each contest of a station, and the page of its history that begins after this record."""
        definition = self._definition
        code, rank = definition.stations.codes[station], definition.stations.order.rank[station]
        contests = [
            definition.ballots.contests[number].id for number in definition.electorates.contests_of_station(station)
        ]
        async with _moment_of(self._pool) as connection:
            cuts = _moment(await connection.fetch(queries.WATERMARKS))
            rows = await connection.fetch(queries.STATION_RESULTS, contests, rank)
            records = await connection.fetch(event_queries.STATION_HISTORY, code, *after, limit + 1)
        standings = {row["contest"]: _standing(row) for row in rows}
        return AtCut(station_answer(definition, station, standings, history_page(records, limit), cuts), cuts)

    async def events(
        self, filters: event_queries.EventFilters, *, area: int | None, newest_first: bool, limit: int
    ) -> tuple[list[dict[str, Any]], tuple[int, int, int] | None]:
        """A page of the log in the order of receipt, and the record that the next page begins after; None on the last page. A
        page with a rare filter may have fewer than `limit`, or none, though more follow. Raises ListsBusyError."""
        if area is not None:
            filters = filters_of_area(self._definition, filters, area)
        statement, arguments = event_queries.events(filters, newest_first=newest_first, limit=limit)
        async with self._list() as connection:
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            rows = await connection.fetch(statement, *arguments)
        seen, rows = rows[0], [row for row in rows if row["partition"] is not None]
        after = None if seen["seen_us"] is None else (seen["seen_us"], seen["seen_partition"], seen["seen_offset"])
        if len(rows) > limit:
            after = (rows[limit - 1]["received_us"], rows[limit - 1]["partition"], rows[limit - 1]["offset"])
        return [event_line(self._definition, row) for row in rows[:limit]], after

    async def event(self, partition: int, offset: int) -> dict[str, Any] | None:
        """One event with its findings and its payload; None where it has not been counted."""
        row = await self._pool.fetchrow(event_queries.ONE_EVENT, partition, offset)
        return None if row is None else whole_event(self._definition, row)

    async def stations(
        self, area: int, contest: ContestEntry, state: str | None, after: int | None, limit: int
    ) -> AtCut:
        """A page of the stations in an area (at any depth) that have a record, in the order of StationOrder; `after` is
        the last station of the page before. Raises ListsBusyError."""
        definition = self._definition
        order = definition.stations.order
        first = order.first[area] if after is None else max(order.first[area], order.rank[after] + 1)
        limit = stations_of_page(contest, limit)
        statement = queries.STATIONS_OF_AREA if state is None else queries.STATIONS_IN_STATE
        arguments = [contest.id, first, order.end[area], limit + 1, *([] if state is None else [state])]
        async with self.list_moment() as (connection, cuts):
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            rows = await connection.fetch(statement, *arguments)
        page = [_standing(row) for row in rows[:limit]]
        return AtCut(stations_answer(definition, area, contest, page, has_more=len(rows) > limit, moment=cuts), cuts)

    async def standings(
        self, area: int, contests: Iterable[ContestEntry]
    ) -> tuple[Moment, list[tuple[ContestEntry, list[StationStanding]]]]:
        """The results of the stations in an area that have a record, contest by contest in the order of StationOrder. The
        caller knows that the area is small. Raises ListsBusyError."""
        order = self._definition.stations.order
        first, end = order.first[area], order.end[area]
        found = []
        async with self.list_moment() as (connection, moment):
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            for contest in contests:
                rows = await connection.fetch(queries.STATIONS_OF_AREA, contest.id, first, end, end - first)
                found.append((contest, list(map(standing_of, rows))))
        return moment, found

    async def finance(self, filters: finance_queries.FinanceFilters, limit: int) -> FinancePart:
        """A page of finance reports. A page with a rare filter may have fewer than `limit`, or none, though more follow. Raises
        ListsBusyError."""
        rows, counting, cuts = await self._finance_rows(filters)
        lines, after = finance_lines(self._definition, rows, limit)
        return FinancePart(lines, after, frozenset(counting), cuts)

    async def _finance_rows(self, filters: finance_queries.FinanceFilters) -> tuple[Sequence[Any], list[str], Moment]:
        """The reports that are examined for a page, and the kinds of which a report of the account counts."""
        statement, arguments = finance_queries.reports(filters)
        async with self.list_moment() as (connection, cuts):
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            rows = await connection.fetch(statement, *arguments)
            kinds = (
                []
                if filters.account is None
                else await connection.fetch(finance_queries.COUNTING_KINDS, filters.account)
            )
        return rows, [row["report"] for row in kinds], cuts

    async def submission(self, event: str) -> list[dict[str, Any]]:
        """The records of an event in the ledger, the oldest first, and what became of each."""
        rows = await self._pool.fetch(event_queries.RECORDS_OF_EVENTS, [event])
        records = [dict(row) | {"findings": orjson.Fragment(row["findings"])} for row in rows]
        for record in records:
            del record["event"]
        return records

    async def newest_of_key(self, key: str) -> dict[str, Any]:
        """The highest number that the key has given an event, and that event; null where the key has signed none."""
        row = await self._pool.fetchrow(key_number_queries.NEWEST_OF_KEY, key, key_number_queries.KEY_RECORDS_MAX)
        return {"seq": None, "event": None} if row is None else {"seq": row["seq"], "event": row["event"]}

    async def moment_of(self, lines: Iterable[Line], areas: Iterable[int]) -> Moment:
        """These tallies, and the sums by party of these areas, at one moment."""
        return await self._moment(self._pool, lines, areas)

    async def _moment(self, connection: Any, lines: Iterable[Line], areas: Iterable[int]) -> Moment:
        """`moment_of`, by a connection or a pool of connections."""
        definition = self._definition
        codes = definition.tree.codes
        tallies = [
            (definition.ballots.contests[line.contest].id, line.area) for line in lines if line.contest is not None
        ]
        rows = await connection.fetch(
            queries.TALLIES_AND_WATERMARKS,
            [contest for contest, _ in tallies],
            [codes[area] for _, area in tallies],
            [codes[area] for area in areas],
        )
        found = [row for row in rows if row["tally"] is not None]
        return _moment(row for row in rows if row["tally"] is None)._replace(
            tallies={(row["contest"], row["area"]): orjson.loads(row["tally"]) for row in found if row["contest"]},
            office_tallies={(row["office"], row["area"]): orjson.loads(row["tally"]) for row in found if row["office"]},
        )

    async def tallies_and_stations(
        self, lines: Iterable[Line], area: int, contests: Iterable[ContestEntry]
    ) -> tuple[Moment, dict[str, list[dict[str, Any]]]]:
        """These tallies, and by contest the results of all stations in an area, at one moment. The caller bounds the number of
        stations. Raises ListsBusyError."""
        definition = self._definition
        order = definition.stations.order
        ranks = order.first[area], order.end[area]
        async with self._list() as connection:
            moment = await self._moment(connection, lines, ())
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            stations = {
                str(contest.id): [
                    _standing(row)
                    for row in await connection.fetch(queries.STATIONS_OF_AREA, contest.id, *ranks, ranks[1] - ranks[0])
                ]
                for contest in contests
            }
        return moment, stations

    async def everything(self, held_max: int) -> Everything:
        """All tallies, and of each office `held_max` held results at most, with which the live feed begins."""
        async with _moment_of(self._pool) as connection:
            cuts = _moment(await connection.fetch(queries.WATERMARKS))
            positions = await connection.fetch(queries.POSITIONS)
            tallies = [tuple(row) async for row in connection.cursor(queries.ALL_TALLIES)]
            office_tallies = [tuple(row) async for row in connection.cursor(queries.ALL_OFFICE_TALLIES)]
            held = {
                str(office.id): [
                    self._held(row)
                    for row in await connection.fetch(
                        queries.HELD_RESULTS,
                        [self._definition.ballots.contests[number].id for number in office.contests],
                        held_max,
                    )
                ]
                for office in self._definition.ballots.offices
            }
        return Everything(
            {(row["topic"], row["partition"]): row["next_offset"] for row in positions},
            dict(cuts.blocks),
            dict(cuts.results),
            tallies,
            office_tallies,
            held,
        )

    def _held(self, row: Any) -> dict[str, Any]:
        stations, tree = self._definition.stations, self._definition.tree
        findings = orjson.loads(row["findings"]) if row["findings"] is not None else []
        return {name: row[name] for name in row.keys() if name != "findings"} | {  # noqa: SIM118  # a record of asyncpg
            "area": tree.codes[stations.area[stations.number[row["station"]]]],
            "rules": [finding["rule"] for finding in findings],
        }

    @asynccontextmanager
    async def list_moment(self) -> AsyncIterator[tuple[Any, Moment]]:
        """A moment of the read model for a list, and its cuts. Raises ListsBusyError."""
        async with self._list() as connection:
            yield connection, _moment(await connection.fetch(queries.WATERMARKS))

    @asynccontextmanager
    async def _list(self) -> AsyncIterator[Any]:
        """A moment of the lists' pool. Raises ListsBusyError."""
        if self._lists_read >= LISTS_MAX:
            raise ListsBusyError
        self._lists_read += 1
        try:
            async with _moment_of(self._lists) as connection:
                yield connection
        finally:
            self._lists_read -= 1


@asynccontextmanager
async def _moment_of(pool: Any) -> AsyncIterator[Any]:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection


def _moment(watermarks: Iterable[Any]) -> Moment:
    """The cuts of each office, without tallies."""
    results: dict[str, Cut] = {}
    blocks: dict[tuple[str, int], int] = {}
    for row in watermarks:
        if row["partitions"] is None:
            results[row["office"]] = tuple(row["offsets"])
        else:
            for partition, through in zip(row["partitions"], row["offsets"], strict=True):
                blocks[row["office"], partition] = through
    return Moment(results, blocks, {}, {})


def _standing(row: Any) -> dict[str, Any]:
    """A row of `station_result` with its numbers parsed."""
    numbers = row["contribution"]
    return {**row, "contribution": None if numbers is None else orjson.loads(numbers)}
