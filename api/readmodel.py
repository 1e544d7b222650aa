"""Reading the read model: each method is one moment (one REPEATABLE READ transaction), and says as of when it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson

from projections.definition import ContestEntry, Definition, OfficeEntry
from projections.published import published_contribution, published_office, published_tally
from projections.readmodel import queries
from projections.readmodel.rows import cut_of_blocks
from projections.station import ResultState
from projections.tally import empty_tally
from schemas.codes import NOTHING_YET
from schemas.envelope import moment_of
from schemas.results import Cut


class Everything(NamedTuple):
    """All tallies at one moment, and how far the topics they come from had been read."""

    positions: dict[tuple[str, int], int]
    block_watermarks: dict[tuple[str, int], int]
    result_watermarks: dict[str, Cut]
    tallies: list[tuple[str, str, list[int]]]
    office_tallies: list[tuple[str, str, list[int]]]


class Cuts(NamedTuple):
    """The cuts of every office at one moment."""

    results: dict[str, Cut]
    blocks: dict[tuple[str, int], int]


class ReadModel:
    def __init__(self, pool: Any, definition: Definition) -> None:
        self._pool = pool
        self._definition = definition

    async def offices_as_of(self) -> dict[str, dict[str, int]]:
        async with self._moment() as connection:
            cuts = await _cuts(connection)
        return {office.id: self._as_of(cuts, office) for office in self._definition.offices}

    async def office(self, office: OfficeEntry) -> dict[str, Any]:
        definition = self._definition
        contests = [definition.contests[number] for number in office.contests]
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            tallies = await self._contest_tallies(connection, contests)
            rows = await connection.fetch(queries.OFFICE_TALLIES_OF_AREAS, [definition.area_codes[definition.root]])
        whole = {row["office"]: row["tally"] for row in rows}.get(office.id) or empty_tally(len(office.parties))
        return {
            "as_of": self._as_of(cuts, office),
            "tally": published_office(office, definition.root, whole, definition),
            "contests": tallies,
        }

    async def contest(self, contest: ContestEntry) -> dict[str, Any]:
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            tallies = await self._contest_tallies(connection, [contest])
        return {"as_of": self._as_of(cuts, self._definition.offices[contest.office_number]), "tally": tallies[0]}

    async def area(self, area: int, offices: Iterable[OfficeEntry]) -> list[dict[str, Any]]:
        """For each office: the area's own tallies and those of its children, contest by contest."""
        definition = self._definition
        wanted = [area, *definition.children[area]]
        codes = [definition.area_codes[each] for each in wanted]
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            rows = await connection.fetch(queries.TALLIES_OF_AREAS, codes)
            office_rows = await connection.fetch(queries.OFFICE_TALLIES_OF_AREAS, codes[:1])
        tallies = {(row["contest"], row["area"]): row["tally"] for row in rows}
        wholes = {row["office"]: row["tally"] for row in office_rows}
        above = definition.area_level[area] <= definition.shard_level

        def published(office: OfficeEntry, areas: Sequence[int]) -> list[dict[str, Any]]:
            return [
                published_tally(
                    contest,
                    each,
                    tallies.get((contest.id, definition.area_codes[each])) or empty_tally(len(contest.choices)),
                    definition,
                )
                for each in areas
                for contest in (definition.contests[number] for number in office.contests)
                if (contest.number, each) in definition.denominators
            ]

        return [
            {
                "office": office.id,
                "as_of": self._as_of(cuts, office),
                "shard_as_of": self._shard_as_of(cuts, office),
                "tally": published_office(
                    office, area, wholes.get(office.id) or empty_tally(len(office.parties)), definition
                )
                if above
                else None,
                "contests": published(office, wanted[:1]),
                "children": published(office, wanted[1:]),
            }
            for office in offices
            if any((number, area) in definition.denominators for number in office.contests)
        ]

    async def station(self, station: int) -> dict[str, Any]:
        """What stands for the station in each of its contests, and every record about it in the ledger's order."""
        definition = self._definition
        code = definition.station_codes[station]
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            rows = await connection.fetch(queries.STATION_RESULTS, code)
            history = await connection.fetch(queries.STATION_HISTORY, code)
        standing = {row["contest"]: row for row in rows}
        contests = [definition.contests[number] for number in sorted(definition.contests_of_station(station))]
        return {
            "shard_as_of": {office.id: self._shard_as_of(cuts, office) for office in definition.offices},
            "contests": [self._standing(contest, standing.get(contest.id)) for contest in contests],
            "history": [
                {
                    "partition": row["partition"],
                    "offset": row["offset"],
                    "event": row["event"],
                    "leaf_hash": _hex(row["leaf"]),
                    "type": row["type"],
                    "key": row["key"],
                    "contest": row["contest"],
                    "version": row["version"],
                    "received_at": _moment(row["received_us"]),
                    "state": row["state"],
                    "findings": orjson.Fragment(row["findings"]),
                    "payload": None if row["payload"] is None else orjson.Fragment(row["payload"]),
                    "links": _links(row),
                }
                for row in history
            ],
        }

    async def events(
        self, filters: queries.EventFilters, *, area: int | None, newest_first: bool, limit: int
    ) -> tuple[list[dict[str, Any]], tuple[int, int, int] | None]:
        """A page of the log in the order of receipt, and what the next begins after; None on the last."""
        if area is not None:
            filters = self._of_area(filters, area)
        statement, arguments = queries.events(filters, newest_first=newest_first, limit=limit + 1)
        async with self._moment() as connection:
            await connection.execute(queries.PLAN_FOR_THESE_VALUES)
            rows = await connection.fetch(statement, *arguments)
        last = rows[limit - 1] if len(rows) > limit else None
        after = None if last is None else (last["received_us"], last["partition"], last["offset"])
        return [self._event(row) for row in rows[:limit]], after

    async def event(self, partition: int, offset: int) -> dict[str, Any] | None:
        """One event, with all that is told of it; None where it has not been counted."""
        row = await self._pool.fetchrow(queries.ONE_EVENT, partition, offset)
        if row is None:
            return None
        payload = None if row["payload"] is None else orjson.Fragment(row["payload"])
        return {**self._event(row), "findings": orjson.Fragment(row["findings"]), "payload": payload}

    def _event(self, row: Any) -> dict[str, Any]:
        author = self._definition.keys.get(row["key"])
        return {
            "partition": row["partition"],
            "offset": row["offset"],
            "event": row["event"],
            "leaf_hash": _hex(row["leaf"]),
            "type": row["type"],
            "author": row["key"] or None,
            "role": None if author is None else author.role.value,
            "station": row["station"],
            "area": row["area"],
            "contest": row["contest"],
            "version": row["version"],
            "created_at": None if row["payload"] is None else orjson.loads(row["payload"])["created_at"],
            "received_at": _moment(row["received_us"]),
            "state": row["state"],
            "rules": [finding["rule"] for finding in orjson.loads(row["findings"])],
            "links": _links(row)
            | {"station": f"/v1/stations/{row['station']}" if self._is_station(row["station"]) else None},
        }

    def _is_station(self, code: str | None) -> bool:
        return code is not None and code in self._definition.station_number

    def _of_area(self, filters: queries.EventFilters, area: int) -> queries.EventFilters:
        """Only what is about this area or one below it; the root holds the whole log."""
        definition = self._definition
        if area == definition.root:
            return filters
        below = self._at_and_below(area)
        shard = definition.area_shard[area]
        if shard < 0:
            shards = [each for each in below if definition.area_level[each] <= definition.shard_level]
            return filters._replace(shards=[definition.area_codes[each] for each in shards])
        filters = filters._replace(shards=[definition.area_codes[shard]])
        return filters if shard == area else filters._replace(areas=[definition.area_codes[each] for each in below])

    async def stations(
        self, area: int, contest: ContestEntry, state: str | None, after: str, limit: int
    ) -> dict[str, Any]:
        """A page of the stations in an area (at any depth) that were heard of, by code."""
        definition = self._definition
        codes = [definition.area_codes[each] for each in self._at_and_below(area)]
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            rows = await connection.fetch(queries.STATIONS_OF_AREAS, codes, contest.id, state, after, limit + 1)
        page = rows[:limit]
        return {
            "shard_as_of": self._shard_as_of(cuts, definition.offices[contest.office_number]),
            "stations": [{"station": row["station"], **self._standing(contest, row)} for row in page],
            "next": page[-1]["station"] if len(rows) > limit else None,
        }

    async def submission(self, event: str) -> list[dict[str, Any]]:
        """Where an event stands in the ledger, the first place first, and what became of it."""
        rows = await self._pool.fetch(queries.RECORD_OF_EVENT, event)
        return [dict(row) | {"findings": orjson.Fragment(row["findings"])} for row in rows]

    async def everything(self) -> Everything:
        """All tallies: what the live feed begins with."""
        async with self._moment() as connection:
            cuts = await _cuts(connection)
            positions = await connection.fetch(queries.POSITIONS)
            tallies = await connection.fetch(queries.ALL_TALLIES)
            office_tallies = await connection.fetch(queries.ALL_OFFICE_TALLIES)
        return Everything(
            {(row["topic"], row["partition"]): row["next_offset"] for row in positions},
            cuts.blocks,
            cuts.results,
            [(row["contest"], row["area"], row["tally"]) for row in tallies],
            [(row["office"], row["area"], row["tally"]) for row in office_tallies],
        )

    @asynccontextmanager
    async def _moment(self) -> AsyncIterator[Any]:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def _contest_tallies(self, connection: Any, contests: Sequence[ContestEntry]) -> list[dict[str, Any]]:
        """Each contest as a whole, at the area that holds its electorate."""
        definition = self._definition
        rows = await connection.fetch(
            queries.TALLIES_OF_CONTESTS,
            [contest.id for contest in contests],
            [definition.area_codes[contest.root_area] for contest in contests],
        )
        tallies = {row["contest"]: row["tally"] for row in rows}
        return [
            published_tally(
                contest,
                contest.root_area,
                tallies.get(contest.id) or empty_tally(len(contest.choices)),
                definition,
            )
            for contest in contests
        ]

    def _standing(self, contest: ContestEntry, row: Any) -> dict[str, Any]:
        heard_of = row is not None
        contribution = row["contribution"] if heard_of else None
        return {
            "contest": contest.id,
            "state": row["state"] if heard_of else ResultState.WAITING.value,
            "offset": row["offset"] if heard_of else None,
            "event": row["event"] if heard_of else None,
            "version": row["version"] if heard_of else None,
            "numbers": None if contribution is None else published_contribution(contest, contribution),
        }

    def _at_and_below(self, area: int) -> list[int]:
        found, open_areas = [], [area]
        while open_areas:
            each = open_areas.pop()
            found.append(each)
            open_areas += self._definition.children[each]
        return found

    def _as_of(self, cuts: Cuts, office: OfficeEntry) -> dict[str, int]:
        return _offsets(cuts.results.get(office.id, ()))

    def _shard_as_of(self, cuts: Cuts, office: OfficeEntry) -> dict[str, int]:
        return _offsets(cut_of_blocks(cuts.blocks, office.id, self._definition.partitions))


async def _cuts(connection: Any) -> Cuts:
    results = await connection.fetch(queries.RESULT_WATERMARKS)
    blocks = await connection.fetch(queries.BLOCK_WATERMARKS)
    return Cuts(
        {row["office"]: tuple(row["as_of"]) for row in results},
        {(row["office"], row["partition"]): row["through"] for row in blocks},
    )


def _hex(leaf: bytes | None) -> str | None:
    return None if leaf is None else leaf.hex()


def _moment(received_us: int) -> str | None:
    return moment_of(received_us) if received_us else None


def _links(row: Any) -> dict[str, str]:
    """Where the whole event is, its bytes as they stand in the log, and the proof that they do."""
    place = f"{row['partition']}/{row['offset']}"
    return {"event": f"/v1/events/{place}", "entry": f"/v1/events/{place}/entry", "proof": f"/v1/proof/{place}"}


def _offsets(cut: Cut) -> dict[str, int]:
    return {str(partition): offset for partition, offset in enumerate(cut) if offset > NOTHING_YET}
