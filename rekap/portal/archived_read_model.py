"""The read model of an archived election, with the questions of api/readmodel/read_model.py and the same answers.

The file never changes, so there is one cut. Questions are answered by threads, because SQLite reads from the disk.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import orjson

from api.answers.read_cut import AtCut, ReadCut
from api.errors import ListsBusyError
from api.readmodel.event_lines import event_line, filters_of_area, whole_event
from api.readmodel.read_model import LISTS_MAX, ReadModel
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.readmodel import queries
from projections.readmodel.event_queries import RECORDS_OF_EVENT_MAX, EventFilters
from projections.readmodel.finance_queries import FinanceFilters
from projections.readmodel.key_number_queries import KEY_RECORDS_MAX
from projections.shown.answer_parts import Line, RecordPosition, history_page
from projections.shown.published import Moment, station_answer
from rekap.portal.event_pages import event_page
from rekap.portal.finance_pages import COUNTING_KINDS, finance_page
from rekap.portal.names import Found, find_names
from rekap.portal.read_model_file import opened_read_model
from rekap.portal.station_statements import ArchivedConnection

THREADS = 2
"""Threads and connections of each archive. At double, an archive that many read has no more of a machine of two cores."""
_HEX = "CASE WHEN record.event IS NOT NULL THEN lower(hex(record.event)) END AS event"
_EVENT = f"""
SELECT record.partition, record."offset", {_HEX}, record.leaf, record.type, record.key, record.station, record.area,
       record.contest, record.version, record.received_us, record.payload, record.state, record.findings
FROM record
"""  # noqa: S608  # our own columns
_STATIONS = f"""
SELECT page.station, page.contest, page.state, page."offset", {_HEX}, record.version, page.contribution
FROM station_result AS page
LEFT JOIN record ON record.partition = page.partition AND record."offset" = page."offset"
WHERE page.contest = ? AND
"""  # noqa: S608  # our own columns
_OF_OTHERS = re.compile(r'"rule": *"(E[1-4]|K[1-3])"')
"""Findings of records that the key they name has not signed (projections/readmodel/key_number_queries.py)."""

Answer = TypeVar("Answer")


class ArchivedReadModel(ReadModel):
    def __init__(self, path: Path, definition: Definition) -> None:
        """Raises sqlite3.Error."""
        super().__init__(None, None, definition)
        self._connections: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._threads = ThreadPoolExecutor(THREADS, "archive")
        try:
            for _ in range(THREADS):
                self._connections.put(opened_read_model(path))
            self.moment = self._now(_cuts)
            """The cuts of all offices, without tallies."""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the files. Call this when no answer is being read."""
        self._threads.shutdown(cancel_futures=True)
        while not self._connections.empty():
            self._connections.get().close()

    def _now(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        connection = self._connections.get()
        try:
            return question(connection)
        finally:
            self._connections.put(connection)

    async def _ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._now, question)

    async def _ask_list(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Raises ListsBusyError."""
        if self._lists_read >= LISTS_MAX:
            raise ListsBusyError
        self._lists_read += 1
        try:
            return await self._ask(question)
        finally:
            self._lists_read -= 1

    async def cut(self) -> ReadCut:
        return ReadCut(self.moment.results, self.moment.blocks)

    async def election(self) -> Moment:
        return self.moment

    async def moment_of(self, lines: Iterable[Line], areas: Iterable[int]) -> Moment:
        definition = self._definition
        codes = definition.tree.codes
        tallies = [
            (definition.ballots.contests[line.contest].id, codes[line.area])
            for line in lines
            if line.contest is not None
        ]
        wanted = [codes[area] for area in areas]

        def read(connection: sqlite3.Connection) -> Moment:
            found: dict[tuple[str, str], Any] = {}
            for key in tallies:
                row = connection.execute("SELECT tally FROM area_tally WHERE contest = ? AND area = ?", key).fetchone()
                if row is not None:
                    found[key] = orjson.loads(row["tally"])
            of_offices = {
                (row["office"], area): orjson.loads(row["tally"])
                for area in wanted
                for row in connection.execute("SELECT office, tally FROM office_tally WHERE area = ?", (area,))
            }
            return self.moment._replace(tallies=found, office_tallies=of_offices)

        return await self._ask(read)

    async def station(self, station: int, after: RecordPosition, limit: int) -> AtCut:
        definition = self._definition
        code, rank = definition.stations.codes[station], definition.stations.order.rank[station]
        contests = [
            definition.ballots.contests[number].id for number in definition.electorates.contests_of_station(station)
        ]

        def read(connection: sqlite3.Connection) -> AtCut:
            standings: dict[str, dict[str, Any]] = {}
            for contest in contests:
                row = connection.execute(f"{_STATIONS} page.rank = ?", (contest, rank)).fetchone()
                if row is not None:
                    standings[contest] = _standing(row)
            records = connection.execute(
                f'{_EVENT} WHERE record.station = ? AND (record."offset", record.partition) > (?, ?) '
                'ORDER BY record."offset", record.partition LIMIT ?',
                (code, *after, limit + 1),
            )
            page = history_page(map(_with_bytes, records), limit)
            return AtCut(station_answer(definition, station, standings, page, self.moment), self.moment)

        return await self._ask(read)

    @asynccontextmanager
    async def list_moment(self) -> AsyncIterator[tuple[Any, Moment]]:
        yield ArchivedConnection(self._ask_list), self.moment

    async def events(
        self, filters: EventFilters, *, area: int | None, newest_first: bool, limit: int
    ) -> tuple[list[dict[str, Any]], tuple[int, int, int] | None]:
        if area is not None:
            filters = filters_of_area(self._definition, filters, area)

        def read(connection: sqlite3.Connection) -> tuple[list[dict[str, Any]], tuple[int, int, int] | None]:
            page, after = event_page(connection, filters, newest_first=newest_first, limit=limit)
            statement = f'{_EVENT} WHERE record.partition = ? AND record."offset" = ?'
            return [
                event_line(self._definition, connection.execute(statement, each[1:]).fetchone()) for each in page
            ], after

        return await self._ask_list(read)

    async def event(self, partition: int, offset: int) -> dict[str, Any] | None:
        statement = f'{_EVENT} WHERE record.partition = ? AND record."offset" = ?'
        row = await self._ask(lambda connection: connection.execute(statement, (partition, offset)).fetchone())
        return None if row is None else whole_event(self._definition, row)

    async def _finance_rows(self, filters: FinanceFilters) -> tuple[Sequence[Any], list[str], Moment]:
        def read(connection: sqlite3.Connection) -> tuple[list[dict[str, Any]], list[str]]:
            kinds = [] if filters.account is None else connection.execute(COUNTING_KINDS, (filters.account,)).fetchall()
            return finance_page(connection, filters), [row["report"] for row in kinds]

        return *await self._ask_list(read), self.moment

    async def tallies_and_stations(
        self, lines: Iterable[Line], area: int, contests: Iterable[ContestEntry]
    ) -> tuple[Moment, dict[str, list[dict[str, Any]]]]:
        order = self._definition.stations.order
        ranks = order.first[area], order.end[area]
        connection = ArchivedConnection(self._ask)
        stations = {
            str(contest.id): [
                _standing(row)
                for row in await connection.fetch(queries.STATIONS_OF_AREA, contest.id, *ranks, ranks[1] - ranks[0])
            ]
            for contest in contests
        }
        return await self.moment_of(lines, ()), stations

    async def submission(self, event: str) -> list[dict[str, Any]]:
        statement = (
            'SELECT partition, "offset", type, station, contest, version, state, findings FROM record '
            'WHERE event = ? ORDER BY partition, "offset" LIMIT ?'
        )
        arguments = (bytes.fromhex(event), RECORDS_OF_EVENT_MAX)
        rows = await self._ask(lambda connection: connection.execute(statement, arguments).fetchall())
        return [row | {"findings": orjson.Fragment(row["findings"])} for row in rows]

    async def newest_of_key(self, key: str) -> dict[str, Any]:
        def read(connection: sqlite3.Connection) -> dict[str, Any]:
            records = connection.execute(
                f"SELECT {_HEX}, payload, findings FROM record WHERE key = ? AND payload IS NOT NULL "  # noqa: S608  # our own column
                'ORDER BY received_us DESC, partition DESC, "offset" DESC',
                (key,),
            )
            newest: dict[str, Any] = {"seq": None, "event": None}
            signed = 0
            for row in records:
                if _OF_OTHERS.search(row["findings"]):
                    continue
                seq = orjson.loads(row["payload"])["seq"]
                if newest["seq"] is None or seq > newest["seq"]:
                    newest = {"seq": seq, "event": row["event"]}
                signed += 1
                if signed == KEY_RECORDS_MAX:
                    break
            return newest

        return await self._ask(read)

    async def names(self, words: list[str], kind: str | None, after: int, limit: int) -> list[Found]:
        """Names that match a search (rekap/portal/names.py). Raises ListsBusyError."""
        return await self._ask_list(lambda connection: find_names(connection, words, kind, after, limit))


def _cuts(connection: sqlite3.Connection) -> Moment:
    """The cuts of each office, without tallies."""
    results = connection.execute("SELECT office, as_of FROM result_watermark")
    blocks = connection.execute("SELECT office, partition, through FROM block_watermark")
    return Moment(
        {row["office"]: tuple(orjson.loads(row["as_of"])) for row in results},
        {(row["office"], row["partition"]): row["through"] for row in blocks},
        {},
        {},
    )


def _standing(row: dict[str, Any]) -> dict[str, Any]:
    numbers = row["contribution"]
    return {**row, "contribution": None if numbers is None else orjson.loads(numbers)}


def _with_bytes(row: dict[str, Any]) -> dict[str, Any]:
    """A record with the size of its long columns, as event_queries.STATION_HISTORY has it."""
    return {**row, "bytes": len((row["payload"] or "").encode()) + len(row["findings"].encode())}
